"""Claims finished sessions, runs the pure pipeline, commits everything in one transaction.

Kill it at any moment: what was not committed is claimed again, what was is never done twice
(settlement.md §10, reliability.md §5.9).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

import asyncpg
import msgspec

from ocpi.errors import OcpiError
from settlement.errors import Held, MoneyError
from settlement.pipeline import settle
from settlement.pipeline.item import Reference
from settlement.pipeline.result import Settled
from settlement.store.item import Loaded, Loader
from settlement.store.posting import InvariantBrokenError, LedgerHaltedError, halt, is_halted
from settlement.store.queue import claim, claim_one, due, retry_passing
from settlement.store.result import ConflictError, Hold, write

BATCH = 200
BATCH_MAX = 5_000
POLL_S = 0.5
RETRY_EVERY_S = 30.0
PAUSE_AFTER_FAILURE_S = 1.0

# The database cannot be asked now: nothing is wrong with the CDR, try again later.
UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    OSError,
    TimeoutError,
)
# What one bad CDR can cause: it is held, the rest proceeds.
POISON = (
    MoneyError,
    OcpiError,
    asyncpg.PostgresError,
    asyncpg.DataError,
    msgspec.MsgspecError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)

Connect = Callable[[], AbstractAsyncContextManager[asyncpg.Connection]]


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Aware UTC."""


class ReferenceProvider(Protocol):
    """The state of knowledge for a batch in which `currencies` meet."""

    async def __call__(
        self, conn: asyncpg.Connection, currencies: Iterable[str], now: datetime, /
    ) -> Reference:
        """Rows and quotes in force; may store a new quote in the transaction."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did; `halted` says why nothing can be posted."""

    claimed: int = 0
    settled: int = 0
    held: int = 0
    repeated: int = 0  # were settled before: nothing was changed
    poison: int = 0  # of `held`: broke the pipeline or the store's rules
    halted: str = ""

    def __add__(self, other: Report) -> Report:
        return Report(
            claimed=self.claimed + other.claimed,
            settled=self.settled + other.settled,
            held=self.held + other.held,
            repeated=self.repeated + other.repeated,
            poison=self.poison + other.poison,
            halted=other.halted or self.halted,
        )


class Worker:
    """One settlement worker. Any number may run on one database; the database decides.

    `connect` gives a connection for the length of a block, as `asyncpg.Pool.acquire` does.
    """

    def __init__(
        self,
        connect: Connect,
        loader: Loader,
        reference: ReferenceProvider,
        clock: Clock,
        *,
        batch: int = BATCH,
        unavailable: tuple[type[Exception], ...] = UNAVAILABLE,
    ) -> None:
        if not 0 < batch <= BATCH_MAX:
            raise ValueError(f"a batch has 1 to {BATCH_MAX} sessions")
        self._connect = connect
        self._loader = loader
        self._reference = reference
        self._clock = clock
        self._batch = batch
        self._unavailable = (*UNAVAILABLE, *unavailable)

    async def run_once(self) -> Report:
        """One batch: claimed, settled or held, committed. A second run finds nothing to change."""
        async with self._connect() as conn:
            if reason := await is_halted(conn):
                return Report(halted=reason)
            try:
                async with conn.transaction():
                    return await self._settle(conn, await self._claim(conn))
            except LedgerHaltedError as halted:
                return Report(halted=str(halted))
            except InvariantBrokenError as broken:
                return await self._halt(conn, broken)
            except (*self._unavailable, *POISON) as error:
                if self._is_gone(error):
                    raise
                return await self._one_by_one(conn)

    async def drain(self) -> Report:
        """Runs until nothing is due."""
        total = Report()
        while True:
            report = await self.run_once()
            total += report
            if not report.claimed or report.halted:
                return total

    async def run_forever(
        self,
        stop: asyncio.Event,
        *,
        wake: asyncio.Event | None = None,
        on_report: Callable[[Report], None] | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        """Works until `stop`; `wake` shortens the poll. Survives a database that goes away."""
        retry_at = asyncio.get_running_loop().time()
        while not stop.is_set():
            pause_s = poll_s
            try:
                report = await self.run_once()
                if asyncio.get_running_loop().time() >= retry_at:
                    async with self._connect() as conn:
                        await retry_passing(conn, self._clock.now())
                    retry_at = asyncio.get_running_loop().time() + RETRY_EVERY_S
            except self._unavailable:
                report, pause_s = Report(), PAUSE_AFTER_FAILURE_S
            if on_report is not None and (report.claimed or report.halted):
                on_report(report)
            if not report.claimed:
                await _pause(stop, wake, pause_s)

    async def _claim(self, conn: asyncpg.Connection) -> list[int]:
        return await claim(conn, self._clock.now(), self._batch)

    async def _settle(self, conn: asyncpg.Connection, numbers: list[int]) -> Report:
        if not numbers:
            return Report()
        now = self._clock.now()
        loaded = await self._loader.load(conn, numbers)
        reference = await self._reference(conn, _currencies(loaded), now)
        settled: list[tuple[Loaded, Settled]] = []
        held: list[tuple[Loaded, Held | Hold]] = []
        for one in loaded:
            match _decide(one, reference, now):
                case Settled() as result:
                    settled.append((one, result))
                case Held() | Hold() as why:
                    held.append((one, why))
                case None:
                    pass
        await write(conn, settled, held, now)
        return Report(
            claimed=len(numbers),
            settled=len(settled),
            held=len(held),
            repeated=len(numbers) - len(settled) - len(held),
        )

    async def _one_by_one(self, conn: asyncpg.Connection) -> Report:
        """The same rows each in a transaction of its own, so that one bad CDR stands alone."""
        total = Report()
        for outbox_id in await due(conn, self._clock.now(), self._batch):
            try:
                async with conn.transaction():
                    number = await claim_one(conn, outbox_id)
                    if number is not None:
                        total += await self._settle(conn, [number])
            except LedgerHaltedError as halted:
                return total + Report(halted=str(halted))
            except InvariantBrokenError as broken:
                return total + await self._halt(conn, broken)
            except ConflictError as conflict:
                total += await self._hold(conn, outbox_id, "cdr_conflict", str(conflict))
            except (*self._unavailable, *POISON) as error:
                if self._is_gone(error):
                    raise
                detail = f"{type(error).__name__}: {error}"
                total += await self._hold(conn, outbox_id, "poison", detail)
        return total

    async def _hold(
        self, conn: asyncpg.Connection, outbox_id: int, reason: str, detail: str
    ) -> Report:
        async with conn.transaction():
            number = await claim_one(conn, outbox_id)
            if number is None:
                return Report()
            now = self._clock.now()
            loaded = await self._loader.read_bare(conn, number)
            await write(conn, [], [(loaded, Hold(reason=reason, detail=detail))], now)
        return Report(claimed=1, held=1, poison=int(reason == "poison"))

    def _is_gone(self, error: Exception) -> bool:
        """The store's absence; an argument that asyncpg cannot encode is the CDR's own fault."""
        return isinstance(error, self._unavailable) and not isinstance(error, ValueError)

    async def _halt(self, conn: asyncpg.Connection, broken: InvariantBrokenError) -> Report:
        await halt(conn, "invariant", str(broken), self._clock.now())
        return Report(halted=str(broken))


async def run_once(
    connect: Connect,
    loader: Loader,
    reference: ReferenceProvider,
    clock: Clock,
    *,
    batch: int = BATCH,
) -> Report:
    """One batch of a worker made for it."""
    return await Worker(connect, loader, reference, clock, batch=batch).run_once()


def _decide(one: Loaded, reference: Reference, now: datetime) -> Settled | Held | Hold | None:
    if one.is_settled:
        return None
    if one.item is None:
        return Hold(reason="cdr_unreadable", detail=one.unreadable)
    return settle(one.item, reference, now)


def _currencies(loaded: Iterable[Loaded]) -> set[str]:
    found = set()
    for one in loaded:
        found.add(one.currency)
        if one.item is not None:
            found |= {p.currency for p in (one.item.cpo, one.item.demand) if p is not None}
    return found


async def _pause(stop: asyncio.Event, wake: asyncio.Event | None, pause_s: float) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in (stop, wake) if event is not None]
    try:
        await asyncio.wait(waits, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if wake is not None:
        wake.clear()
