from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gateway.store.batch import Batcher
from gateway.store.database import Database, StoreUnavailable

INSERT = "INSERT INTO t (a) SELECT unnest($1::int[]) ON CONFLICT DO NOTHING RETURNING a"


async def table(database: Database) -> Batcher[int, bool]:
    await database.execute("CREATE TABLE t (a int PRIMARY KEY CHECK (a <> 13))")

    async def write(items: Sequence[int]) -> list[bool]:
        async with database.transaction() as connection:
            new = {row["a"] for row in await connection.fetch(INSERT, list(items))}
        return [item in new for item in items]

    return Batcher(write)


async def test_put_when_many_wait_shares_transactions_and_answers_each(database: Database) -> None:
    batcher = await table(database)
    answers = await asyncio.gather(*(batcher.put(n) for n in range(1000, 2000)))
    assert answers == [True] * 1000
    assert batcher.commits <= 10
    assert await database.fetchval("SELECT count(*) FROM t") == 1000
    assert await batcher.put(1000) is False
    await batcher.close()


async def test_put_when_alone_is_written_at_once(database: Database) -> None:
    batcher = await table(database)
    assert await batcher.put(1)
    assert (batcher.items, batcher.commits) == (1, 1)


async def test_put_when_one_item_is_poison_fails_it_alone(database: Database) -> None:
    batcher = await table(database)
    answers = await asyncio.gather(*(batcher.put(n) for n in range(5, 25)), return_exceptions=True)
    failed = [n for n, answer in zip(range(5, 25), answers, strict=True) if answer is not True]
    assert failed == [13]
    assert await database.fetchval("SELECT count(*) FROM t") == 19


async def test_put_when_a_caller_is_cancelled_answers_the_others(database: Database) -> None:
    batcher = await table(database)
    tasks = [asyncio.create_task(batcher.put(n)) for n in range(100, 200)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [a for i, a in enumerate(answers) if i % 3] == [True] * 66


async def test_put_when_the_store_is_away_fails_all_and_later_works() -> None:
    away = True

    async def write(items: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0)
        if away:
            raise StoreUnavailable("away")
        return items

    batcher = Batcher(write)
    answers = await asyncio.gather(*(batcher.put(n) for n in range(5)), return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    away = False
    assert await batcher.put(7) == 7


async def test_put_when_too_many_wait_is_refused_at_once() -> None:
    gate = asyncio.Event()

    async def write(items: Sequence[int]) -> Sequence[int]:
        await gate.wait()
        return items

    batcher = Batcher(write, size_max=1, waiting_max=2)
    tasks = [asyncio.create_task(batcher.put(0))]
    await asyncio.sleep(0.01)  # the first is being committed, two more may wait
    tasks += [asyncio.create_task(batcher.put(n)) for n in (1, 2)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="too many"):
        await batcher.put(3)
    assert batcher.refused == 1
    gate.set()
    assert await asyncio.gather(*tasks) == [0, 1, 2]
    await batcher.close()
    with pytest.raises(StoreUnavailable, match="closing"):
        await batcher.put(4)
