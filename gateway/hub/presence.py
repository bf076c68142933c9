"""Who is there: seen when it speaks or answers, offline when it no longer does, everybody told.

OCPI mod_hub_client_info: status changes are pushed to all; a party that was silent for a while is
asked for its versions (the check itself is in gateway.push.alive).
"""

from __future__ import annotations

from datetime import timedelta

from gateway.hub import client_info, peer
from gateway.hub.context import Hub
from gateway.hub.credentials import SQL
from gateway.hub.network import Platform
from gateway.hub.peer import Answer, Request

SILENCE_MAX = timedelta(minutes=5)
CHECK_TIMEOUT_S = 5.0
CONNECTED = "CONNECTED"
OFFLINE = "OFFLINE"


class Presence:
    """Gathers who was seen; `flush` writes it down a few times a minute, not once per request."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def mark(self, platform_id: int) -> None:
        """The platform spoke, or answered, just now."""
        self._seen.add(platform_id)

    async def flush(self, hub: Hub) -> None:
        """Writes who was seen; who counted as offline is connected again."""
        seen, self._seen = self._seen, set()
        if not seen:
            return
        await hub.db.execute(SQL["seen"], list(seen), hub.clock.now())
        platforms = (await hub.directory.current()).platforms
        for platform_id in seen:
            platform = platforms.get(platform_id)
            if platform is not None and platform.connection == OFFLINE:
                await set_connection(hub, platform_id, CONNECTED)


async def set_connection(hub: Hub, platform_id: int, connection: str) -> bool:
    """True when this was a change: then everybody will be told."""
    now = hub.clock.now()
    async with hub.db.transaction() as conn:
        if await conn.fetchval(SQL["set_connection"], platform_id, connection) is None:
            return False
        await conn.execute(SQL["touch_parties"], platform_id, now)
        await client_info.announce_platform(hub, conn, platform_id, peer.new_id())
        if connection == CONNECTED:
            await conn.execute(SQL["ask_pull"], str(platform_id), now)
            await conn.execute(SQL["release_deliveries"], platform_id, now)
    await hub.refresh_network()
    hub.wake()
    return True


def is_due(hub: Hub, platform: Platform) -> bool:
    """Whether a registered OCPI platform was silent for long enough to be asked."""
    if not platform.is_registered or platform.kind != "ocpi" or platform.versions_url is None:
        return False
    seen = platform.last_seen
    return seen is None or hub.clock.now() - seen > SILENCE_MAX


async def check(hub: Hub, platform: Platform) -> bool:
    """Still alive: a GET on the versions endpoint; any OCPI answer counts as life."""
    assert platform.versions_url is not None
    request = Request(
        method="GET", url=platform.versions_url, module="versions", timeout_s=CHECK_TIMEOUT_S
    )
    answer: Answer = await peer.ask(hub, platform, request)
    is_alive = answer.envelope is not None
    if is_alive:
        await hub.db.execute(SQL["seen"], [platform.platform_id], hub.clock.now())
    await set_connection(hub, platform.platform_id, CONNECTED if is_alive else OFFLINE)
    return is_alive
