"""Authorisations in PostgreSQL: tokens as they are looked up, and what was answered.

What was answered is written in batches off the path: the driver does not wait for the record of
his charge. A store that is away costs nothing at first, the rows wait; they are dropped, oldest
first and counted, when more than `WAITING_MAX` wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime
from typing import Final

import msgspec

from gateway.store.database import Database, StoreUnavailable
from gateway.store.sql import load
from ocpi.model.party import PartyId

SQL = load("gateway.store", "authorisation.sql")
_encode = msgspec.json.Encoder().encode

WAITING_MAX: Final = 50_000
BATCH_MAX: Final = 1_000
PAUSE_S: Final = 0.25

Row = tuple[
    str, float, str, str, str | None, str | None, str | None, str | None, str | None,
    str, str, str | None, str, int,
]  # fmt: skip
"""authorization_reference, at (epoch seconds), allowed, reason, token country, party, uid, type,
contract_id, CPO country, CPO party, location_key, source, duration_us"""


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """One stored token with the hub's own block ('' = none)."""

    country_code: str
    party_id: str
    version: str
    body: bytes
    last_updated: datetime
    contract_key: str
    valid: bool
    whitelist: str
    blocked: str


async def read_tokens(db: Database, uid_key: str, token_type: str) -> tuple[int, list[TokenRow]]:
    """The tokens, and the microsecond of the reading: a later reading never knows less."""
    rows = await db.fetch(SQL["tokens"], uid_key, token_type)
    found = [
        TokenRow(**{name: r[name] for name in TokenRow.__struct_fields__})
        for r in rows
        if r["country_code"] is not None
    ]
    return microseconds(rows[0]["read_at"]), found


async def read_location(
    db: Database, country_code: str, party_id: str, id_key: str
) -> tuple[str, bytes] | None:
    """(version, body) of a location that its owner has published to the hub."""
    row = await db.fetchrow(SQL["location"], country_code, party_id, id_key)
    return None if row is None else (row["version"], row["body"])


async def read_tariff(db: Database, country_code: str, party_id: str, id_key: str) -> bytes | None:
    body: bytes | None = await db.fetchval(SQL["tariff"], country_code, party_id, id_key)
    return body


async def block_token(
    db: Database, owner: PartyId, uid_key: str, token_type: str, reason: str
) -> None:
    """The hub's own block of one token of one owner."""
    await db.execute(SQL["block"], owner.country_code, owner.party_id, uid_key, token_type, reason)


async def unblock_token(db: Database, owner: PartyId, uid_key: str, token_type: str) -> None:
    await db.execute(SQL["unblock"], owner.country_code, owner.party_id, uid_key, token_type)


def microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


class AuthorisationLog:
    """`log(row)` never waits; `run()` writes what has gathered until it is cancelled."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: deque[Row] = deque(maxlen=WAITING_MAX)
        self.dropped = 0

    def __call__(self, row: Row, /) -> None:
        if len(self._waiting) == WAITING_MAX:
            self.dropped += 1
        self._waiting.append(row)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(PAUSE_S)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Writes everything that waits; what a store that is away did not take waits on."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
            try:
                await self._db.execute(SQL["append"], _encode(batch).decode())
            except StoreUnavailable:
                self._keep(batch)
                return

    def _keep(self, batch: list[Row]) -> None:
        room = WAITING_MAX - len(self._waiting)
        self.dropped += max(0, len(batch) - room)
        self._waiting.extendleft(reversed(batch[-room:] if room else []))
