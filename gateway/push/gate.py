"""One gate per partner: a bulkhead, a breaker and a rate, so that a slow partner hurts only itself.

reliability §5.6. The breaker opens after `FAILURES_MAX` failures in a row within `WINDOW_S`, lets
one probe through after `OPEN_S`, and closes on the first answer. Durations are monotonic.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiolimiter import AsyncLimiter

CALLS_AT_ONCE = 8
WAITING_MAX = 256
FAILURES_MAX = 5
WINDOW_S = 10.0
OPEN_S = 5.0
RATE_PER_S = 200.0
RATE_MIN = 0.01


class GateClosed(RuntimeError):  # noqa: N818 - an outcome, not a fault
    """The partner is not called now: breaker open, or too many calls wait for it already."""


class Breaker:
    """Counts failures in a row; `permits` is false while open, except for one probe."""

    def __init__(self) -> None:
        self._failures: list[float] = []
        self._opened_at: float | None = None
        self._probing = False

    def permits(self, now: float) -> bool:
        if self._opened_at is None:
            return True
        if self._probing or now - self._opened_at < OPEN_S:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        self._failures.clear()
        self._opened_at = None
        self._probing = False

    def failed(self, now: float) -> None:
        self._probing = False
        self._failures = [at for at in self._failures if now - at < WINDOW_S] + [now]
        if self._opened_at is not None or len(self._failures) >= FAILURES_MAX:
            self._opened_at = now
            self._failures = self._failures[-FAILURES_MAX:]

    def abandoned(self) -> None:
        """The call ended without telling anything about the partner."""
        self._probing = False

    @property
    def is_open(self) -> bool:
        return self._opened_at is not None


class Gate:
    """Everything the hub remembers about calling one partner."""

    def __init__(self) -> None:
        self.breaker = Breaker()
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._rate_per_s = 0.0
        self.limit(RATE_PER_S)
        self._waiting = 0

    def limit(self, rate_per_s: float) -> None:
        """Calls per second this partner takes: a bucket of one second, at least one call."""
        rate_per_s = min(max(rate_per_s, RATE_MIN), RATE_PER_S)
        if rate_per_s != self._rate_per_s:
            self._rate_per_s = rate_per_s
            self._limiter = AsyncLimiter(max(rate_per_s, 1.0), max(1.0, 1.0 / rate_per_s))

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Holds a slot; raises GateClosed instead of queueing without bound."""
        if self._waiting >= WAITING_MAX:
            raise GateClosed
        if not self.breaker.permits(time.monotonic()):
            raise GateClosed
        await self._wait_for_slot()
        try:
            await self._limiter.acquire()
            yield
        except BaseException:
            self.breaker.abandoned()
            raise
        finally:
            self._slots.release()

    async def _wait_for_slot(self) -> None:
        self._waiting += 1
        try:
            await self._slots.acquire()
        except BaseException:
            self.breaker.abandoned()
            raise
        finally:
            self._waiting -= 1
