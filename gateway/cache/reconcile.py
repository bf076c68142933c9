"""Redis is compared with PostgreSQL by change sequence, every second and before memory is trusted.

What it repairs: a process that died between its commit and its put, a process that cannot reach
Redis, a failover that undid the last writes. How far Redis is known to be right stands in Redis
itself (`MARK_KEY`), so the mark is always as old as the entries beside it; no mark means an empty
Redis. Sequence numbers are drawn before the commit, so the mark stays `SETTLE_S` behind.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Final

import msgspec

from gateway.cache.hot import HotSet
from gateway.cache.line import CacheUnavailable

MARK_KEY: Final = "reconciled:{mark}"
EVERY_S: Final = 1.0
SETTLE_S: Final = 10.0
PAGE: Final = 1000


class Sequenced(msgspec.Struct, frozen=True):
    """Something that changed, by any name, and the sequence number of its latest change."""

    seq: int
    name: Hashable


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """PostgreSQL as the reconciler sees it; all raise CacheUnavailable when it cannot be asked.

    `after(seq, limit)` answers changes in order of sequence, `newest()` the last number drawn, and
    `tell(changes)` puts what PostgreSQL now holds of them, or fails when Redis could not be told.
    """

    after: Callable[[int, int], Awaitable[Sequence[Sequenced]]]
    newest: Callable[[], Awaitable[int]]
    tell: Callable[[Sequence[Sequenced]], Awaitable[None]]


class Reconciler:
    """Installs itself as the hot set's condition for trust; `run` repeats it until cancelled."""

    def __init__(self, hot: HotSet, source: Source) -> None:
        self._hot = hot
        self._source = source
        self._floor: int | None = None
        self._seen: deque[tuple[float, int]] = deque()
        self._done: set[Sequenced] = set()
        self._flushed = 0
        self.repaired = 0
        hot.before_trust = self.catch_up

    async def catch_up(self) -> None:
        """Tell Redis everything since its own mark; afterwards its entries are as PostgreSQL's."""
        mark = await self._hot.read_mark(MARK_KEY)
        self._seen.clear()
        self._done.clear()
        if mark is None:  # empty; what this process has told since its floor is told again
            mark = await self._source.newest() if self._floor is None else self._floor
            await self._hot.write_mark(MARK_KEY, mark)
        self._floor = mark
        self._flushed = self._hot.counters.flushed
        await self._round()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            if self._floor is None or not self._hot.trusted:
                continue
            try:
                await self._round()
            except CacheUnavailable:
                continue

    async def _tell_again_when_emptied(self) -> None:
        """An emptied Redis takes anything, also what somebody read before the newest changes."""
        flushed = self._hot.counters.flushed
        if flushed != self._flushed:
            await self._hot.write_mark(MARK_KEY, self._floor or 0)
            self._done.clear()
            self._flushed = flushed

    async def _round(self) -> None:
        await self._tell_again_when_emptied()
        floor = self._floor or 0
        position = floor
        while True:
            page = await self._source.after(position, PAGE)
            fresh = [change for change in page if change not in self._done]
            await self._source.tell(fresh)
            self.repaired += len(fresh)
            self._done.update(fresh)
            if page:
                position = max(position, page[-1].seq)
            if len(page) < PAGE:
                break
        await self._raise_mark(position)

    async def _raise_mark(self, position: int) -> None:
        now = time.monotonic()
        self._seen.append((now, position))
        settled = self._floor or 0
        while self._seen and self._seen[0][0] <= now - SETTLE_S:
            settled = self._seen.popleft()[1]
        if settled > (self._floor or 0):
            self._floor = settled
            self._done = {change for change in self._done if change.seq > settled}
            await self._hot.write_mark(MARK_KEY, settled)
