"""Group commit for writes that are functions of a connection (DESIGN 4).

Each topic has one committer, so writes of one kind keep their order and share transactions. A write
that fails takes its transaction with it; its neighbours are repeated one by one, so a write must
touch nothing but its connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar, cast

from gateway.store.batch import Batcher
from gateway.store.database import Database

T = TypeVar("T")
Write = Callable[[Any], Awaitable[Any]]

SIZE_MAX: Final = 64
DEADLINE_S: Final = 5.0


class GroupCommit:
    """`await commit(topic, write)` returns what `write(connection)` returned, once durable."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._batchers: dict[str, Batcher[Write, Any]] = {}

    async def __call__(self, topic: str, write: Callable[[Any], Awaitable[T]], /) -> T:
        batcher = self._batchers.get(topic)
        if batcher is None:
            batcher = self._batchers[topic] = Batcher(self._run, size_max=SIZE_MAX)
        return cast("T", await batcher.put(write))

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """By topic: how many writes, in how many transactions."""
        return {topic: (b.items, b.commits) for topic, b in self._batchers.items()}

    async def close(self) -> None:
        """Wait for what is being committed."""
        await asyncio.gather(*(batcher.close() for batcher in self._batchers.values()))

    async def _run(self, writes: Sequence[Write]) -> list[Any]:
        async with self._db.transaction(timeout_s=DEADLINE_S) as connection:
            return [await write(connection) for write in writes]
