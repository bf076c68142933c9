"""The book on a real PostgreSQL: what is posted stays, sums, and can be proven."""

from __future__ import annotations

import asyncio
import hashlib
import random
from datetime import UTC, datetime

import asyncpg
import msgspec
import pytest

from settlement.errors import MoneyError
from settlement.ledger.entry import JournalEntry, Leg, entry, idem_key, reversal
from settlement.store.posting import (
    LedgerHaltedError,
    clear_halt,
    halt,
    post,
    read_entries,
)
from settlement.store.verify import trial_balance, verify

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def leg(account: str, amount: int) -> Leg:
    return Leg(account=account, currency=account.rpartition(":")[2], amount_minor=amount)


def sale(name: str, gross: int = 1210, *, cpo: str = "NL-ABC", content: str = "") -> JournalEntry:
    return entry(
        kind="settlement",
        idem=idem_key("test", name),
        input_hash=hashlib.sha256(f"{name}{gross}{content}".encode()).digest(),
        occurred_at=NOW,
        legs=(
            leg("receivable:DE-DPX:EUR", gross),
            leg(f"payable:{cpo}:EUR", -gross + 30),
            leg("revenue:commission:EUR", -30),
        ),
        ref={"cdr": f"{cpo}/{name}", "b": "1", "aa": "2"},
    )


async def posted(conn: asyncpg.Connection, *entries: JournalEntry):
    async with conn.transaction():
        return await post(conn, entries, NOW)


async def balances(conn: asyncpg.Connection) -> dict[str, int]:
    return {b.account: b.amount_minor for b in (await trial_balance(conn)).accounts}


async def test_post_when_new_then_balances_follow_and_the_book_verifies(conn) -> None:
    done = await posted(conn, sale("a"), sale("b", 2000))
    assert len(done.inserted) == 2
    assert await balances(conn) == {
        "receivable:DE-DPX:EUR": 3210,
        "payable:NL-ABC:EUR": -3150,
        "revenue:commission:EUR": -60,
    }
    assert (await trial_balance(conn)).is_balanced
    found = await verify(conn)
    # the payables of these entries were never written: that is the only thing to complain about
    assert {d.what for d in found.differences} == {"payable"}
    assert (found.entries, found.links) == (2, 1)


async def test_post_when_repeated_with_news_then_only_the_news_reach_the_balances(conn) -> None:
    """The trap of a balance summed from the batch instead of from the inserted rows."""
    await posted(conn, sale("a"))
    before = await balances(conn)
    again = await posted(conn, sale("a"), sale("c", 500), sale("a"))
    assert again.repeated == {sale("a").idem}
    assert again.inserted == {sale("c").idem}
    after = await balances(conn)
    assert after["receivable:DE-DPX:EUR"] - before["receivable:DE-DPX:EUR"] == 500
    assert await posted(conn, sale("a"), sale("c", 500)) != again
    assert await balances(conn) == after


async def test_post_when_same_key_has_other_content_then_conflict_and_nothing_moves(conn) -> None:
    await posted(conn, sale("a", 1210))
    before = await balances(conn)
    done = await posted(conn, sale("a", 9999), sale("b", 100))
    assert done.conflicting == {sale("a").idem}
    assert done.inserted == {sale("b").idem}
    assert (await balances(conn))["receivable:DE-DPX:EUR"] == before["receivable:DE-DPX:EUR"] + 100


async def test_post_when_one_batch_contradicts_itself_then_refused(conn) -> None:
    with pytest.raises(MoneyError, match="two contents"):
        await posted(conn, sale("a", 1), sale("a", 2))
    assert await conn.fetchval("SELECT count(*) FROM journal") == 0


async def test_read_entries_when_stored_then_equal_to_what_was_posted(conn) -> None:
    made = sale("a")
    back = reversal(
        made,
        kind="credit",
        idem=idem_key("x"),
        input_hash=bytes(32),
        occurred_at=NOW,
        ref={"z": "ü"},
    )
    await posted(conn, made, back)
    assert await read_entries(conn, [made.idem, back.idem]) == (made, back)
    assert not any((await balances(conn)).values())


async def test_reversal_when_tried_twice_under_two_keys_then_the_store_refuses(conn) -> None:
    made = sale("a")
    backs = [
        reversal(made, kind="credit", idem=idem_key(k), input_hash=bytes(32), occurred_at=NOW)
        for k in ("x", "y")
    ]
    await posted(conn, made, backs[0])
    with pytest.raises(asyncpg.UniqueViolationError):
        await posted(conn, backs[1])


async def test_post_when_many_writers_interleave_then_every_entry_counts_once(pool) -> None:
    rng = random.Random(7)
    names = [f"n{i}" for i in range(60)]

    async def writer(number: int) -> None:
        mine = rng.sample(names, 40)
        async with pool.acquire() as conn:
            for start in range(0, 40, 8):
                batch = [sale(n, 1000, cpo=f"NL-A{hash(n) % 5}B") for n in mine[start : start + 8]]
                await posted(conn, *batch)

    await asyncio.gather(*(writer(i) for i in range(5)))
    async with pool.acquire() as conn:
        rows = await conn.fetch("SELECT seq, idem FROM journal ORDER BY seq")
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        assert len({row["idem"] for row in rows}) == len(rows)
        assert (await balances(conn))["receivable:DE-DPX:EUR"] == 1000 * len(rows)
        found = await verify(conn)
        assert {d.what for d in found.differences} <= {"payable"}


STORE_REFUSES = {
    "unbalanced": ("'{1,2}'", "'{978,978}'", "'{5,-4}'"),
    "balanced only across currencies": ("'{1,2}'", "'{978,578}'", "'{5,-5}'"),
    "a zero leg": ("'{1,2,3}'", "'{978,978,978}'", "'{5,-5,0}'"),
    "a null leg": ("'{1,2,3}'", "'{978,978,978}'", "'{5,-5,NULL}'"),
    "other cardinalities": ("'{1}'", "'{978,978}'", "'{5,-5}'"),
    "two dimensions": ("'{{1,2}}'", "'{{978,978}}'", "'{{5,-5}}'"),
}


@pytest.mark.parametrize("case", STORE_REFUSES)
async def test_journal_when_a_row_is_wrong_then_the_store_itself_refuses(conn, case) -> None:
    accounts, currencies, amounts = STORE_REFUSES[case]
    with pytest.raises(asyncpg.CheckViolationError):
        await conn.execute(
            "INSERT INTO journal (seq, idem, input_hash, kind, occurred_at, posted_at, accounts,"
            " currencies, amounts) VALUES (1, sha256('a'), sha256('a'), 'x', now(), now(),"
            f" {accounts}, {currencies}, {amounts})"
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET kind = 'x'",
        "DELETE FROM journal",
        "TRUNCATE journal",
        "UPDATE chain SET hash = sha256('a')",
        "DELETE FROM chain",
        "TRUNCATE chain CASCADE",
    ],
)
async def test_book_when_changed_then_refused(conn, statement) -> None:
    await posted(conn, sale("a"))
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await conn.execute(statement)


async def tamper(conn: asyncpg.Connection, *statements: str) -> None:
    """As somebody with every right over the database would do it."""
    await conn.execute("SET session_replication_role = replica")
    for statement in statements:
        await conn.execute(statement)
    await conn.execute("SET session_replication_role = DEFAULT")


TAMPERS = {
    "an amount moved": (
        ("UPDATE journal SET amounts = '{1211,-1181,-30}' WHERE seq = 2",),
        {"chain", "balance"},
    ),
    "amounts moved with their balances": (
        (
            "UPDATE journal SET amounts = '{1211,-1181,-30}' WHERE seq = 2",
            "UPDATE balance SET posted = posted + 1 WHERE account_id = 1",
            "UPDATE balance SET posted = posted - 1 WHERE account_id = 2",
        ),
        {"chain"},
    ),
    "a reference rewritten": (("UPDATE journal SET ref = '{}' WHERE seq = 3",), {"chain"}),
    "two rows swapped": (
        (
            "UPDATE journal SET seq = 100 WHERE seq = 2",
            "UPDATE journal SET seq = 2 WHERE seq = 3",
            "UPDATE journal SET seq = 3 WHERE seq = 100",
        ),
        {"chain"},
    ),
    "a row taken out": (("DELETE FROM journal WHERE seq = 2",), {"chain", "balance"}),
    "a link rewritten": (("UPDATE chain SET hash = sha256('x') WHERE batch = 1",), {"chain"}),
    "an account renamed": (
        ("UPDATE account SET name = 'payable:NL-EVL:EUR' WHERE account_id = 2",),
        {"chain"},
    ),
    "a balance changed": (("UPDATE balance SET posted = 1 WHERE account_id = 1",), {"balance"}),
    "the last batch cut off": (
        ("DELETE FROM journal WHERE seq = 4", "DELETE FROM chain WHERE batch = 2"),
        {"balance"},
    ),
}


@pytest.mark.parametrize("case", TAMPERS)
async def test_verify_when_the_past_was_changed_then_it_says_where(conn, case) -> None:
    await posted(conn, sale("a"), sale("b"), sale("c"))
    await posted(conn, sale("d"))
    statements, expected = TAMPERS[case]
    await tamper(conn, *statements)
    found = await verify(conn)
    assert not found.is_sound
    assert expected <= {d.what for d in found.differences}


async def test_post_when_a_balance_is_wrong_then_rolled_back(conn) -> None:
    await posted(conn, sale("a"))
    await tamper(conn, "UPDATE balance SET posted = posted + 1 WHERE account_id = 1")
    with pytest.raises(MoneyError, match="do not sum to zero"):
        await posted(conn, sale("b"))
    assert await conn.fetchval("SELECT count(*) FROM journal") == 1


async def test_post_when_halted_then_refused_until_somebody_clears_it(conn) -> None:
    await halt(conn, "balance", "978 by 1", NOW)
    await halt(conn, "again", "a second alarm changes nothing", NOW)
    with pytest.raises(LedgerHaltedError, match="balance: 978 by 1"):
        await posted(conn, sale("a"))
    assert "halt" in {d.what for d in (await verify(conn)).differences}
    await clear_halt(conn, "R. Viewer", NOW)
    assert len((await posted(conn, sale("a"))).inserted) == 1


async def test_post_when_an_entry_does_not_balance_then_refused_before_the_store(conn) -> None:
    wrong = msgspec.structs.replace(sale("a"), legs=(leg("bank:EUR", 1),))
    with pytest.raises(MoneyError, match="sum to zero"):
        await posted(conn, wrong)
