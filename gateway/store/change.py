"""What changed since a place in the one order over all changes."""

from __future__ import annotations

import msgspec

from gateway.store.database import Database
from gateway.store.sql import load

SQL = load("gateway.store", "change.sql")


class TokenChange(msgspec.Struct, frozen=True):
    """A token that was changed last at `seq`: its uid (folded) and type."""

    seq: int
    uid_key: str
    type: str


async def newest(db: Database) -> int:
    """The last number that was drawn; not everything up to it need be committed yet."""
    number: int = await db.fetchval(SQL["newest"])
    return number


async def tokens_after(db: Database, seq: int, limit: int) -> list[TokenChange]:
    """Tokens changed after `seq`, in order."""
    rows = await db.fetch(SQL["tokens_after"], seq, limit)
    return [TokenChange(row["seq"], row["id_key"], row["type"]) for row in rows]
