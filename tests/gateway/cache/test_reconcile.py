from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import redis

from gateway.cache import reconcile as module
from gateway.cache.hot import MISS, Change, HotSet
from gateway.cache.line import CacheUnavailable
from gateway.cache.reconcile import MARK_KEY, Reconciler, Sequenced, Source

Until = Callable[[Callable[[], bool]], Awaitable[None]]


class Truth:
    """Stands for PostgreSQL: a list of changes in order of sequence."""

    def __init__(self) -> None:
        self.rows: list[Change] = []
        self.is_away = False

    def write(self, key: str, value: bytes) -> int:
        seq = len(self.rows) + 1
        self.rows.append(Change(key, value, seq))
        return seq

    async def after(self, seq: int, limit: int) -> Sequence[Sequenced]:
        if self.is_away:
            raise CacheUnavailable("PostgreSQL is away")
        return [Sequenced(row.version, row.key) for row in self.rows if row.version > seq][:limit]

    async def newest(self) -> int:
        return len(self.rows)


def reconciled(url: str, truth: Truth) -> tuple[HotSet, Reconciler]:
    hot = HotSet(url)

    async def tell(changes: Sequence[Sequenced]) -> None:
        newest = {row.key: row for row in truth.rows}
        await hot.put_all([newest[change.name] for change in changes])

    return hot, Reconciler(hot, Source(after=truth.after, newest=truth.newest, tell=tell))


async def test_catch_up_when_a_put_was_lost_repairs_it_before_memory_is_trusted(
    redis_url: str,
) -> None:
    truth = Truth()
    hot, reconciler = reconciled(redis_url, truth)
    await hot.start()
    await hot.put("tok:{A}:RFID", b"allowed", truth.write("tok:{A}:RFID", b"allowed"))
    truth.write("tok:{A}:RFID", b"blocked")  # committed, and its process died before telling Redis
    await hot.close()
    other, _ = reconciled(redis_url, truth)
    await other.start()
    assert other.trusted
    assert await other.get("tok:{A}:RFID") == b"blocked"
    assert reconciler.repaired == 0
    await other.close()


async def test_catch_up_when_a_failover_undid_writes_repairs_them(redis_url: str) -> None:
    truth = Truth()
    hot, _ = reconciled(redis_url, truth)
    await hot.start()
    with redis.Redis.from_url(redis_url) as client:
        await hot.put("tok:{A}:RFID", b"allowed", truth.write("tok:{A}:RFID", b"allowed"))
        old = client.get("tok:{A}:RFID")
        await hot.put("tok:{A}:RFID", b"blocked", truth.write("tok:{A}:RFID", b"blocked"))
        await hot.close()
        client.set("tok:{A}:RFID", old)
    again, _ = reconciled(redis_url, truth)
    await again.start()
    assert await again.get("tok:{A}:RFID") == b"blocked"
    await again.close()


async def test_trust_when_postgresql_cannot_be_compared_with_is_withheld(
    redis_url: str, until: Until
) -> None:
    truth = Truth()
    truth.is_away = True
    hot, _ = reconciled(redis_url, truth)
    await hot.start()
    assert not hot.trusted
    assert await hot.get("tok:{A}:RFID") is MISS
    truth.is_away = False
    await until(lambda: hot.trusted)
    await hot.close()


async def test_mark_stays_behind_by_the_settling_time_then_follows(
    redis_url: str, monkeypatch: object
) -> None:
    truth = Truth()
    hot, reconciler = reconciled(redis_url, truth)
    await hot.start()
    for n in range(5):
        truth.write(f"tok:{{{n}}}:RFID", b"x")
    await reconciler._round()
    assert await hot.read_mark(MARK_KEY) == 0
    assert reconciler.repaired == 5
    await reconciler._round()
    assert reconciler.repaired == 5  # known already: not told twice
    reconciler._seen = type(reconciler._seen)((t - module.SETTLE_S, s) for t, s in reconciler._seen)
    await reconciler._round()
    assert await hot.read_mark(MARK_KEY) == 5
    await hot.close()


async def test_round_with_more_than_a_page_walks_them_all(redis_url: str) -> None:
    truth = Truth()
    hot, reconciler = reconciled(redis_url, truth)
    await hot.start()
    for n in range(module.PAGE * 2 + 3):
        truth.write(f"tok:{{{n}}}:RFID", b"%d" % n)
    await reconciler._round()
    assert await hot.get(f"tok:{{{module.PAGE * 2 + 2}}}:RFID") == b"%d" % (module.PAGE * 2 + 2)
    await hot.close()


async def test_round_when_redis_was_emptied_tells_again_what_an_older_reading_may_have_replaced(
    redis_url: str, until: Until
) -> None:
    truth = Truth()
    hot, reconciler = reconciled(redis_url, truth)
    await hot.start()
    await hot.put("tok:{A}:RFID", b"allowed", truth.write("tok:{A}:RFID", b"allowed"))
    with redis.Redis.from_url(redis_url) as client:
        stale = client.get("tok:{A}:RFID")
        truth.write("tok:{A}:RFID", b"blocked")
        await reconciler._round()
        assert await hot.get("tok:{A}:RFID") == b"blocked"
        client.flushall()
        client.set("tok:{A}:RFID", stale)  # read before the block, told after the flush
        await until(lambda: hot.counters.flushed == 1)
        await reconciler._round()
        assert await hot.get("tok:{A}:RFID") == b"blocked"
        assert await hot.read_mark(MARK_KEY) == 0
    await hot.close()
