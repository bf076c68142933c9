"""The pusher: one per process. Spreads announcements, hands out places, and ends cleanly.

Woken by a commit in this process, and every `POLL_S` for those of other processes. A row is leased
while it is being said: the lease is renewed for as long as that takes, and what outlives its lease
is cut off, for by then another process may be saying something newer about the same object.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from gateway.hub.context import Hub
from gateway.push import deliver
from gateway.push.deliver import IN_FLIGHT, LEASE, Delivery
from gateway.push.spread import BATCH, spread
from gateway.store.database import StoreUnavailable

LOG = structlog.get_logger("ocpi.out")
POLL_S = 0.5
STORE_PAUSE_S = 1.0
RENEW_EVERY_S = 1.0
LEASE_S = LEASE.total_seconds()
PARTNERS_AT_ONCE = 256


class Pusher:
    """`wake()` is what the hub calls after a commit; `run()` works until it is cancelled."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._busy: dict[int, int] = {}
        self._held: dict[Delivery, asyncio.Timeout] = {}
        self.delivered = 0
        self.failed = 0

    def wake(self) -> None:
        self._woken.set()

    @property
    def in_flight(self) -> int:
        return sum(self._busy.values())

    async def run(self, hub: Hub) -> None:
        """Never ends by itself; a store that is away is waited for."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_leases(hub))
            while True:
                self._woken.clear()
                try:
                    is_more = await self._round(hub, tasks)
                except StoreUnavailable:
                    await asyncio.sleep(STORE_PAUSE_S)
                    continue
                if not is_more:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_S):
                            await self._woken.wait()

    async def _round(self, hub: Hub, tasks: asyncio.TaskGroup) -> bool:
        spread_count = await spread(hub)
        due = await deliver.due_platforms(hub)
        free = [p for p in due if self._busy.get(p, 0) < IN_FLIGHT][:PARTNERS_AT_ONCE]
        places = IN_FLIGHT - max((self._busy.get(p, 0) for p in free), default=0)
        asked_at = asyncio.get_running_loop().time()
        claimed = await deliver.claim(hub, free, places) if free else []
        for what in claimed:
            self._busy[what.platform_id] = self._busy.get(what.platform_id, 0) + 1
            tasks.create_task(self._deliver(hub, what, asked_at + LEASE_S))
        return spread_count == BATCH

    async def _keep_leases(self, hub: Hub) -> None:
        """Renews what is being said; where that fails the lease ends, and the saying with it."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            held = dict(self._held)
            if not held:
                continue
            asked_at = asyncio.get_running_loop().time()
            try:
                await deliver.renew(hub, held)
            except StoreUnavailable:
                continue
            for what, limit in held.items():
                if self._held.get(what) is limit and not limit.expired():
                    limit.reschedule(asked_at + LEASE_S)

    async def _deliver(self, hub: Hub, what: Delivery, until: float) -> None:
        is_done = False
        try:
            async with asyncio.timeout_at(until) as limit:
                self._held[what] = limit
                is_done = await deliver.deliver(hub, what)
        except (StoreUnavailable, TimeoutError):
            pass  # the lease ends by itself, and the row is sent again
        finally:
            self._held.pop(what, None)
            self._busy[what.platform_id] -= 1
            if not self._busy[what.platform_id]:
                del self._busy[what.platform_id]
            self.wake()
        self.delivered += is_done
        self.failed += not is_done
