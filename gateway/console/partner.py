"""Partners: who is connected and how; suspend and resume."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from gateway.console import exchange
from gateway.console.page import Elsewhere, Missing, Page, Visit
from gateway.hub import partner
from gateway.store.database import Database
from gateway.store.sql import load
from ocpi.model.party import PartyId, fold

SQL = load(__package__, "partner.sql")
RECENT = 25


async def listing(visit: Visit) -> Page:
    """Everybody, with their connection."""
    rows = await visit.hub.db.fetch(SQL["list"])
    return Page(template="partners.html", partial="partner_rows.html", context={"partners": rows})


async def show(visit: Visit) -> Page:
    """One party and the platform it lives on."""
    who = read_party(visit.path["party"])
    db = visit.hub.db
    parties = await db.fetch(SQL["parties"], who.country_code, who.party_id)
    if not parties:
        raise Missing(f"There is no party {who}.")
    number = parties[0]["platform_id"]
    platform: Any = await db.fetchrow(SQL["platform"], number)
    endpoints, credentials, deliveries, dead = await asyncio.gather(
        *(
            db.fetch(SQL[name], number)
            for name in ("endpoints", "credentials", "deliveries", "dead")
        )
    )
    published, exchanges = await asyncio.gather(
        db.fetchrow(SQL["published"], who.country_code, who.party_id),
        exchange.recent(db, platform_id=number, limit=RECENT),
    )
    return Page(
        template="partner.html",
        context={
            "who": str(who), "parties": parties, "platform": platform, "endpoints": endpoints,
            "credentials": credentials, "deliveries": deliveries, "dead": dead,
            "published": published, "exchanges": exchanges, "quirks": _quirks(platform["quirks"]),
        },
    )  # fmt: skip


async def suspend(visit: Visit) -> Elsewhere:
    """From now on the platform may only read its credentials."""
    who = read_party(visit.path["party"])
    await visit.hub.directory.reload()
    await partner.suspend(visit.hub, who)
    return Elsewhere(location=f"/console/partners/{who}")


async def resume(visit: Visit) -> Elsewhere:
    """The platform may speak again."""
    who = read_party(visit.path["party"])
    await visit.hub.directory.reload()
    await partner.resume(visit.hub, who)
    return Elsewhere(location=f"/console/partners/{who}")


async def names(db: Database) -> list[str]:
    """Every party, for filters."""
    return [row["party"] for row in await db.fetch(SQL["names"])]


def read_party(text: str) -> PartyId:
    """`NL-ABC` as it stands in an address."""
    country, _, party = text.partition("-")
    if not (text.isascii() and len(country) == 2 and len(party) == 3):
        raise Missing(f"There is no party {text[:40]}.")
    return PartyId(fold(country), fold(party))


def _quirks(text: str) -> list[tuple[str, str]]:
    found: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    return [
        (k, v if isinstance(v, str) else msgspec.json.encode(v).decode())
        for k, v in sorted(found.items())
    ]
