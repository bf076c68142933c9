"""The worker on a real PostgreSQL: what is finished is settled once, what is doubtful waits."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import date, timedelta

import asyncpg
import pytest

from ocpi.wire import codec
from settlement.store.item import Loader, Wire
from settlement.store.posting import clear_halt
from settlement.store.queue import release, retry_passing
from settlement.store.reference import StoredReference, add_vat_rate, seed_vat_rates
from settlement.store.verify import trial_balance, verify
from settlement.store.view import (
    count_all,
    count_held,
    find_cdr,
    list_held,
    list_settlements,
    measure_ages,
    show_settlement,
)
from settlement.tax.row import Kind, TaxRow, Verified
from settlement.worker import Report, Worker, run_once


async def assert_sound(network) -> None:
    async with network.pool.acquire() as conn:
        found = await verify(conn)
        assert found.differences == ()
        assert (await trial_balance(conn)).is_balanced


async def test_run_when_sessions_are_finished_then_settled_in_both_currencies(network, make_cdr):
    numbers = await network.add(make_cdr(1), make_cdr(2, country="NO", party="KRN", currency="NOK"))
    assert await network.worker().run_once() == Report(claimed=2, settled=2)
    balances = dict(
        await network.rows("SELECT name, posted FROM balance JOIN account USING (account_id)")
    )
    assert balances["payable:DE-ABC:EUR"] == -(1190 - 30)  # 3 % commission, reverse charge
    assert balances["payable:NO-KRN:NOK"] == -(12500 - 300)
    await assert_sound(network)
    async with network.pool.acquire() as conn:
        shown = await show_settlement(conn, numbers[0])
        assert shown is not None
        assert (shown.line.net_minor, shown.line.vat_minor, shown.line.gross_minor) == (
            1000,
            190,
            1190,
        )
        assert (shown.line.commission_minor, shown.line.energy_wh) == (30, 20_000)
        assert shown.used["zone"] == "Europe/Berlin"
        assert shown.price["lines"][0]["why"]
        assert sum(leg.amount_minor for leg in shown.legs) == 0
        assert await find_cdr(conn, "de-abc/cdr-1") == numbers[0]
        assert [line.cdr_no for line in await list_settlements(conn, party="NO-KRN")] == [
            numbers[1]
        ]
        assert {age.currency: age.settled for age in await measure_ages(conn, network.clock.at)} == {"EUR": 1, "NOK": 1}  # fmt: skip
        # the quote that was dealt on is kept with the result
        assert (await show_settlement(conn, numbers[1])).used["quotes"]
        assert await conn.fetchval("SELECT count(*) FROM fx_quote") == 1


async def test_run_when_repeated_then_changes_nothing(network, make_cdr, snapshot):
    numbers = await network.add(*(make_cdr(n) for n in range(1, 12)))
    worker = network.worker(batch=4)
    assert (await worker.drain()).settled == 11
    before = await snapshot()
    assert await worker.drain() == Report()
    assert await snapshot() == before
    async with network.pool.acquire() as conn:  # the gateway hands everything over once more
        for number in [*numbers, numbers[0]]:
            await network.queue(conn, number)
    assert await network.worker().drain() == Report(claimed=12, repeated=12)
    assert await snapshot() == before


async def test_run_when_the_queue_holds_a_cdr_twice_then_settled_once(network, make_cdr):
    (number,) = await network.add(make_cdr(1))
    async with network.pool.acquire() as conn:
        await network.queue(conn, number)
    await network.worker(batch=1).drain()
    assert await network.value("SELECT count(*) FROM journal") == 1
    await assert_sound(network)


async def test_run_when_two_workers_race_then_each_cdr_counts_once(network, make_cdr):
    numbers = await network.add(*(make_cdr(n) for n in range(1, 41)))
    async with network.pool.acquire() as conn:
        for number in numbers[::3]:  # some are there twice, so that both workers meet the same CDR
            await network.queue(conn, number)
    reports = await asyncio.gather(*(network.worker(batch=3).drain() for _ in range(4)))
    # a doubled row may be settled by one and counted by the other; the store decides
    assert await network.value("SELECT count(*) FROM settlement WHERE state = 'SETTLED'") == 40
    assert await network.value("SELECT count(*) FROM journal") == 40
    assert await network.value("SELECT count(*) FROM document_order") == 120
    assert sum(report.claimed for report in reports) == 54
    assert sum(report.held for report in reports) == 0
    await assert_sound(network)


async def test_run_when_vat_row_is_missing_then_held_until_somebody_answers_for_one(
    network, make_cdr, snapshot
):
    await network.add(
        make_cdr(1, cdr_location=make_cdr(1)["cdr_location"] | {"country": "DEU"}), make_cdr(2)
    )
    async with network.pool.acquire() as conn:  # a world in which nobody has looked at Germany
        await conn.execute("SET session_replication_role = replica")
        await conn.execute(
            "DELETE FROM vat_rate WHERE jurisdiction = 'DE' AND kind = 'ev_charging'"
        )
        await conn.execute("SET session_replication_role = DEFAULT")
    worker = network.worker()
    assert await worker.drain() == Report(claimed=2, held=2)
    async with network.pool.acquire() as conn:
        held = await list_held(conn)
        assert {item.reason for item in held} == {"vat_row_missing"}
        assert [(c.reason, c.count) for c in await count_held(conn)] == [("vat_row_missing", 2)]
        assert (await count_all(conn)).held == 2
    assert await network.value("SELECT count(*) FROM journal") == 0
    network.clock.at += timedelta(hours=1)
    async with network.pool.acquire() as conn:
        assert await release(conn, cdrs=[held[0].cdr_no], now=network.clock.at) == 1
        assert await release(conn, cdrs=[held[0].cdr_no], now=network.clock.at) == 0  # queued once
    assert await worker.drain() == Report(claimed=1, held=1)
    async with network.pool.acquire() as conn:
        again = {item.cdr_no: item for item in await list_held(conn)}[held[0].cdr_no]
        assert (again.since, again.attempts) == (held[0].since, 2)  # the clock goes on
        row = TaxRow(
            jurisdiction="DE", kind=Kind.EV_CHARGING, rate=19, source="UStAE 3.5(2)",
            verified=Verified.YES, reviewer="R. Viewer", reviewed_at=date(2026, 11, 1),
        )  # fmt: skip
        assert await add_vat_rate(conn, row) == 2
    assert await worker.drain() == Report(claimed=2, settled=2)
    assert await network.value("SELECT count(*) FROM held") == 0
    await assert_sound(network)


async def test_run_when_one_cdr_is_poison_then_it_stands_alone(network, make_cdr):
    numbers = await network.add(*(make_cdr(n) for n in range(1, 9)))

    def decode(version: str, kind: str, raw: bytes) -> object:
        found = codec.decode(version, kind, raw)
        if kind == "cdr" and found.id == "CDR-5":
            raise TypeError("a bug that only this one meets \x00 \ud800")
        return found

    worker = network.worker()
    worker._loader = Loader(Wire(decode=decode))
    assert await worker.drain() == Report(claimed=8, settled=7, held=1, poison=1)
    async with network.pool.acquire() as conn:
        (item,) = await list_held(conn)
        assert (item.cdr_no, item.reason) == (numbers[4], "poison")
        assert item.detail.startswith("TypeError: a bug")
        assert await release(conn, reasons=["poison"], now=network.clock.at) == 1
    # the bug is mended: the same CDR goes through
    assert await network.worker().drain() == Report(claimed=1, settled=1)
    await assert_sound(network)


async def test_run_when_a_stored_body_is_unreadable_then_held(network, make_cdr):
    await network.add(make_cdr(1, __raw__=b'{"id": 3'), make_cdr(2))
    assert await network.worker().drain() == Report(claimed=2, settled=1, held=1)
    assert await network.rows("SELECT reason FROM held") == [("cdr_unreadable",)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"total_cost": {"excl_vat": 11.0, "incl_vat": 13.09}}, "price_mismatch"),
        ({"tariffs": []}, "settled"),
        ({"session_id": "S-x", "currency": "NOK"}, "currency_mismatch"),
    ],
)
async def test_run_when_the_cdr_is_doubtful_then_held_with_the_reason(
    network, make_cdr, changes, reason
):
    await network.add(make_cdr(1) | changes)
    await network.worker().drain()
    state = await network.value("SELECT coalesce((SELECT reason FROM held), 'settled')")
    assert state == reason


async def test_run_when_the_same_id_came_with_other_content_then_held(network, make_cdr):
    await network.add(make_cdr(1))
    await network.rows(
        "INSERT INTO cdr_conflict (country_code, party_id, id_key, body, body_hash)"
        " VALUES ('DE', 'ABC', 'CDR-1', 'x', sha256('x')) RETURNING 1"
    )
    await network.worker().drain()
    assert await network.rows("SELECT reason FROM held") == [("cdr_conflict",)]


async def test_run_when_two_sessions_share_an_evse_and_an_hour_then_the_second_waits(
    network, make_cdr
):
    place = make_cdr(1)["cdr_location"]
    await network.add(make_cdr(1), make_cdr(2, cdr_location=place))
    await network.worker().drain()
    await network.add(make_cdr(3, cdr_location=place))
    await network.worker().drain()
    assert await network.rows("SELECT reason, cdr_no FROM held ORDER BY 2") == [
        ("cdr_overlaps", 2),
        ("cdr_overlaps", 3),
    ]


def credit(body: dict, number: int) -> dict:
    cost = {name: -value for name, value in body["total_cost"].items()}
    return body | {
        "id": f"CDR-{number}-C",
        "credit": True,
        "credit_reference_id": f"CDR-{number}",
        "total_cost": cost,
    }


async def test_run_when_a_credit_comes_first_then_it_waits_for_its_original(network, make_cdr):
    (credit_no,) = await network.add(credit(make_cdr(1), 1))
    worker = network.worker()
    assert await worker.drain() == Report(claimed=1, held=1)
    assert await network.rows("SELECT reason FROM held") == [("credit_without_original",)]
    (original_no,) = await network.add(make_cdr(1))
    assert (await worker.drain()).settled == 2
    assert await network.rows(
        "SELECT cdr_no, state, reversed_by FROM settlement ORDER BY cdr_no"
    ) == [
        (credit_no, "SETTLED", None),
        (original_no, "REVERSED", credit_no),
    ]
    assert not any(row[0] for row in await network.rows("SELECT posted FROM balance"))
    assert await network.value("SELECT sum(amount_minor) FROM payable") == 0
    await assert_sound(network)


async def test_run_when_posted_before_with_other_content_then_held_as_conflict(network, make_cdr):
    """A key in the journal that another CDR body meets: nothing of it is written."""
    (number,) = await network.add(make_cdr(1))
    await network.worker().drain()
    async with network.pool.acquire() as conn:  # as if the settlement had been lost
        await conn.execute("SET session_replication_role = replica")
        for table in ("payable", "document_due", "document_order", "settlement"):
            await conn.execute(f"DELETE FROM {table}")
        await conn.execute("UPDATE cdr SET body_hash = sha256('other')")
        await network.queue(conn, number)
        await conn.execute("SET session_replication_role = DEFAULT")
    assert await network.worker().drain() == Report(claimed=1, held=1)
    assert await network.rows("SELECT reason FROM held") == [("cdr_conflict",)]
    assert await network.value("SELECT count(*) FROM payable") == 0


async def test_run_when_an_invariant_breaks_then_the_book_halts(network, make_cdr, snapshot):
    await network.add(make_cdr(1))
    worker = network.worker()
    await worker.drain()
    async with network.pool.acquire() as conn:
        await conn.execute("UPDATE balance SET posted = posted + 1 WHERE account_id = 1")
    await network.add(make_cdr(2), make_cdr(3))
    report = await worker.drain()
    assert (report.settled, report.held) == (0, 0)
    assert "do not sum to zero" in report.halted
    before = await snapshot()
    assert "do not sum to zero" in (await worker.drain()).halted  # and stays halted
    assert await snapshot() == before
    async with network.pool.acquire() as conn:
        assert {d.what for d in (await verify(conn)).differences} >= {"balance", "halt"}
        await conn.execute("UPDATE balance SET posted = posted - 1 WHERE account_id = 1")
        await clear_halt(conn, "R. Viewer", network.clock.at)
    assert (await worker.drain()).settled == 2
    await assert_sound(network)


async def test_retry_when_a_cause_passes_by_itself_then_tried_ever_more_rarely(network, make_cdr):
    await network.add(make_cdr(1, country="NO", party="KRN", currency="NOK"))
    worker = network.worker()
    worker._reference._ask_rate = lambda *_: None  # nobody answers the telephone
    await worker.drain()
    assert await network.rows("SELECT reason FROM held") == [("fx_quote_missing",)]
    async with network.pool.acquire() as conn:
        waits = []
        for _ in range(3):
            minutes = 0
            while not await retry_passing(conn, network.clock.at):
                network.clock.at += timedelta(minutes=1)
                minutes += 1
            assert await retry_passing(conn, network.clock.at) == 0
            waits.append(minutes)
            await worker.drain()
    assert waits == [1, 2, 4]
    async with network.pool.acquire() as conn:
        await release(conn, reasons=["fx_quote_missing"], now=network.clock.at)
    assert (await network.worker().drain()).settled == 1


async def test_run_forever_when_stopped_then_ends_and_has_drained(network, make_cdr):
    stop, wake, reports = asyncio.Event(), asyncio.Event(), asyncio.Queue()
    await network.add(make_cdr(1))
    task = asyncio.create_task(
        network.worker().run_forever(stop, wake=wake, on_report=reports.put_nowait, poll_s=30)
    )
    first = await reports.get()
    await network.add(make_cdr(2))
    wake.set()
    second = await reports.get()
    stop.set()
    await asyncio.wait_for(task, 5)
    assert (first.settled, second.settled) == (1, 1)


async def test_run_forever_when_the_database_goes_away_then_it_waits_and_goes_on(network, make_cdr):
    calls = {"n": 0}
    real = network.pool.acquire

    def flaky():
        calls["n"] += 1
        if calls["n"] < 3:
            raise asyncpg.ConnectionDoesNotExistError("gone")
        return real()

    worker = network.worker()
    worker._connect = flaky
    stop, reports = asyncio.Event(), asyncio.Queue()
    await network.add(make_cdr(1))
    task = asyncio.create_task(worker.run_forever(stop, on_report=reports.put_nowait, poll_s=0.01))
    first = await reports.get()
    stop.set()
    await asyncio.wait_for(task, 5)
    assert first.settled == 1


async def test_seed_when_repeated_then_nothing_new_and_rows_keep_their_names(network):
    async with network.pool.acquire() as conn:
        assert await seed_vat_rates(conn) == 0
        rows = await conn.fetch("SELECT row_id FROM vat_rate")
        table = await StoredReference(hub=None)._tax_table(conn)
    assert {row["row_id"] for row in rows} == {row.row_id for row in table.rows}


async def test_run_once_when_called_as_a_function_then_one_batch(network, make_cdr):
    await network.add(*(make_cdr(n) for n in range(5)))
    worker = network.worker()
    report = await run_once(
        network.pool.acquire, worker._loader, worker._reference, network.clock, batch=3
    )
    assert report == Report(claimed=3, settled=3)
    with pytest.raises(ValueError, match="1 to"):
        Worker(network.pool.acquire, worker._loader, worker._reference, network.clock, batch=0)


async def test_session_when_it_fixed_zone_and_tariff_then_those_count(network, make_cdr):
    """What was public at the start is what is paid, whatever was published since."""
    body = make_cdr(1)
    raw = json.dumps(body["tariffs"][0]).encode()
    async with network.pool.acquire() as conn:
        await conn.execute(
            "INSERT INTO session (country_code, party_id, id_key, version, body, body_hash, last_updated, status, time_zone,"
            " tariff_hashes) VALUES ('DE', 'ABC', 'S-1', '2.2.1', '{}', sha256('{}'), now(), 'COMPLETED', 'Europe/Vienna', $1)",
            [hashlib.sha256(raw).digest()],
        )
    (number,) = await network.add(body)
    await network.worker().drain()
    async with network.pool.acquire() as conn:
        shown = await show_settlement(conn, number)
    assert shown.used["zone"] == "Europe/Vienna"
    assert shown.used["published_hash"] == hashlib.sha256(raw).hexdigest()
