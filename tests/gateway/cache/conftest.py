"""A Valkey of the test's own, to be stopped, frozen and started again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.cache.hot import HotSet
from gateway.embedded import Stores, start_stores
from gateway.settings import load


class OwnValkey:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._settings = load(
            {"NETWORKCORE_DATA_DIR": str(folder), "NETWORKCORE_DATABASE_URL": "postgresql://none/"},
            folder,
        )
        self._stores: Stores | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/redis/redis.sock"

    @property
    def pid(self) -> int:
        return int((self.folder / "redis" / "redis.pid").read_text())

    def start(self) -> None:
        self._stores = start_stores(self._settings)

    def stop(self) -> None:
        if self._stores is not None:
            self._stores.stop()
            self._stores = None


@pytest.fixture
def own_valkey(make_folder: Callable[[str], Path]) -> Iterator[OwnValkey]:
    folder = make_folder("ncv-")
    valkey = OwnValkey(folder)
    valkey.start()
    yield valkey
    valkey.stop()
    shutil.rmtree(folder, ignore_errors=True)


HotSets = Callable[[str], Awaitable[HotSet]]


@pytest.fixture
async def hot_sets() -> AsyncIterator[HotSets]:
    """Makes started hot sets and closes them."""
    async with AsyncExitStack() as stack:

        async def make(url: str) -> HotSet:
            hot = HotSet(url)
            await hot.start()
            stack.push_async_callback(hot.close)
            return hot

        yield make


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits for something to become true; the limit is for a broken test, not an assertion."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - any condition, not an event
                await asyncio.sleep(0.002)

    return wait
