"""Telling others: what is written beside a change so that it is pushed after the commit.

One outbox row of topic 'push' per change. `to` absent means everybody who should know (broadcast,
from = hub); present means one receiver, from = origin.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.store.object import Key
from gateway.store.sql import load
from ocpi.model.party import PartyId

SQL = load("gateway.store", "delivery.sql")
BODY_CHARS_MAX = 65536


class Announcement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What changed and how it was said. `body` only where it is not the whole new state."""

    module: str
    country_code: str
    party_id: str
    id_key: str
    version: str
    correlation_id: str
    origin_country: str
    origin_party: str
    variant: str = ""
    method: str = "PUT"
    tail: str = ""
    body: str | None = None
    to_country: str | None = None
    to_party: str | None = None

    @property
    def owner(self) -> PartyId:
        return PartyId(self.country_code, self.party_id)

    @property
    def origin(self) -> PartyId:
        return PartyId(self.origin_country, self.origin_party)

    @property
    def to(self) -> PartyId | None:
        if self.to_country is None or self.to_party is None:
            return None
        return PartyId(self.to_country, self.to_party)


def announcement(
    module: str,
    key: Key,
    *,
    version: str,
    correlation_id: str,
    origin: PartyId,
    to: PartyId | None = None,
    method: str = "PUT",
    tail: str = "",
    body: bytes | None = None,
) -> Announcement:
    """A part of an object travels as it came, unless it is large: then the whole state is sent."""
    text = body.decode() if body is not None else None
    if text is not None and len(text) > BODY_CHARS_MAX:
        method, tail, text = "PUT", "", None
    return Announcement(
        module=module,
        country_code=key.owner.country_code,
        party_id=key.owner.party_id,
        id_key=key.id_key,
        variant=key.variant,
        version=version,
        correlation_id=correlation_id,
        origin_country=origin.country_code,
        origin_party=origin.party_id,
        method=method,
        tail=tail,
        body=text,
        to_country=to.country_code if to else None,
        to_party=to.party_id if to else None,
    )


def row_of(what: Announcement) -> tuple[str, str]:
    """Key and payload of the outbox row."""
    key = f"{what.module}/{what.country_code}/{what.party_id}/{what.id_key}"
    return key, msgspec.json.encode(what).decode()


async def announce(conn: Any, what: Announcement) -> None:
    """Writes the outbox row inside the caller's transaction."""
    await conn.execute(SQL["announce"], *row_of(what))
