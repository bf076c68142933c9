"""Demand partners that live on the plain API alone, and what invoices need to know of any party."""

from __future__ import annotations

import msgspec

from gateway.hub.context import Hub
from gateway.hub.partner import NewParty, PartnerError, with_checked_means
from gateway.hub.seal import new_token, token_hash
from gateway.store.sql import load
from ocpi.model.party import PartyId

SQL = load("gateway.store", "admission.sql")
ADDRESS_FIELDS = ("street", "city", "postal_code", "country")


class Letterhead(msgspec.Struct, frozen=True, kw_only=True):
    """Where invoices go and in which language; empty fields change nothing."""

    street: str = ""
    city: str = ""
    postal_code: str = ""
    country: str = ""
    language: str | None = None
    bic: str | None = None


async def admit(hub: Hub, new: NewParty) -> str:
    """Makes the demand partner, or gives a known one a new bearer token; shown this once."""
    if new.party == hub.party:
        raise PartnerError(f"{new.party} is the hub itself")
    new = with_checked_means(new)
    token = new_token()
    now = hub.clock.now()
    pair = (new.party.country_code, new.party.party_id)
    async with hub.db.transaction() as conn:
        known = await conn.fetchrow(SQL["known"], *pair)
        if known is not None and known["kind"] != "api":
            raise PartnerError(f"{new.party} is connected over OCPI: give the API its own party id")
        if known is None:
            platform_id = await conn.fetchval(SQL["add_platform"], new.name)
        else:
            platform_id = known["platform_id"]
        await conn.execute(
            SQL["add_party"],
            *pair,
            platform_id,
            new.name,
            new.vat_id,
            new.iban,
            new.currency,
            now,
        )
        await conn.execute(SQL["add_prefix"], "".join(pair), *pair)
        await conn.execute(SQL["revoke"], platform_id, now)
        await conn.execute(SQL["add_token"], platform_id, token_hash(token), now)
    await hub.refresh_network()
    return token


async def describe(hub: Hub, party: PartyId, head: Letterhead) -> None:
    """Keeps what was given of the party's address, language and bank."""
    given = {name: getattr(head, name) for name in ADDRESS_FIELDS if getattr(head, name)}
    if given and "country" not in given:
        given["country"] = party.country_code
    await hub.db.execute(
        SQL["describe"],
        party.country_code,
        party.party_id,
        msgspec.json.encode(given).decode(),
        head.language,
        head.bic,
        hub.clock.now(),
    )
