"""The exchange log: one line per request, both directions, written in batches off the path.

Losing a line under overload is allowed (and counted); delaying an answer for one is not.
Bodies are cut at a limit and carry no credentials: the module `credentials` is logged without body.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from datetime import datetime
from typing import Protocol

import msgspec

from gateway.store.database import Database, StoreUnavailable
from gateway.store.sql import load

SQL = load(__package__, "exchange.sql")
BODY_BYTES_MAX = 8192
WAITING_MAX = 5000
BATCH_MAX = 500
PAUSE_S = 0.25
SECRET_MODULES = frozenset({"credentials"})
_STATUS = re.compile(rb'"status_code"\s*:\s*"?(\d{4})\b')
_HEAD_BYTES = 256


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    direction: str
    method: str
    path: str
    platform_id: int | None = None
    from_party: str | None = None
    to_party: str | None = None
    module: str | None = None
    version: str | None = None
    request_id: str | None = None
    correlation_id: str | None = None
    http_status: int | None = None
    ocpi_status: int | None = None
    duration_us: int | None = None
    request: bytes | None = None
    response: bytes | None = None
    note: str | None = None


def envelope_status(body: bytes | None) -> int | None:
    """The status_code of an envelope without decoding it: it stands at its beginning or its end."""
    if not body:
        return None
    found = _STATUS.search(body[:_HEAD_BYTES]) or _STATUS.search(body[-_HEAD_BYTES:])
    return int(found[1]) if found else None


class Observe(Protocol):
    """Counts an exchange: `gateway.observe.metrics.Metrics.observe_exchange`."""

    def __call__(
        self, *, direction: str, party: str | None, module: str | None, outcome: str, seconds: float
    ) -> None:
        """Add one."""


def _outcome(exchange: Exchange) -> str:
    """A bounded word: why nothing came, else the OCPI status, else the class of the HTTP status."""
    if exchange.note is not None:
        return exchange.note
    if exchange.ocpi_status is not None:
        return str(exchange.ocpi_status) if exchange.ocpi_status < 5000 else "other"
    return f"{(exchange.http_status or 0) // 100}xx"


class ExchangeLog:
    """`log(exchange)` never waits; `run()` writes what has gathered until it is cancelled."""

    def __init__(self, db: Database, *, observe: Observe | None = None) -> None:
        self._db = db
        self._observe = observe
        self._waiting: deque[Exchange] = deque(maxlen=WAITING_MAX)
        self.dropped = 0

    def __call__(self, exchange: Exchange, /) -> None:
        if len(self._waiting) == WAITING_MAX:
            self.dropped += 1
        self._waiting.append(exchange)
        if self._observe is not None:
            self._observe(
                direction=exchange.direction,
                party=exchange.from_party if exchange.direction == "IN" else exchange.to_party,
                module=exchange.module,
                outcome=_outcome(exchange),
                seconds=(exchange.duration_us or 0) / 1_000_000,
            )

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(PAUSE_S)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Writes everything that waits; a store that is away costs the lines, nothing else."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
            try:
                async with self._db.transaction() as connection:
                    await connection.execute(SQL["unhurried"])
                    await connection.execute(SQL["append"], *_columns(batch))
            except StoreUnavailable:
                self.dropped += len(batch)
                return


def _columns(batch: list[Exchange]) -> list[list[object]]:
    rows = [_row(x) for x in batch]
    return [list(column) for column in zip(*rows, strict=True)]


def _row(x: Exchange) -> tuple[object, ...]:
    secret = x.module in SECRET_MODULES
    return (
        x.at, x.direction, x.platform_id, _clean(x.from_party), _clean(x.to_party),
        x.method, _clean(x.path), x.module, x.version,
        _clean(x.request_id), _clean(x.correlation_id),
        x.http_status, x.ocpi_status, x.duration_us,
        None if secret or x.request is None else x.request[:BODY_BYTES_MAX],
        None if secret or x.response is None else x.response[:BODY_BYTES_MAX],
        x.note,
    )  # fmt: skip


def _clean(text: str | None) -> str | None:
    return text.replace("\0", "").encode("utf-8", "replace").decode() if text is not None else None
