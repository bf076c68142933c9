"""Group commit: what waits while one transaction commits shares the next one.

No timer lingers: a lone item is written at once, a crowd in one multi-row statement and one fsync.
Every caller gets its own answer, after the commit. A caller that is cancelled, or that gets
StoreUnavailable, does not know whether its item was written (reliability §1.6): items must be
idempotent by identity.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from gateway.store.database import StoreUnavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")

SIZE_MAX: Final = 256
WAITING_MAX: Final = 10_000


class Batcher(Generic[Item, Answer]):
    """Runs `write` with everything that waits; `write` commits and answers in the same order."""

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        *,
        size_max: int = SIZE_MAX,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._write = write
        self._size_max = size_max
        self._waiting_max = waiting_max
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._committer: asyncio.Task[None] | None = None
        self._closed = False
        self.items = 0
        self.commits = 0
        self.refused = 0

    async def put(self, item: Item) -> Answer:
        """The answer for `item`, once it is committed; StoreUnavailable also when too many wait."""
        if self._closed or len(self._waiting) >= self._waiting_max:
            self.refused += 1
            raise StoreUnavailable("closing" if self._closed else "too many writes are waiting")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit_all(), name="group-commit")
        return await future

    async def close(self) -> None:
        """Take nothing new, and return when everything that waits has its answer."""
        self._closed = True
        if self._committer is not None:
            await asyncio.wait({self._committer})

    async def _commit_all(self) -> None:
        batch: list[tuple[Item, asyncio.Future[Answer]]] = []
        try:
            while self._waiting:
                batch = self._take()
                if batch:
                    await self._commit(batch)
        finally:
            self._committer = None
            for _, future in (*batch, *self._waiting):  # only when this task is cancelled
                future.cancel()
            self._waiting.clear()

    def _take(self) -> list[tuple[Item, asyncio.Future[Answer]]]:
        count = min(self._size_max, len(self._waiting))
        taken = [self._waiting.popleft() for _ in range(count)]
        return [(item, future) for item, future in taken if not future.done()]

    async def _commit(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        self.items += len(batch)
        self.commits += 1
        try:
            answers = await self._write([item for item, _ in batch])
        except StoreUnavailable as error:
            for _, future in batch:
                _fail(future, error)
        except Exception as error:  # noqa: BLE001 - handed to the caller whose item caused it
            if len(batch) == 1:
                _fail(batch[0][1], error)
            else:
                for entry in batch:  # one item is poison: alone it fails nobody else
                    await self._commit([entry])
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


def _fail(future: asyncio.Future[Answer], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
