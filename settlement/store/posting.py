"""Journal entries into the book, a batch in one transaction (settlement.md §2.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import msgspec
from iso4217 import Currency

from settlement.errors import MoneyError
from settlement.ledger.account import party_of
from settlement.ledger.entry import GENESIS, JournalEntry, Leg, canonical, chain_hash, check
from settlement.store import sql

SQL = sql.load("ledger.sql")
ENTRIES_MAX = 20_000
STAGE = "staged_entry"


class LedgerHaltedError(MoneyError):
    """The book was stopped because an invariant did not hold; a person clears it."""


class InvariantBrokenError(MoneyError):
    """What was about to be committed would leave the book wrong: the transaction must roll back."""


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch; every idem of it stands in exactly one of the three."""

    inserted: frozenset[bytes] = frozenset()
    repeated: frozenset[bytes] = frozenset()  # was there before, same content
    conflicting: frozenset[bytes] = frozenset()  # was there before with other content


async def post(conn: asyncpg.Connection, entries: Sequence[JournalEntry], now: datetime) -> Posted:
    """Writes what is new, once, with its balances and one link of the chain.

    Runs inside the caller's transaction, as its last lock: the single writer of the chain holds
    an advisory lock until commit.

    Raises:
        LedgerHaltedError: the book is stopped.
        InvariantBrokenError: balances would not sum to zero; roll back and halt.
    """
    if len(entries) > ENTRIES_MAX:
        raise MoneyError(f"a batch has at most {ENTRIES_MAX} entries")
    for made in entries:
        check(made)
    if not entries:
        return Posted()
    await conn.execute(SQL["lock_chain"])
    if halted := await conn.fetchval(SQL["open_halt"]):
        raise LedgerHaltedError(halted)
    firsts = _first_of_each(entries)
    fresh = await _insert(conn, tuple(firsts.values()), now)
    old = firsts.keys() - fresh
    stored = {row["idem"]: row["input_hash"] for row in await conn.fetch(SQL["hashes"], list(old))}
    conflicting = {idem for idem in old if stored[idem] != firsts[idem].input_hash}
    return Posted(
        inserted=frozenset(fresh),
        repeated=frozenset(old - conflicting),
        conflicting=frozenset(conflicting),
    )


async def read_entries(
    conn: asyncpg.Connection, idems: Sequence[bytes]
) -> tuple[JournalEntry, ...]:
    """The entries as they were posted, in their order."""
    rows = await conn.fetch(SQL["entries"], list(idems))
    return tuple(to_entry(row, row["names"]) for row in rows)


def to_entry(row: asyncpg.Record, names: Sequence[str]) -> JournalEntry:
    """A stored row as the entry that was posted, for reversals and for the verifier."""
    ref = msgspec.json.decode(row["ref"], type=dict[str, str])
    return JournalEntry(
        kind=row["kind"],
        idem=row["idem"],
        input_hash=row["input_hash"],
        occurred_at=row["occurred_at"],
        legs=tuple(
            Leg(account=name, currency=name.rpartition(":")[2], amount_minor=amount)
            for name, amount in zip(names, row["amounts"], strict=True)
        ),
        ref=tuple(sorted(ref.items())),
        reverses=row["reverses"],
    )


async def is_halted(conn: asyncpg.Connection) -> str | None:
    """Why the book is stopped, or None."""
    found: str | None = await conn.fetchval(SQL["open_halt"])
    return found


async def halt(conn: asyncpg.Connection, reason: str, detail: str, now: datetime) -> None:
    await conn.execute(SQL["halt"], reason, detail, now)


async def clear_halt(conn: asyncpg.Connection, by: str, now: datetime) -> None:
    """A person has looked and answers for it with a name."""
    await conn.execute(SQL["clear_halt"], now, by)


def _first_of_each(entries: Sequence[JournalEntry]) -> dict[bytes, JournalEntry]:
    """One entry for each key; two contents under one key in one batch are a caller's mistake."""
    firsts: dict[bytes, JournalEntry] = {}
    for made in entries:
        if firsts.setdefault(made.idem, made).input_hash != made.input_hash:
            raise MoneyError(f"a batch carries {made.idem.hex()} with two contents")
    return firsts


async def _insert(
    conn: asyncpg.Connection, entries: Sequence[JournalEntry], now: datetime
) -> set[bytes]:
    await _stage(conn, entries, await _accounts(conn, entries))
    head = await conn.fetchrow(SQL["head"])
    batch, last, previous = (0, 0, GENESIS) if head is None else tuple(head)
    rows = await conn.fetch(SQL["insert_staged"], last, now)
    if not rows:
        return set()
    rows.sort(key=lambda row: row["seq"])
    await _add_balances(conn, rows)
    by_idem = {made.idem: made for made in entries}
    link = chain_hash(previous, (canonical(by_idem[row["idem"]]) for row in rows))
    await conn.execute(
        SQL["add_link"], batch + 1, rows[0]["seq"], rows[-1]["seq"], previous, link, now
    )
    return {row["idem"] for row in rows}


async def _accounts(
    conn: asyncpg.Connection, entries: Sequence[JournalEntry]
) -> dict[str, tuple[int, int]]:
    """Name → (id, ISO 4217 number), accounts opened on first use."""
    wanted = {leg.account: leg.currency for made in entries for leg in made.legs}
    found = await _read_accounts(conn, list(wanted))
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        await conn.execute(
            SQL["add_accounts"],
            missing,
            [party_of(name) for name in missing],
            [wanted[name] for name in missing],
            [int(Currency(wanted[name]).number) for name in missing],
        )
        found |= await _read_accounts(conn, missing)
    return found


async def _read_accounts(conn: asyncpg.Connection, names: list[str]) -> dict[str, tuple[int, int]]:
    rows = await conn.fetch(SQL["accounts"], names)
    return {row["name"]: (row["account_id"], row["currency_no"]) for row in rows}


async def _stage(
    conn: asyncpg.Connection,
    entries: Sequence[JournalEntry],
    accounts: dict[str, tuple[int, int]],
) -> None:
    await conn.execute(SQL["create_stage"])
    await conn.execute(SQL["clear_stage"])
    await conn.copy_records_to_table(
        STAGE,
        schema_name="pg_temp",
        records=[
            (
                position,
                made.idem,
                made.input_hash,
                made.kind,
                made.occurred_at.astimezone(UTC),
                [accounts[leg.account][0] for leg in made.legs],
                [accounts[leg.account][1] for leg in made.legs],
                [leg.amount_minor for leg in made.legs],
                msgspec.json.encode(dict(made.ref)).decode(),
                made.reverses,
            )
            for position, made in enumerate(entries)
        ],
    )


async def _add_balances(conn: asyncpg.Connection, rows: Sequence[asyncpg.Record]) -> None:
    """Sums come from the rows that were inserted, never from the batch: a repeat counts nothing."""
    deltas: Counter[tuple[int, int]] = Counter()
    for row in rows:
        for account, currency, amount in zip(
            row["accounts"], row["currencies"], row["amounts"], strict=True
        ):
            deltas[account, currency] += amount
    touched = sorted(deltas)
    ids, currencies = [key[0] for key in touched], [key[1] for key in touched]
    await conn.execute(SQL["open_balances"], ids, currencies)
    await conn.execute(SQL["lock_balances"], ids)
    await conn.execute(SQL["add_balances"], ids, currencies, [deltas[key] for key in touched])
    if wrong := await conn.fetch(SQL["unbalanced"]):
        what = ", ".join(f"currency {row['currency_no']} by {row['total']}" for row in wrong)
        raise InvariantBrokenError(f"balances do not sum to zero: {what}")
