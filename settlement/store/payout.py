"""Open payables become payment files; statements say what the bank did with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from settlement.errors import MoneyError
from settlement.ledger import account
from settlement.ledger.entry import JournalEntry, Leg, entry, idem_key
from settlement.ledger.order import Payable
from settlement.payout import pain
from settlement.payout.account import Account
from settlement.payout.plan import Batch, Carried, HeldPayout, Payout, Policy, plan
from settlement.payout.statement import Statement, StatementLine
from settlement.store import sql
from settlement.store.fact import to_party
from settlement.store.posting import post
from settlement.tax.party import MoneyParty

SQL = sql.load("payout.sql")
ROWS_MAX = 500


class PayoutFile(msgspec.Struct, frozen=True, kw_only=True):
    """One payment file as it goes to the bank."""

    batch_id: int
    message_id: str
    currency: str
    count: int
    sum_minor: int
    execute_on: date
    hash: str
    body: bytes


class PayoutRun(msgspec.Struct, frozen=True, kw_only=True):
    """What one run made; `carried` and `held` wait for the next."""

    batch_ids: tuple[int, ...] = ()
    payouts: int = 0
    carried: tuple[Carried, ...] = ()
    held: tuple[HeldPayout, ...] = ()


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement brought; `unmatched` are movements that a person has to look at."""

    lines: int = 0
    repeated: int = 0
    matched: int = 0
    unmatched: tuple[StatementLine, ...] = ()


class BatchLine(msgspec.Struct, frozen=True, kw_only=True):
    """One file in a list, and how often it was taken."""

    batch_id: int
    message_id: str
    currency: str
    count: int
    sum_minor: int
    execute_on: date
    created_at: datetime
    hash: str
    exports: int


class PayoutLine(msgspec.Struct, frozen=True, kw_only=True):
    """One payout in a list; `booked_on` is None until the bank's statement shows it."""

    key: str
    party: str
    currency: str
    amount_minor: int
    iban: str
    created_at: datetime
    batch_id: int
    booked_on: date | None


class _Open(msgspec.Struct, frozen=True, kw_only=True):
    payable_id: int
    payable: Payable


async def make_payouts(
    conn: asyncpg.Connection,
    debtors: Mapping[str, Account],
    policy: Policy,
    now: datetime,
    execute_on: date,
) -> PayoutRun:
    """Everything owed, in files of one currency each; a second run finds nothing left to pay.

    Files, keys, journal rows and cleared payables are one transaction; nothing leaves before.
    """
    async with conn.transaction():
        await conn.execute(SQL["lock_payouts"])
        due = await _open_payables(conn)
        payees = await _payees(conn, {one.payable.party for one in due})
        planned = plan((one.payable for one in due), payees, debtors, policy, execute_on)
        entries: list[JournalEntry] = []
        owed = _by_payee(due)
        ids = [await _add_batch(conn, batch, owed, entries, now=now) for batch in planned.batches]
        await post(conn, entries, now)
    return PayoutRun(
        batch_ids=tuple(ids),
        payouts=sum(len(batch.payouts) for batch in planned.batches),
        carried=planned.carried,
        held=planned.held,
    )


async def export(conn: asyncpg.Connection, batch_id: int, *, by: str, now: datetime) -> PayoutFile:
    """The file of a batch, the same bytes every time; who took it is written down."""
    row = await conn.fetchrow(SQL["batch"], batch_id)
    if row is None:
        raise LookupError(f"there is no payout batch {batch_id}")
    if hashlib.sha256(row["body"]).hexdigest() != row["hash"]:
        raise MoneyError(f"payout batch {batch_id} is not what was stored")
    await conn.execute(SQL["add_export"], batch_id, now, by, row["hash"])
    return PayoutFile(
        batch_id=row["batch_id"],
        message_id=row["message_id"],
        currency=row["currency"],
        count=row["count"],
        sum_minor=row["sum_minor"],
        execute_on=row["execute_on"],
        hash=row["hash"],
        body=row["body"],
    )


async def list_batches(conn: asyncpg.Connection, limit: int = ROWS_MAX) -> tuple[BatchLine, ...]:
    """The newest first."""
    rows = await conn.fetch(SQL["batches"], min(limit, ROWS_MAX))
    return tuple(BatchLine(**dict(row)) for row in rows)


async def list_payouts(
    conn: asyncpg.Connection,
    *,
    batch_id: int | None = None,
    party: str | None = None,
    limit: int = ROWS_MAX,
) -> tuple[PayoutLine, ...]:
    """The newest first."""
    rows = await conn.fetch(SQL["payouts"], batch_id, party, min(limit, ROWS_MAX))
    return tuple(PayoutLine(**dict(row)) for row in rows)


async def import_statement(
    conn: asyncpg.Connection, statements: Sequence[Statement], now: datetime
) -> Imported:
    """Booked lines of a bank's statement; a payout that is found on it is posted as paid.

    A line is matched by its EndToEndId and exact amount, never guessed. The same statement again
    changes nothing.
    """
    total = Imported()
    async with conn.transaction():
        await conn.execute(SQL["lock_payouts"])
        for statement in statements:
            done = await _import_one(conn, statement, now)
            total = Imported(
                lines=total.lines + done.lines,
                repeated=total.repeated + done.repeated,
                matched=total.matched + done.matched,
                unmatched=total.unmatched + done.unmatched,
            )
    return total


async def _open_payables(conn: asyncpg.Connection) -> list[_Open]:
    return [
        _Open(
            payable_id=row["payable_id"],
            payable=Payable(
                party=row["party"],
                account=row["account"],
                currency=row["currency"],
                amount_minor=row["amount_minor"],
                due_at=row["due_at"],
                reference=row["reference"],
            ),
        )
        for row in await conn.fetch(SQL["open_payables"])
    ]


def _by_payee(due: Sequence[_Open]) -> dict[tuple[str, str], list[_Open]]:
    found: dict[tuple[str, str], list[_Open]] = {}
    for one in due:
        found.setdefault((one.payable.party, one.payable.currency), []).append(one)
    return found


async def _payees(conn: asyncpg.Connection, keys: set[str]) -> dict[str, MoneyParty]:
    return {row["key"]: to_party(row) for row in await conn.fetch(SQL["payees"], sorted(keys))}


async def _add_batch(
    conn: asyncpg.Connection,
    batch: Batch,
    owed: Mapping[tuple[str, str], Sequence[_Open]],
    entries: list[JournalEntry],
    *,
    now: datetime,
) -> int:
    batch_id: int = await conn.fetchval(
        SQL["add_batch"],
        batch.batch_id,
        batch.currency,
        len(batch.payouts),
        batch.total_minor,
        batch.execute_on,
        now,
        pain.write(batch, now),
    )
    for payout in batch.payouts:
        cleared = owed[payout.party, batch.currency]
        made = _paid_out(batch, payout, cleared, now)
        entries.append(made)
        payout_id = await conn.fetchval(
            SQL["add_payout"],
            payout.payout_id,
            batch_id,
            payout.party,
            batch.currency,
            payout.amount_minor,
            payout.creditor.iban,
            payout.creditor.bic,
            made.idem,
            now,
        )
        await conn.execute(SQL["clear_payables"], [one.payable_id for one in cleared], payout_id)
    return batch_id


def _paid_out(
    batch: Batch, payout: Payout, cleared: Sequence[_Open], now: datetime
) -> JournalEntry:
    """What was owed is on its way: the payable is cleared against money in transit."""
    legs = [
        Leg(
            account=one.payable.account,
            currency=batch.currency,
            amount_minor=one.payable.amount_minor,
        )
        for one in cleared
    ]
    if sum(leg.amount_minor for leg in legs) != payout.amount_minor:
        raise MoneyError(f"{payout.payout_id} does not pay what it clears")
    transit = account.payout_transit(batch.currency)
    legs.append(Leg(account=transit, currency=batch.currency, amount_minor=-payout.amount_minor))
    return entry(
        kind="payout",
        idem=idem_key("payout", payout.payout_id),
        input_hash=hashlib.sha256(
            f"{payout.payout_id}|{payout.amount_minor}|{payout.creditor.iban}".encode()
        ).digest(),
        occurred_at=now,
        legs=legs,
        ref={"party": payout.party, "payout": payout.payout_id, "batch": batch.batch_id},
    )


async def _import_one(conn: asyncpg.Connection, statement: Statement, now: datetime) -> Imported:
    booked = [line for line in statement.lines if line.is_booked]
    keys = [line.end_to_end_id for line in booked if line.end_to_end_id]
    payouts = {row["key"]: row for row in await conn.fetch(SQL["by_key"], keys)}
    known = [row["payout_id"] for row in payouts.values()]
    paid = {row["payout_id"] for row in await conn.fetch(SQL["booked"], known)}
    entries: list[JournalEntry] = []
    unmatched: list[StatementLine] = []
    repeated = 0
    for position, line in enumerate(booked):
        payout = payouts.get(line.end_to_end_id)
        fits = payout is not None and _fits(line, payout) and payout["payout_id"] not in paid
        payout_id = payout["payout_id"] if payout is not None and fits else None
        said = f"{statement.statement_id}|{position}|{line.bank_reference}"
        if not await _add_line(conn, (statement.iban, said), line, payout_id, now):
            repeated += 1
        elif payout_id is None:
            unmatched.append(line)
        else:
            paid.add(payout_id)
            entries.append(_settled_by_bank(line, now))
    await post(conn, entries, now)
    return Imported(
        lines=len(booked), repeated=repeated, matched=len(entries), unmatched=tuple(unmatched)
    )


def _fits(line: StatementLine, payout: asyncpg.Record) -> bool:
    return bool(
        line.currency == payout["currency"]
        and line.amount_minor == -payout["amount_minor"]
        and not line.is_reversal
    )


async def _add_line(
    conn: asyncpg.Connection,
    place: tuple[str, str],
    line: StatementLine,
    payout_id: int | None,
    now: datetime,
) -> bool:
    """Whether the line is new; `place` is the account and where the line stands on what."""
    iban, said = place
    whole = f"{said}|{line.end_to_end_id}|{line.amount_minor}|{line.booked_on}"
    found = await conn.fetchval(
        SQL["add_line"],
        iban,
        hashlib.sha256(whole.encode()).hexdigest(),
        line.booked_on or now.date(),
        line.currency,
        line.amount_minor,
        line.end_to_end_id,
        payout_id,
        now,
    )
    return found is not None


def _settled_by_bank(line: StatementLine, now: datetime) -> JournalEntry:
    """Money in transit has left the account."""
    currency, amount = line.currency, line.amount_minor
    return entry(
        kind="payout_booked",
        idem=idem_key("payout_booked", line.end_to_end_id),
        input_hash=hashlib.sha256(f"{line.end_to_end_id}|{amount}|{currency}".encode()).digest(),
        occurred_at=now,
        legs=(
            Leg(account=account.payout_transit(currency), currency=currency, amount_minor=-amount),
            Leg(account=account.bank(currency), currency=currency, amount_minor=amount),
        ),
        ref={"payout": line.end_to_end_id, "bank_reference": line.bank_reference},
    )
