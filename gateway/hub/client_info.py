"""Client info: every party hears how every other one is connected (mod_hub_client_info)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.hub.announce import announce, announcement
from gateway.hub.context import Hub
from gateway.hub.network import Member, Network
from gateway.store.object import Key
from ocpi.model.client_info import ClientInfo
from ocpi.model.party import PartyId

MODULE = "hubclientinfo"


def info_of(network: Network, member: Member) -> ClientInfo:
    """One role of one party as others see it."""
    return ClientInfo(
        country_code=member.party.country_code,
        party_id=member.party.party_id,
        role=member.role,
        status=network.platforms[member.platform_id].connection,
        last_updated=member.last_updated,
    )


def listed(
    network: Network,
    own: frozenset[PartyId],
    *,
    date_from: datetime | None,
    date_to: datetime | None,
) -> list[ClientInfo]:
    """Everybody but the asker, oldest change first."""
    found = [
        info_of(network, member)
        for party, members in network.by_party.items()
        if party not in own
        for member in members
        if (date_from is None or member.last_updated >= date_from)
        and (date_to is None or member.last_updated < date_to)
    ]
    return sorted(found, key=lambda i: (i.last_updated, i.country_code, i.party_id, i.role))


async def announce_platform(hub: Hub, conn: Any, platform_id: int, correlation_id: str) -> None:
    """Inside the transaction that changed a platform's connection: everybody will be told."""
    network = hub.directory.now
    platform = network.platforms.get(platform_id)
    for member in platform.members if platform else ():
        what = announcement(
            MODULE,
            Key(member.party, member.role),
            version=hub.wire.preferred,
            correlation_id=correlation_id,
            origin=hub.party,
        )
        await announce(conn, what)
