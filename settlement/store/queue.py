"""Claims from the outbox, and held items on their way back into it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg

from settlement.errors import Reason
from settlement.store import sql

SQL = sql.load("queue.sql")
RETRY_FIRST = timedelta(minutes=1)
RETRY_LAST = timedelta(hours=6)

# Causes that disappear without anybody telling the worker. All others wait for a release.
PASSING = (
    Reason.FX_QUOTE_MISSING,
    Reason.PARTY_MISSING,
    Reason.PAYEE_BANK_MISSING,
    Reason.TARIFF_MISSING,
    Reason.TIME_ZONE_MISSING,
    Reason.VAT_ID_MISSING,
    Reason.COMMISSION_MISSING,
    Reason.CREDIT_WITHOUT_ORIGINAL,
)


async def claim(conn: asyncpg.Connection, now: datetime, limit: int) -> list[int]:
    """CDR numbers that are due; they belong to the caller's transaction until it ends."""
    return [row["cdr_no"] for row in await conn.fetch(SQL["claim"], now, limit)]


async def due(conn: asyncpg.Connection, now: datetime, limit: int) -> list[int]:
    """Outbox ids that could be claimed one by one."""
    return [row["outbox_id"] for row in await conn.fetch(SQL["due"], now, limit)]


async def claim_one(conn: asyncpg.Connection, outbox_id: int) -> int | None:
    """The CDR number of one outbox row, or None when another worker has it."""
    found: int | None = await conn.fetchval(SQL["claim_one"], outbox_id)
    return found


async def waiting(conn: asyncpg.Connection) -> int:
    found: int = await conn.fetchval(SQL["waiting"])
    return found


async def release(
    conn: asyncpg.Connection,
    *,
    cdrs: Sequence[int] = (),
    reasons: Sequence[str] = (),
    now: datetime | None = None,
) -> int:
    """Held items that shall be tried again; returns how many went back into the queue."""
    at = now or datetime.now(UTC)
    return _count(await conn.execute(SQL["release"], at, list(cdrs), [str(r) for r in reasons]))


async def retry_passing(conn: asyncpg.Connection, now: datetime) -> int:
    """Items whose cause may have gone by itself, after a wait that doubles with each attempt."""
    reasons = [str(reason) for reason in PASSING]
    return _count(await conn.execute(SQL["retry"], now, reasons, RETRY_FIRST, RETRY_LAST))


async def release_credits(conn: asyncpg.Connection, settled: Sequence[int], now: datetime) -> int:
    """Credit CDRs that waited for these originals."""
    return _count(await conn.execute(SQL["release_credits"], now, list(settled)))


def _count(tag: str) -> int:
    return int(tag.rpartition(" ")[2])
