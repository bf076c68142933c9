"""What the store knows around the CDRs of a batch: parties, contracts, zones, overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
import msgspec

from ocpi.model.cdr import Cdr
from ocpi.model.party import fold
from settlement.ledger.split import CommissionContract, Rule
from settlement.pipeline.item import Original, PublishedTariff
from settlement.store import sql
from settlement.tax.party import Address, MoneyParty

SQL = sql.load("item.sql")
NO_EVSE = "#NA"
ANYONE = "*"


class Share(msgspec.Struct, frozen=True, kw_only=True):
    rules: tuple[Rule, ...]
    version: int
    collection: str
    valid_from: date
    valid_to: date | None


class DatedContract(msgspec.Struct, frozen=True, kw_only=True):
    contract: CommissionContract
    valid_from: date
    valid_to: date | None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the batch's statements brought, by CDR number or party key."""

    zones: dict[int, str] = {}
    tariffs: dict[int, list[PublishedTariff]] = {}
    parties: dict[str, dict[str, MoneyParty]] = {}
    contracts: dict[str, list[DatedContract]] = {}
    shares: dict[str, list[Share]] = {}
    overlaps: dict[int, list[str]] = {}
    originals: dict[int, tuple[int, Original]] = {}

    def party(self, key: str, role: str) -> MoneyParty | None:
        """The party in that role; somebody known under one other role only is that one too."""
        roles = self.parties.get(key, {})
        return roles.get(role) or next(iter(roles.values()), None)

    def share(self, dp: str, day: date) -> Share | None:
        for party in (dp, ANYONE):
            for share in self.shares.get(party, ()):
                if _covers(share, day):
                    return share
        return None

    def contract(self, cpo: str, dp: str, day: date) -> CommissionContract | None:
        """The CPO's contract of the day, with what the demand partner earns of it."""
        for party in (cpo, ANYONE):
            for dated in self.contracts.get(party, ()):
                if _covers(dated, day):
                    share = self.share(dp, day)
                    shares = share.rules if share else ()
                    return msgspec.structs.replace(dated.contract, shares=shares)
        return None


def _covers(dated: Share | DatedContract, day: date) -> bool:
    return dated.valid_from <= day and (dated.valid_to is None or day <= dated.valid_to)


def cpo_key(row: asyncpg.Record) -> str:
    return f"{row['country_code']}-{row['party_id']}"


def dp_key(row: asyncpg.Record) -> str:
    return f"{fold(row['token_country'])}-{fold(row['token_party'])}"


def evse_key(cdr: Cdr) -> str | None:
    key = fold(cdr.cdr_location.evse_uid)
    return None if key == NO_EVSE else key


def tariff_keys(cdr: Cdr) -> set[str]:
    named = {fold(tariff.id) for tariff in cdr.tariffs}
    return named | {fold(period.tariff_id) for period in cdr.charging_periods if period.tariff_id}


def columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[column] for row in rows] for column in range(width)]


async def read_zones(
    conn: asyncpg.Connection, rows: Sequence[asyncpg.Record], cdrs: dict[int, Cdr]
) -> dict[int, str]:
    """The location's own zone for CDRs without a session that fixed it."""
    wanted = {
        row["cdr_no"]: (
            row["country_code"],
            row["party_id"],
            fold(cdrs[row["cdr_no"]].cdr_location.id),
        )
        for row in rows
        if row["time_zone"] is None
    }
    if not wanted:
        return {}
    found = {
        (row["country_code"], row["party_id"], row["id_key"]): row["time_zone"]
        for row in await conn.fetch(SQL["zones"], *columns(sorted(set(wanted.values())), 3))
    }
    return {number: found[place] for number, place in wanted.items() if place in found}


async def read_parties(
    conn: asyncpg.Connection, keys: set[str]
) -> dict[str, dict[str, MoneyParty]]:
    pairs = [key.split("-", 1) for key in sorted(keys)]
    found: dict[str, dict[str, MoneyParty]] = {}
    rows = await conn.fetch(SQL["parties"], sorted(keys), *columns([tuple(p) for p in pairs], 2))
    for row in rows:
        found.setdefault(row["key"], {})[row["role"]] = to_party(row)
    return found


def to_party(row: asyncpg.Record) -> MoneyParty:
    """A party row as the money rules see it; where it is established is its address's country."""
    address = msgspec.json.decode(row["address"], type=dict[str, Any])
    details = msgspec.json.decode(row["business_details"], type=dict[str, Any])
    country = str(address.get("country") or row["country_code"])
    return MoneyParty(
        key=row["key"],
        name=row["name"],
        country=country,
        currency=row["currency"],
        vat_id=row["vat_id"] or "",
        address=Address(
            street=str(address.get("street") or ""),
            postal_code=str(address.get("postal_code") or ""),
            city=str(address.get("city") or ""),
            country=country,
        ),
        language=row["language"],
        iban=row["iban"] or "",
        bic=row["bic"] or "",
        legal_id=str(details.get("legal_id") or ""),
        electronic_address=str(details.get("electronic_address") or ""),
        email=str(details.get("email") or ""),
    )


async def read_contracts(
    conn: asyncpg.Connection, cpos: set[str]
) -> dict[str, list[DatedContract]]:
    found: dict[str, list[DatedContract]] = {}
    for row in await conn.fetch(SQL["contracts"], [*sorted(cpos), ANYONE]):
        contract = CommissionContract(
            contract_id=row["contract_id"],
            version=row["version"],
            currency=row["currency"],
            commission=msgspec.json.decode(row["rules"], type=tuple[Rule, ...]),
            minimum_minor=row["minimum_minor"],
            maximum_minor=row["maximum_minor"],
        )
        found.setdefault(row["party"], []).append(
            DatedContract(contract=contract, valid_from=row["valid_from"], valid_to=row["valid_to"])
        )
    return found


async def read_shares(conn: asyncpg.Connection, dps: set[str]) -> dict[str, list[Share]]:
    found: dict[str, list[Share]] = {}
    for row in await conn.fetch(SQL["shares"], [*sorted(dps), ANYONE]):
        found.setdefault(row["party"], []).append(
            Share(
                rules=msgspec.json.decode(row["rules"], type=tuple[Rule, ...]),
                version=row["version"],
                collection=row["collection"],
                valid_from=row["valid_from"],
                valid_to=row["valid_to"],
            )
        )
    return found


async def read_overlaps(
    conn: asyncpg.Connection, rows: Sequence[asyncpg.Record], cdrs: dict[int, Cdr]
) -> dict[int, list[str]]:
    """Ids of CDRs of the same EVSE at the same time: settled before, or earlier in this batch."""
    found: dict[int, list[str]] = {}
    places = []
    for row in rows:
        evse = evse_key(cdrs[row["cdr_no"]])
        if evse is not None and not row["credit"]:
            places.append((row["cdr_no"], cpo_key(row), evse, row["started_at"], row["ended_at"]))
    if places:
        for row in await conn.fetch(SQL["overlaps"], *columns(places, 5)):
            found.setdefault(row["cdr_no"], []).append(row["id_key"])
    names = {row["cdr_no"]: row["id_key"] for row in rows}
    there: dict[tuple[str, str], list[tuple[int, datetime, datetime]]] = {}
    for number, cpo, evse, start, end in places:
        earlier = there.setdefault((cpo, evse), [])
        for other, other_start, other_end in earlier:
            if other_end > start and other_start < end:
                found.setdefault(number, []).append(names[other])
        earlier.append((number, start, end))
    return found
