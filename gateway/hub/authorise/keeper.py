"""Tokens, contracts and the network, looked up the short way and kept coherent.

Memory, then Redis, then PostgreSQL. A write goes the other way: PostgreSQL has committed before
`token_changed` is called, and that returns when Redis holds the new record, so that every process
has been told (reliability §5.7). The record is read again from PostgreSQL and carries the moment of
that reading as its version: of two writers the later reading stays, whoever comes last.

Identical questions that nobody can answer from memory share one reading (single flight).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import msgspec

from gateway.cache.hot import MISS, Found
from gateway.hub.authorise.record import (
    NETWORK_KEY,
    TRUST_KEY,
    ContractRecord,
    TokenRecord,
    contract_key,
    decode_contract,
    decode_tokens,
    encode_contract,
    encode_tokens,
    token_key,
)
from gateway.hub.authorise.standing import Standings, same_network
from gateway.hub.network import Directory
from gateway.store.authorisation import TokenRow, microseconds, read_tokens
from gateway.store.contract import read_contract
from gateway.store.database import Database, StoreUnavailable
from pnc import emaid

T = TypeVar("T")
PICTURE_AGE_MAX_S: Final = 1.0
READINGS_MAX: Final = 3
PICTURE_AGE_S: Final = 0.5  # from here on it is read again, while it still answers
_CHECK_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Unreadable(Exception):  # noqa: N818 - it is an answer ("nobody can say"), not a fault
    """Neither memory, nor Redis, nor PostgreSQL could say whether such a token exists."""


class Hot(Protocol):
    """The part of `gateway.cache.hot.HotSet` that is used here."""

    @property
    def trusted(self) -> bool: ...
    def get_now(self, key: str) -> Found: ...
    def holds(self, key: str, value: bytes, now: float) -> bool: ...
    async def get(self, key: str) -> Found: ...
    async def put(self, key: str, value: bytes | None, version: int) -> bool: ...
    async def fill(self, key: str, value: bytes | None, version: int) -> bool: ...


class Keeper:
    """One per process."""

    def __init__(self, db: Database, hot: Hot, directory: Directory) -> None:
        self.hot = hot
        self._db = db
        self._directory = directory
        self._flights: dict[str, asyncio.Task[Any]] = {}
        self._standings = Standings(directory.now)
        self._standings_epoch: Found = MISS
        self._standings_read_at = float("-inf")

    # --- reading -------------------------------------------------------------------------------

    async def tokens(self, uid_key: str, token_type: str) -> tuple[TokenRecord, ...]:
        """Every token with this uid and type, usable first; raises Unreadable."""
        key = token_key(uid_key, token_type)
        raw = await self.hot.get(key)
        if isinstance(raw, bytes):
            return decode_tokens(raw)
        return await self._once(key, lambda: self._load_tokens(uid_key, token_type))

    async def contract(self, key: str, now: datetime) -> ContractRecord:
        """What is known of the contract with this normalised id; raises Unreadable."""
        name = contract_key(key)
        raw = await self.hot.get(name)
        if isinstance(raw, bytes):
            return decode_contract(raw)
        return await self._once(name, lambda: self._load_contract(key, now))

    async def standings(self) -> Standings:
        """The network as it is now: by the hot set's word, else at most a second old."""
        for _ in range(READINGS_MAX):
            epoch = await self.hot.get(NETWORK_KEY)
            if self._is_current(epoch):
                break
            await self._once(NETWORK_KEY, partial(self._read_standings, epoch))
            if epoch is MISS or epoch == self._standings_epoch:
                break  # else this was a reading that had begun before the last change
        return self._standings

    def standings_now(self) -> Standings | None:
        """The same without waiting, or None when it has to be read first."""
        return self.standings_at(time.monotonic())

    def standings_at(self, now: float) -> Standings | None:
        """`standings_now` for whoever has just looked at the monotonic clock."""
        epoch = self._standings_epoch
        if not isinstance(epoch, bytes) or not self.hot.holds(NETWORK_KEY, epoch, now):
            return None
        age = now - self._standings_read_at
        if age > PICTURE_AGE_S:
            if age >= PICTURE_AGE_MAX_S:
                return None
            if NETWORK_KEY not in self._flights:  # nobody who asks has to wait for it
                self._begin(NETWORK_KEY, partial(self._read_standings, epoch))
        return self._standings

    def _is_current(self, epoch: Found) -> bool:
        return (
            epoch is not MISS
            and epoch == self._standings_epoch
            and time.monotonic() - self._standings_read_at < PICTURE_AGE_MAX_S
        )

    async def _read_standings(self, epoch: Found) -> Standings:
        """The epoch is known before the picture is read, so the picture is never older than it."""
        started = time.monotonic()
        is_same = epoch is not MISS and epoch == self._standings_epoch
        try:
            if epoch is MISS and self.hot.trusted:
                epoch = await self._raise_epoch(NETWORK_KEY)
            picture = await self._directory.reload()
        except StoreUnavailable as error:
            if not is_same or not self._standings.picture.platforms:
                raise Unreadable(str(error)) from error
            picture = self._standings.picture
        if not same_network(picture, self._standings.picture):
            self._standings = Standings(picture)
        self._standings_epoch = epoch
        self._standings_read_at = started
        return self._standings

    async def _once(self, key: str, load: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The first who asks reads, the others wait for it; who is cancelled takes nobody along."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._begin(key, load)
        result: T = await asyncio.shield(flight)
        return result

    def _begin(self, key: str, load: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        flight = self._flights[key] = asyncio.create_task(load())
        flight.add_done_callback(lambda _: self._land(key))
        return flight

    def _land(self, key: str) -> None:
        flight = self._flights.pop(key, None)
        if flight is not None and not flight.cancelled():
            flight.exception()  # seen, even when everybody who waited has gone

    async def _load_tokens(self, uid_key: str, token_type: str) -> tuple[TokenRecord, ...]:
        try:
            read_at, rows = await read_tokens(self._db, uid_key, token_type)
        except StoreUnavailable as error:
            raise Unreadable(str(error)) from error
        records = tuple(_record(row, token_type) for row in rows)
        if not records:  # nothing is remembered of what does not exist: anybody can invent uids
            return ()
        raw = encode_tokens(records)
        await self.hot.fill(token_key(uid_key, token_type), raw, read_at)
        return decode_tokens(raw)

    async def _load_contract(self, key: str, now: datetime) -> ContractRecord:
        try:
            read_at, state, refs = await read_contract(self._db, key, spellings(key), now)
        except StoreUnavailable as error:
            raise Unreadable(str(error)) from error
        record = ContractRecord(key, state, tuple(refs))
        if refs or state != "NONE":
            await self.hot.fill(contract_key(key), encode_contract(record), read_at)
        return record

    # --- changing ------------------------------------------------------------------------------

    async def token_changed(self, uid_key: str, token_type: str) -> None:
        """After the commit of a token's change; returns when the hot set knows of it."""
        read_at, rows = await read_tokens(self._db, uid_key, token_type)
        raw = encode_tokens([_record(row, token_type) for row in rows])
        await self.hot.put(token_key(uid_key, token_type), raw, read_at)
        for contract in {row.contract_key for row in rows}:
            found = emaid.normalise(contract)
            if found is not None:
                await self.contract_changed(found.key)

    async def contract_changed(self, key: str) -> None:
        """After the commit of a change to a contract's tokens or certificates."""
        read_at, state, refs = await read_contract(self._db, key, spellings(key), datetime.now(UTC))
        record = ContractRecord(key, state, tuple(refs))
        await self.hot.put(contract_key(key), encode_contract(record), read_at)

    async def network_changed(self) -> None:
        """After the commit of a change to parties, relations, credentials or endpoints."""
        await self._raise_epoch(NETWORK_KEY)

    async def trust_changed(self) -> bytes:
        """After the commit of a change to anchors, revocations or contract certificates."""
        return await self._raise_epoch(TRUST_KEY)

    async def _raise_epoch(self, key: str) -> bytes:
        moment: datetime = await self._db.fetchval("SELECT clock_timestamp()")
        version = microseconds(moment)
        epoch = b"%d" % version
        await self.hot.put(key, epoch, version)
        return epoch


def spellings(key: str) -> list[str]:
    """How a token's contract_key may write this contract: with no check digit, or with any."""
    return [key, *(key + digit for digit in _CHECK_DIGITS)]


class _Body(msgspec.Struct):
    uid: str
    contract_id: str
    group_id: str | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def _record(row: TokenRow, token_type: str) -> TokenRecord:
    """What the hot set keeps; a body was decoded before it was stored, so it reads."""
    body = _decode_body(row.body)
    return TokenRecord(
        row.country_code, row.party_id, body.uid, token_type, body.contract_id, row.valid,
        row.whitelist, row.version, row.body, row.contract_key,
        microseconds(row.last_updated), 0, row.blocked, body.group_id or "",
    )  # fmt: skip
