"""Payouts on a real PostgreSQL: everything owed leaves once, and the bank's word is matched."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from settlement.payout import pain
from settlement.payout.account import Account
from settlement.payout.plan import Policy
from settlement.payout.statement import Statement, StatementLine
from settlement.store.payout import (
    Imported,
    PayoutRun,
    export,
    import_statement,
    list_batches,
    list_payouts,
    make_payouts,
)
from settlement.store.verify import verify

DAY = date(2026, 11, 23)
DEBTORS = {
    "EUR": Account(name="NetworkCore B.V.", iban="NL91ABNA0417164300", bic="ABNANL2A", country="NL"),
    "NOK": Account(name="NetworkCore B.V.", iban="NL91ABNA0417164300", bic="ABNANL2A", country="NL"),
}  # fmt: skip


async def pay(network) -> PayoutRun:
    async with network.pool.acquire() as conn:
        return await make_payouts(conn, DEBTORS, Policy(), network.clock.at, DAY)


async def prepared(network, make_cdr) -> None:
    await network.add(
        *(make_cdr(n) for n in range(1, 4)),
        make_cdr(9, country="NO", party="KRN", currency="NOK"),
    )
    await network.worker().drain()


async def test_payouts_when_made_then_files_pay_exactly_what_is_owed(network, make_cdr, snapshot):
    await prepared(network, make_cdr)
    run = await pay(network)
    assert (len(run.batch_ids), run.payouts, run.held, run.carried) == (2, 3, (), ())
    before = await snapshot()
    again = await pay(network)
    assert again == PayoutRun()
    assert await snapshot() == before
    async with network.pool.acquire() as conn:
        assert (await verify(conn)).is_sound
        files = [await export(conn, i, by="R. Viewer", now=network.clock.at) for i in run.batch_ids]
        assert files[0] == await export(
            conn, run.batch_ids[0], by="R. Viewer", now=network.clock.at
        )
        assert await conn.fetchval("SELECT count(*) FROM payout_export") == 3
        with pytest.raises(LookupError, match="no payout batch 99"):
            await export(conn, 99, by="x", now=network.clock.at)
        assert {batch.exports for batch in await list_batches(conn)} == {1, 2}
    paid = {
        (payment.iban, payment.currency): payment.amount
        for file in files
        for payment in pain.read(file.body).payments
    }
    assert {key[1] for key in paid} == {"EUR", "NOK"}
    assert str(paid["DE89370400440532013000", "EUR"]) == "34.80"  # three times 11.90 less 0.30
    assert str(paid["NO9386011117947", "NOK"]) == "122.00"
    owed = await network.rows(
        "SELECT name, posted FROM balance JOIN account USING (account_id) WHERE name LIKE 'payable:%'"
    )
    assert not any(posted for _, posted in owed)


async def test_payouts_when_two_runs_race_then_each_payable_is_paid_once(network, make_cdr):
    await prepared(network, make_cdr)
    runs = await asyncio.gather(*(pay(network) for _ in range(4)))
    assert sum(run.payouts for run in runs) == 3
    assert await network.value("SELECT count(*) FROM payout") == 3
    assert await network.value("SELECT count(*) FROM payable WHERE payout_id IS NULL") == 0


async def test_payouts_when_a_bank_account_is_missing_then_that_party_waits(network, make_cdr):
    await prepared(network, make_cdr)
    await network.rows("UPDATE party SET iban = NULL WHERE party_id = 'ABC' RETURNING 1")
    run = await pay(network)
    assert [(held.party, held.held.reason) for held in run.held] == [
        ("DE-ABC", "payee_bank_missing")
    ]
    assert run.payouts == 2
    await network.rows(
        "UPDATE party SET iban = 'DE89370400440532013000' WHERE party_id = 'ABC' RETURNING 1"
    )
    assert (await pay(network)).payouts == 1


def line(key: str, minor: int, currency: str = "EUR") -> StatementLine:
    return StatementLine(
        currency=currency, amount_minor=minor, booked_on=DAY, end_to_end_id=key,
        bank_reference=f"R{key[-4:]}{minor}", is_reversal=False, is_booked=True,
    )  # fmt: skip


def statement(*lines: StatementLine) -> Statement:
    return Statement(
        statement_id="ST1", iban="NL91ABNA0417164300", currency="EUR", opening_minor=None,
        closing_minor=None, lines=lines,
    )  # fmt: skip


async def test_statement_when_imported_then_exact_matches_are_posted_once(
    network, make_cdr, snapshot
):
    await prepared(network, make_cdr)
    await pay(network)
    async with network.pool.acquire() as conn:
        payouts = {payout.party: payout for payout in await list_payouts(conn)}
        right, wrong = payouts["DE-ABC"], payouts["DE-DPX"]
        taken = statement(
            line(right.key, -right.amount_minor),
            line(wrong.key, -wrong.amount_minor - 1),
            line("STRANGER", 500),
        )
        first = await import_statement(conn, [taken], network.clock.at)
        assert (first.lines, first.matched, len(first.unmatched)) == (3, 1, 2)
        before = await snapshot()
        assert await import_statement(conn, [taken], network.clock.at) == Imported(
            lines=3, repeated=3
        )
        assert await snapshot() == before
        booked = {payout.party: payout.booked_on for payout in await list_payouts(conn)}
        assert (booked["DE-ABC"], booked["DE-DPX"]) == (DAY, None)
        assert (await verify(conn)).is_sound
    balances = dict(
        await network.rows("SELECT name, posted FROM balance JOIN account USING (account_id)")
    )
    assert balances["bank:EUR"] == -right.amount_minor
