"""A PostgreSQL of the test's own, to be killed and frozen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.embedded import start_stores
from gateway.settings import load


class OwnPostgres:
    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    @property
    def pid(self) -> int:
        return int((self.folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])

    def pids(self) -> list[int]:
        """The postmaster and all its children: a true crash takes them together."""
        postmaster = self.pid
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
        found = children.read_text().split() if children.exists() else []
        return [postmaster, *map(int, found)]


@pytest.fixture
def own_postgres(make_folder: Callable[[str], Path]) -> Iterator[OwnPostgres]:
    folder = make_folder("ncp-")
    settings = load(
        {"NETWORKCORE_DATA_DIR": str(folder), "NETWORKCORE_REDIS_URL": "redis://none"}, folder
    )
    stores = start_stores(settings, durable=False)
    yield OwnPostgres(folder, stores.database_url)
    stores.stop()
    shutil.rmtree(folder, ignore_errors=True)
