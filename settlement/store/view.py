"""What people look at: held items, one settlement in full, counts and ages; plain frozen values."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from ocpi.model.party import fold
from settlement.store import sql

SQL = sql.load("view.sql")
ROWS_MAX = 500
NUMBER_MAX = 2**63 - 1


class HeldItem(msgspec.Struct, frozen=True, kw_only=True):
    """A CDR that waits, since when and why."""

    cdr_no: int
    cdr_key: str
    reason: str
    detail: str
    field: str
    cpo: str
    dp: str
    currency: str
    since: datetime
    last_tried: datetime
    attempts: int
    released: datetime | None


class HeldCount(msgspec.Struct, frozen=True, kw_only=True):
    reason: str
    count: int
    oldest: datetime


class SettlementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a list of settlements; amounts are None while it is held."""

    cdr_no: int
    cdr_key: str
    state: str
    cpo: str
    dp: str
    currency: str
    net_minor: int | None
    vat_minor: int | None
    gross_minor: int | None
    commission_minor: int | None
    share_minor: int | None
    energy_wh: int | None
    ended_at: datetime
    received_at: datetime
    settled_at: datetime | None


class JournalLeg(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    kind: str
    posted_at: datetime
    account: str
    currency: str
    amount_minor: int


class SettlementView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one CDR: the amounts, the explained price, what it rests on, the legs."""

    line: SettlementLine
    started_at: datetime
    reversed_by: int | None
    price: dict[str, Any] | None
    result: dict[str, Any] | None
    used: dict[str, Any] | None
    legs: tuple[JournalLeg, ...]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How the queue, the book and the documents stand."""

    waiting: int
    settled: int
    reversed: int
    held: int
    documents: int
    documents_due: int
    documents_blocked: int
    payouts: int


class Age(msgspec.Struct, frozen=True, kw_only=True):
    """How long settling took, by currency."""

    currency: str
    settled: int
    median_from_receipt: timedelta
    longest_from_receipt: timedelta
    longest_from_end: timedelta


async def list_held(
    conn: asyncpg.Connection,
    *,
    reason: str | None = None,
    party: str | None = None,
    limit: int = ROWS_MAX,
) -> tuple[HeldItem, ...]:
    """The oldest first."""
    rows = await conn.fetch(SQL["held"], reason, party, min(limit, ROWS_MAX))
    return tuple(HeldItem(**dict(row)) for row in rows)


async def count_held(conn: asyncpg.Connection) -> tuple[HeldCount, ...]:
    return tuple(HeldCount(**dict(row)) for row in await conn.fetch(SQL["held_counts"]))


async def list_settlements(
    conn: asyncpg.Connection,
    *,
    party: str | None = None,
    state: str | None = None,
    before: int = NUMBER_MAX,
    limit: int = 100,
) -> tuple[SettlementLine, ...]:
    """The newest first; `before` is the last `cdr_no` of the page before."""
    rows = await conn.fetch(SQL["settlements"], party, state, before, min(limit, ROWS_MAX))
    return tuple(SettlementLine(**dict(row)) for row in rows)


async def show_settlement(conn: asyncpg.Connection, cdr_no: int) -> SettlementView | None:
    """One settlement with its explanation and its journal rows, or None where nothing is known."""
    row = await conn.fetchrow(SQL["settlement"], cdr_no)
    if row is None:
        return None
    legs = await conn.fetch(SQL["legs"], row["idems"])
    return SettlementView(
        line=SettlementLine(**{name: row[name] for name in SettlementLine.__struct_fields__}),
        started_at=row["started_at"],
        reversed_by=row["reversed_by"],
        price=_read(row["price"]),
        result=_read(row["result"]),
        used=_read(row["used"]),
        legs=tuple(
            JournalLeg(
                seq=leg["seq"],
                kind=leg["kind"],
                posted_at=leg["posted_at"],
                account=leg["account"],
                currency=leg["currency"],
                amount_minor=leg["amount"],
            )
            for leg in legs
        ),
    )


async def find_cdr(conn: asyncpg.Connection, text: str) -> int | None:
    """The number of a CDR from what people type: `42`, or `NL-ABC/CDR-1`."""
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    owner, _, cdr_id = text.partition("/")
    country, _, party = owner.partition("-")
    found: int | None = await conn.fetchval(
        SQL["number_of"], fold(country), fold(party), fold(cdr_id)
    )
    return found


async def count_all(conn: asyncpg.Connection) -> Counts:
    row = await conn.fetchrow(SQL["counts"])
    if row is None:
        raise LookupError("the store gave no counts")
    return Counts(**dict(row))


async def measure_ages(conn: asyncpg.Connection, since: datetime) -> tuple[Age, ...]:
    """The 48 h promise as it was kept since then."""
    return tuple(Age(**dict(row)) for row in await conn.fetch(SQL["ages"], since))


def _read(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])
