"""Authorisations in PostgreSQL: tokens as they are looked up, and what was answered.

What was answered is written in batches off the path: the driver does not wait for the record of
his charge. A store that is away costs nothing at first, the rows wait; they are dropped, oldest
first and counted, when more than `WAITING_MAX` wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final

import asyncpg
import msgspec

from gateway.store.database import Database, StoreUnavailable
from gateway.store.sql import load
from ocpi.model.party import PartyId

SQL = load("gateway.store", "authorisation.sql")

WAITING_MAX: Final = 50_000
BATCH_MAX: Final = 5_000
PAUSE_S: Final = 0.25
NULL: Final = b"\\N"
COLUMNS: Final = (
    "authorization_reference", "at", "location_key", "duration_us",
    "allowed", "reason", "source", "token_country", "token_party", "token_uid", "token_type",
    "contract_id", "cpo_country", "cpo_party",
)  # fmt: skip
"""As a line has them: what differs from answer to answer, then what a decision keeps."""
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": None})


_SHORT_US: Final = 256
_MICROSECONDS: Final = tuple(b"\t%d\t" % n for n in range(_SHORT_US))


def text(value: str | None) -> bytes:
    """One value of a line (PostgreSQL's COPY, text format)."""
    return NULL if value is None else value.translate(_ESCAPES).encode("utf-8", "replace")


def moment(at_s: float) -> bytes:
    return b"\t%b\t" % datetime.fromtimestamp(at_s, UTC).isoformat().encode()


def line_end(*values: str | None) -> bytes:
    """What of a line stays the same while a decision does: from `allowed` to `cpo_party`."""
    return b"%b\n" % b"\t".join([text(value) for value in values])


def line(reference: bytes, at: bytes, location: bytes, duration_us: int, end: bytes) -> bytes:
    """One answer as one piece of bytes: nothing is left to be made of it when it is written."""
    duration = _MICROSECONDS[duration_us] if duration_us < _SHORT_US else b"\t%d\t" % duration_us
    return b"".join((reference, at, location, duration, end))


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
    """`log(line)` never waits; `run()` writes what has gathered until it is cancelled."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._own: deque[bytes] = deque(maxlen=WAITING_MAX)
        self._given: deque[bytes] = deque(maxlen=WAITING_MAX)
        self.dropped = 0

    def __call__(self, row: bytes, /) -> None:
        """An answer under a reference that this hub has drawn: there is no other like it."""
        if len(self._own) == WAITING_MAX:
            self.dropped += 1
        self._own.append(row)

    def given(self, row: bytes, /) -> None:
        """An answer under an issuer's reference, which it may give twice: the first row stays."""
        if len(self._given) == WAITING_MAX:
            self.dropped += 1
        self._given.append(row)

    @property
    def waiting(self) -> int:
        return len(self._own) + len(self._given)

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(PAUSE_S)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Writes everything that waits; what a store that is away did not take waits on."""
        for waiting, is_own in ((self._own, True), (self._given, False)):
            while waiting:
                batch = [waiting.popleft() for _ in range(min(BATCH_MAX, len(waiting)))]
                try:
                    await self._write(batch, is_own=is_own)
                except StoreUnavailable:
                    self._keep(waiting, batch)
                    return

    async def _write(self, batch: list[bytes], *, is_own: bool) -> None:
        rows = b"".join(batch)
        if is_own:
            try:
                async with self._db.transaction() as connection:
                    await _copy(connection, "authorisation", rows)
            except asyncpg.UniqueViolationError:  # written before, only the answer was lost
                pass
            else:
                return
        async with self._db.transaction() as connection:
            await connection.execute(SQL["stage"])
            await _copy(connection, "authorisation_staged", rows)
            await connection.execute(SQL["settle"])

    def _keep(self, waiting: deque[bytes], batch: list[bytes]) -> None:
        room = WAITING_MAX - len(waiting)
        self.dropped += max(0, len(batch) - room)
        waiting.extendleft(reversed(batch[-room:] if room else []))


async def _copy(connection: Any, table: str, rows: bytes) -> None:
    """These rows acknowledge nothing to anybody, so their commit does not wait for the disk."""
    await connection.execute(SQL["unhurried"])
    await connection.copy_to_table(table, source=BytesIO(rows), columns=COLUMNS)
