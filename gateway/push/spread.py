"""From one announcement to the parties that should hear it: outbox rows become delivery rows.

Done by whichever process takes the rows first; the outbox rows go in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from gateway.hub import client_info
from gateway.hub.announce import SQL, Announcement
from gateway.hub.context import Hub
from gateway.hub.network import Member, Network
from ocpi.model.party import PartyId

BATCH = 200
HUB_CLIENT_INFO = client_info.MODULE


async def spread(hub: Hub) -> int:
    """Takes one batch of announcements; returns how many there were."""
    now = hub.clock.now()
    async with hub.db.transaction() as conn:
        rows = await conn.fetch(SQL["claim_announcements"], BATCH, now)
        if not rows:
            return 0
        announcements = [
            msgspec.json.decode(r["payload"], type=Announcement)
            for r in sorted(rows, key=lambda r: r["outbox_id"])
        ]
        network = await hub.directory.current()
        if any(_is_unheard(network, a) for a in announcements):
            # Before it is told to nobody: another process may have registered them a moment ago.
            network = await hub.directory.reload()
        deliveries = [d for a in announcements for d in _deliveries(network, a, now)]
        await conn.executemany(SQL["enqueue"], deliveries)
    return len(rows)


def _is_unheard(network: Network, what: Announcement) -> bool:
    """Whom it is for cannot take it over OCPI, as far as is known here."""
    if what.to is None or receivers(network, what):
        return False
    homes = network.by_party.get(what.to, ())
    return all(network.platforms[m.platform_id].kind == "ocpi" for m in homes)


def _deliveries(network: Network, what: Announcement, now: datetime) -> Iterable[tuple[Any, ...]]:
    origin = what.origin if what.to is not None else network.hub
    body = what.body.encode() if what.body is not None else None
    for platform_id, party in receivers(network, what):
        yield (
            platform_id, party.country_code, party.party_id, what.module,
            what.country_code, what.party_id, what.id_key, what.variant,
            origin.country_code, origin.party_id, what.method, what.tail, body,
            what.version, what.correlation_id, now,
        )  # fmt: skip


def receivers(network: Network, what: Announcement) -> list[tuple[int, PartyId]]:
    """Whom an announcement reaches; a party that serves no such module is told nothing."""
    if what.module == HUB_CLIENT_INFO:
        return _listeners(network, what.owner)
    if what.to is not None:
        return _one(network, what, what.to)
    members = network.receivers(what.origin, what.module)
    return [(m.platform_id, m.party) for m in members]


def _one(network: Network, what: Announcement, to: PartyId) -> list[tuple[int, PartyId]]:
    platform = network.platform_of(to, module=what.module, side="RECEIVER")
    is_served = platform is not None and platform.endpoint(what.module, "RECEIVER") is not None
    if platform is None or not is_served or not network.allows(what.origin, to, what.module):
        return []
    return [(platform.platform_id, to)]


def _listeners(network: Network, about: PartyId) -> list[tuple[int, PartyId]]:
    """Client info goes once to every platform that wants it, and not to the one it is about."""
    found: list[tuple[int, PartyId]] = []
    for platform in network.platforms.values():
        wants = platform.endpoint(HUB_CLIENT_INFO, "RECEIVER") is not None
        if platform.is_registered and wants and not platform.owns(about):
            first: Member = platform.members[0]
            found.append((platform.platform_id, first.party))
    return found
