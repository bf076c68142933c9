"""Contracts in PostgreSQL: which tokens stand for one, which certificates, and in what state."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from gateway.store.authorisation import microseconds
from gateway.store.database import Database
from gateway.store.sql import load

SQL = load("gateway.store", "contract.sql")

State = Literal["NONE", "ACTIVE", "CANCELLED"]


class HashData(msgspec.Struct, frozen=True):
    """OCPP OCSPRequestData as bytes: it names one certificate."""

    algorithm: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int


class ContractCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A contract certificate that the hub was given beforehand; `chain` holds its issuers."""

    fingerprint: bytes
    emaid_key: str
    der: bytes
    chain: tuple[bytes, ...]
    state: str = "ACTIVE"


async def read_contract(
    db: Database, key: str, spellings: list[str], now: datetime
) -> tuple[int, State, list[tuple[str, str]]]:
    """(microsecond of the reading, state, (uid_key, type) of its tokens)."""
    rows = await db.fetch(SQL["tokens"], spellings)
    refs = [(r["id_key"], r["type"]) for r in rows if r["id_key"] is not None]
    states = [
        r["state"]
        for r in await db.fetch(SQL["states"], key)
        if r["state"] == "CANCELLED" or r["not_after"] > now
    ]
    state: State = "NONE"
    if states:
        state = "ACTIVE" if "ACTIVE" in states else "CANCELLED"
    return microseconds(rows[0]["read_at"]), state, refs


async def contracts_of_token(db: Database, uid_key: str, token_type: str) -> list[str]:
    rows = await db.fetch(SQL["contracts_of_token"], uid_key, token_type)
    return [r["contract_key"] for r in rows]


async def by_hash(db: Database, wanted: HashData) -> ContractCertificate | None:
    row = await db.fetchrow(
        SQL["by_hash"], wanted.algorithm, wanted.issuer_name_hash, wanted.issuer_key_hash,
        wanted.serial,
    )  # fmt: skip
    if row is None:
        return None
    return ContractCertificate(
        fingerprint=row["fingerprint"],
        emaid_key=row["emaid_key"],
        der=row["der"],
        chain=tuple(row["chain"]),
        state=row["state"],
    )


async def add(
    conn: Any, certificate: ContractCertificate, not_after: datetime, hashes: list[HashData]
) -> None:
    """Keeps a contract certificate and all it may be named by; in the caller's transaction."""
    await conn.execute(
        SQL["add"], certificate.fingerprint, certificate.emaid_key, certificate.der,
        list(certificate.chain), not_after,
    )  # fmt: skip
    for h in hashes:
        await conn.execute(
            SQL["add_hash"], h.algorithm, h.issuer_name_hash, h.issuer_key_hash, h.serial,
            certificate.fingerprint,
        )  # fmt: skip


async def cancel(conn: Any, emaid_key: str, fingerprint: bytes | None = None) -> int:
    """How many certificates of the contract were active until now."""
    return len(await conn.fetch(SQL["cancel"], emaid_key, fingerprint))


async def active(db: Database, limit: int) -> list[Any]:
    """(der, chain) of the contract certificates that may still be used."""
    return await db.fetch(SQL["active"], limit)


async def listing(db: Database, limit: int) -> list[Any]:
    return await db.fetch(SQL["list"], limit)
