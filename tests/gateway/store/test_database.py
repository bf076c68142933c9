from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import Any

import asyncpg
import pytest

from gateway.store.database import Database, StoreUnavailable


async def test_transaction_when_the_block_raises_leaves_nothing(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int PRIMARY KEY)")

    async def half() -> None:
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO t VALUES (1)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await half()
    assert await database.fetchval("SELECT count(*) FROM t") == 0


async def test_execute_when_a_row_exists_already_says_so_itself(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int PRIMARY KEY)")
    assert await database.execute("INSERT INTO t VALUES (1)") == "INSERT 0 1"
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.execute("INSERT INTO t VALUES (1)")


@pytest.mark.parametrize("argument", ["text for a number", 2**70, object()])
async def test_fetchval_with_an_argument_of_the_wrong_kind_is_a_bug_not_an_outage(
    database: Database, argument: object
) -> None:
    with pytest.raises((asyncpg.DataError, asyncpg.exceptions._base.InterfaceError)) as raised:
        await database.fetchval("SELECT $1::int", argument)
    assert not isinstance(raised.value, StoreUnavailable)


async def test_open_when_nobody_listens_says_unavailable(tmp_path: Any) -> None:
    with pytest.raises(StoreUnavailable):
        await Database.open(f"postgresql://networkcore@/x?host={tmp_path}")


async def test_fetch_when_every_connection_is_taken_gives_up_in_time(database_url: str) -> None:
    db = await Database.open(database_url, size=1)
    async with db.connection():
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await db.fetchval("SELECT 1", timeout_s=0.1)
        assert time.monotonic() - started < 2
    assert await db.fetchval("SELECT 1") == 1
    await db.close()


async def test_release_when_a_transaction_was_left_open_resets_it(database_url: str) -> None:
    db = await Database.open(database_url, size=1)
    async with db.connection() as connection:
        await connection.execute("BEGIN")
    async with db.connection() as connection:
        assert not connection.is_in_transaction()
    await db.close()


async def test_acknowledged_writes_are_synchronous(database: Database) -> None:
    assert await database.fetchval("SHOW synchronous_commit") == "on"


async def test_statements_when_postgresql_is_killed_say_unavailable_then_recover(
    own_postgres: Any,
) -> None:
    db = await Database.open(own_postgres.url, size=4)
    await db.execute("CREATE TABLE t (a int PRIMARY KEY)")
    acknowledged: set[int] = set()
    unknown: set[int] = set()
    kill_at = 200

    async def write(number: int) -> None:
        try:
            await db.execute("INSERT INTO t VALUES ($1)", number)
        except StoreUnavailable:
            unknown.add(number)
        else:
            acknowledged.add(number)
        if number == kill_at:
            for pid in own_postgres.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    gate = asyncio.Semaphore(8)

    async def guarded(number: int) -> None:
        async with gate:
            await write(number)

    await asyncio.gather(*(guarded(number) for number in range(1000)))
    assert acknowledged
    assert unknown
    async with asyncio.timeout(60):
        while True:
            try:
                present = {r["a"] for r in await db.fetch("SELECT a FROM t")}
                break
            except StoreUnavailable:
                await asyncio.sleep(0.05)
    assert acknowledged <= present <= acknowledged | unknown
    await db.close()


async def test_statements_when_postgresql_hangs_end_in_time_and_recover(own_postgres: Any) -> None:
    db = await Database.open(own_postgres.url, size=2)
    pids = own_postgres.pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await db.fetchval("SELECT 1", timeout_s=0.3)
        assert time.monotonic() - started < 5
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)
    async with asyncio.timeout(30):
        while True:
            try:
                assert await db.fetchval("SELECT 1", timeout_s=1) == 1
                break
            except StoreUnavailable:
                await asyncio.sleep(0.05)
    await db.close()
