"""Whole systems of real processes; the parts that build and judge them lie in `ordeal`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parent))

from ordeal.cluster import Cluster, cluster
from ordeal.truth import Client, Truth


@pytest.fixture
def folder(make_folder: Callable[[str], Path]) -> Iterator[Path]:
    """A place for one system's data and logs."""
    if not Path("/proc/self/task").exists():
        pytest.skip("stopping a server with all its children needs /proc")
    made = make_folder("ncx-")
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest_asyncio.fixture
async def system(folder: Path) -> AsyncIterator[Cluster]:
    """Two gateways on stores that can be taken away."""
    async with cluster(folder, gateways=2, workers=0) as made:
        yield made


@pytest_asyncio.fixture
async def client(system: Cluster) -> AsyncIterator[Client]:
    """Requests of both partners, with outcomes."""
    made = Client(system, Truth())
    yield made
    await made.close()
