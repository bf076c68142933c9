"""Which documents the official rules have judged, and what they said (EN 16931 schematron)."""

from __future__ import annotations

from datetime import datetime

import asyncpg
import msgspec

from settlement.store import sql

SQL = sql.load("check.sql")
AT_ONCE = 200


class Unchecked(msgspec.Struct, frozen=True, kw_only=True):
    document_id: int
    number: str
    ubl: bytes


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """`failed` fatal findings; `findings` as JSON."""

    document_id: int
    rule_set: str
    version: str
    sha256: str
    failed: int
    findings: bytes


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A document that must not be sent."""

    number: str
    rule_set: str
    version: str
    findings: str


async def unchecked(conn: asyncpg.Connection, limit: int = AT_ONCE) -> tuple[Unchecked, ...]:
    """The oldest documents that nobody judged yet."""
    return tuple(Unchecked(**dict(row)) for row in await conn.fetch(SQL["unchecked"], limit))


async def add(conn: asyncpg.Connection, judged: Judgement, now: datetime) -> None:
    """Keeps a judgement; the same rules again change nothing."""
    await conn.execute(
        SQL["add"],
        judged.document_id,
        judged.rule_set,
        judged.version,
        judged.sha256,
        judged.failed,
        judged.findings.decode(),
        now,
    )


async def failed(conn: asyncpg.Connection, limit: int = AT_ONCE) -> tuple[Failed, ...]:
    """Documents with fatal findings."""
    return tuple(Failed(**dict(row)) for row in await conn.fetch(SQL["failed"], limit))
