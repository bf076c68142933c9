"""What the hub does by itself: still-alive checks, pulls, orders without a result.

One per process; work is claimed in the database, so that of several processes one does it.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import structlog

from gateway.hub import command, presence, pull
from gateway.hub.context import Hub
from gateway.hub.credentials import SQL
from gateway.hub.presence import Presence
from gateway.store.database import StoreUnavailable
from gateway.store.exchange import SQL as EXCHANGE_SQL
from ocpi.errors import OcpiError

LOG = structlog.get_logger("hub.chores")
TICK_S = 1.0
CHECKS_AT_ONCE = 16
PULL_LEASE = timedelta(seconds=10)  # renewed while it lasts: who dies is followed soon
PULL_RENEW_S = 3.0
PULL_PAUSE = timedelta(minutes=10)
PULL_ATTEMPTS_MAX = 6
OFFLINE_PAUSE_S = 60.0
EXPIRED_BATCH = 50
EXCHANGE_KEPT = timedelta(days=3)
EXCHANGE_BATCH = 2000
PRUNE_EVERY = 60


async def run(hub: Hub, seen: Presence) -> None:
    """Until it is cancelled; a store that is away only makes it wait."""
    tick = 0
    while True:
        await asyncio.sleep(TICK_S)
        tick += 1
        try:
            await seen.flush(hub)
            await check_silent(hub)
            await tell_expired(hub)
            await pull_next(hub)
            if tick % PRUNE_EVERY == 0:
                oldest = hub.clock.now() - EXCHANGE_KEPT
                await hub.db.execute(EXCHANGE_SQL["prune"], oldest, EXCHANGE_BATCH)
        except StoreUnavailable:
            LOG.warning("store away", chore="all")


async def check_silent(hub: Hub) -> None:
    """Asks everybody who was silent too long, some at a time; the offline once a minute."""
    network = await hub.directory.current()
    due = [p for p in network.platforms.values() if presence.is_due(hub, p)]
    for platform in due[:CHECKS_AT_ONCE]:
        not_since = hub.clock.now() - timedelta(seconds=OFFLINE_PAUSE_S)
        claimed = await hub.db.fetchval(
            SQL["claim_check"], platform.platform_id, hub.clock.now(), not_since
        )
        if claimed is not None:
            await presence.check(hub, platform)


async def tell_expired(hub: Hub) -> None:
    """An accepted order whose result never came: whoever asked is told TIMEOUT."""
    rows = await hub.db.fetch(command.SQL["expired"], hub.clock.now(), EXPIRED_BATCH)
    for row in rows:
        if row["origin_url"] is None:
            continue
        try:
            await command.relay(hub, row, b'{"result":"TIMEOUT"}', row["correlation_id"])
        except OcpiError as error:
            LOG.info("timeout not told", kind=row["kind"], reason=error.message)


async def pull_next(hub: Hub) -> None:
    """One platform's lists, if one asked for it by registering or by coming back."""
    now = hub.clock.now()
    row = await hub.db.fetchrow(SQL["claim_pull"], now, now + PULL_LEASE)
    if row is None:
        return
    renewing = asyncio.create_task(_keep_pull(hub, row["outbox_id"]))
    try:
        is_read = await _pull(hub, int(row["key"]))
    finally:
        renewing.cancel()
        await asyncio.wait({renewing})
    if is_read or row["attempts"] >= PULL_ATTEMPTS_MAX:
        await hub.db.execute(SQL["pulled"], row["outbox_id"])
    else:
        await hub.db.execute(SQL["postpone_pull"], row["outbox_id"], hub.clock.now() + PULL_PAUSE)


async def _keep_pull(hub: Hub, outbox_id: int) -> None:
    """Long lists take their time: nobody else begins with them meanwhile."""
    while True:
        await asyncio.sleep(PULL_RENEW_S)
        with contextlib.suppress(StoreUnavailable):
            await hub.db.execute(SQL["postpone_pull"], outbox_id, hub.clock.now() + PULL_LEASE)


async def _pull(hub: Hub, platform_id: int) -> bool:
    """Whether there is nothing left to read of it."""
    # Read anew: another process may have registered it a moment ago, and the row is asked for once.
    network = await hub.directory.reload()
    platform = network.platforms.get(platform_id)
    if platform is None or not platform.is_registered or platform.kind != "ocpi":
        return True
    done = await pull.pull(hub, platform, None)
    LOG.info("lists read", platform=platform.name, lists=[p.module for p in done])
    return all(p.is_complete for p in done)
