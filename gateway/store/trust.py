"""Trust in PostgreSQL: what the snapshot that verifies certificates is built from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from gateway.store.database import Database
from gateway.store.sql import load

SQL = load("gateway.store", "trust.sql")


class AnchorRow(msgspec.Struct, frozen=True, kw_only=True):
    fingerprint: bytes
    role: str
    der: bytes
    subject: str
    not_after: datetime
    tolerances: tuple[str, ...] = ()
    source: str


class RevocationRow(msgspec.Struct, frozen=True, kw_only=True):
    """`issuer_key_hash` is SHA-256 of the issuer's public key bits."""

    issuer_key_hash: bytes
    serial: int
    revoked_at: datetime
    reason: str
    source: str


class SourceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A CRL or an OCSP answer as fetched; `source` is its configured address or a file's name."""

    source: str
    kind: str
    der: bytes
    this_update: datetime
    next_update: datetime | None
    fetched_at: datetime


class ConfiguredSource(msgspec.Struct, frozen=True, kw_only=True):
    """An address that an operator allowed to be asked, and when it last answered."""

    name: str
    kind: str
    url: str
    allows_private: bool = False
    every_s: int = 3600
    fetched_at: datetime | None = None
    failure: str | None = None


class TrustRows(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one moment; `cancelled` are fingerprints of contract certificates."""

    anchors: tuple[AnchorRow, ...]
    revocations: tuple[RevocationRow, ...]
    sources: tuple[SourceRow, ...]
    cancelled: tuple[bytes, ...]


async def read(db: Database) -> TrustRows:
    """One consistent reading of all three tables."""
    async with db.transaction() as conn:
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        anchors = await conn.fetch(SQL["anchors"])
        revocations = await conn.fetch(SQL["revocations"])
        sources = await conn.fetch(SQL["sources"])
        cancelled = await conn.fetch(SQL["cancelled"])
    return TrustRows(
        anchors=tuple(_anchor(r) for r in anchors),
        revocations=tuple(_revocation(r) for r in revocations),
        sources=tuple(_source(r) for r in sources),
        cancelled=tuple(r["fingerprint"] for r in cancelled),
    )


async def read_stamp(db: Database) -> str:
    """A text that changes with everything that `read` reads."""
    return str(await db.fetchval(SQL["stamp"]))


async def configure_source(db: Database, source: ConfiguredSource) -> None:
    await db.execute(
        SQL["configure_source"], source.name, source.kind, source.url, source.allows_private,
        source.every_s,
    )  # fmt: skip


async def configured_sources(db: Database) -> list[ConfiguredSource]:
    rows = await db.fetch(SQL["configured"])
    names = ConfiguredSource.__struct_fields__
    return [ConfiguredSource(**{name: row[name] for name in names}) for row in rows]


async def source_failed(db: Database, name: str, at: datetime, failure: str) -> None:
    await db.execute(SQL["source_failed"], name, at, failure)


async def add_anchor(conn: Any, row: AnchorRow) -> None:
    await conn.execute(
        SQL["add_anchor"], row.fingerprint, row.role, row.der, row.subject, row.not_after,
        list(row.tolerances), row.source,
    )  # fmt: skip


async def remove_anchor(conn: Any, fingerprint: bytes) -> bool:
    return await conn.fetchval(SQL["remove_anchor"], fingerprint) is not None


async def revoke(conn: Any, row: RevocationRow) -> None:
    await conn.execute(
        SQL["revoke"], row.issuer_key_hash, row.serial, row.revoked_at, row.reason, row.source
    )


async def keep_source(conn: Any, row: SourceRow) -> bool:
    """False when a newer one is kept already."""
    tag = await conn.execute(
        SQL["keep_source"], row.source, row.kind, row.der, row.this_update, row.next_update,
        row.fetched_at,
    )  # fmt: skip
    return str(tag).endswith(" 1")


def _anchor(row: Any) -> AnchorRow:
    return AnchorRow(
        fingerprint=row["fingerprint"],
        role=row["role"],
        der=row["der"],
        subject=row["subject"],
        not_after=row["not_after"],
        tolerances=tuple(row["tolerances"]),
        source=row["source"],
    )


def _revocation(row: Any) -> RevocationRow:
    return RevocationRow(
        issuer_key_hash=row["issuer_key_hash"],
        serial=int(row["serial"]),
        revoked_at=row["revoked_at"],
        reason=row["reason"],
        source=row["source"],
    )


def _source(row: Any) -> SourceRow:
    return SourceRow(**{name: row[name] for name in SourceRow.__struct_fields__})
