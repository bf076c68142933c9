from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis

from gateway.cache import hot as module
from gateway.cache.hot import MISS, Change, HotSet

HotSets = Callable[[str], Awaitable[HotSet]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]
KEY = "tok:{ABC}:RFID"


async def test_put_then_get_when_healthy_answers_in_both_processes(
    redis_url: str, hot_sets: HotSets
) -> None:
    one, two = await hot_sets(redis_url), await hot_sets(redis_url)
    assert one.trusted
    assert two.trusted
    assert await two.get(KEY) is MISS
    assert await one.put(KEY, b"first", 1)
    assert await two.get(KEY) == b"first"
    assert two.get_now(KEY) == b"first"
    assert one.get_now(KEY) == b"first" or await one.get(KEY) == b"first"


async def test_get_after_an_acknowledged_put_elsewhere_never_goes_back(
    redis_url: str, hot_sets: HotSets, until: Until
) -> None:
    """A reader hammers while a writer counts up: what it reads only grows, and ends at the newest."""
    writer, reader = await hot_sets(redis_url), await hot_sets(redis_url)
    await writer.put(KEY, b"0", 0)
    seen: list[int] = []
    stop = asyncio.Event()

    async def hammer() -> None:
        while not stop.is_set():
            found = await reader.get(KEY)
            if found is not MISS:
                seen.append(int(found or b""))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(hammer())
        for version in range(1, 301):
            assert await writer.put(KEY, b"%d" % version, version)
            if version % 50 == 0:
                await until(lambda version=version: bool(seen) and seen[-1] == version)
        stop.set()
    assert seen == sorted(seen)
    assert seen[-1] == 300
    assert reader.counters.hits > 0


async def test_put_when_an_older_write_arrives_late_keeps_the_newer(
    redis_url: str, hot_sets: HotSets
) -> None:
    one, two = await hot_sets(redis_url), await hot_sets(redis_url)
    assert await one.put(KEY, b"blocked", 20)
    assert await two.put(KEY, b"allowed", 19)
    assert two.counters.superseded == 1
    assert await two.get(KEY) == b"blocked"
    assert await one.get(KEY) == b"blocked"


async def test_put_absent_is_an_answer_of_its_own_and_gives_way_to_a_later_value(
    redis_url: str, hot_sets: HotSets, until: Until
) -> None:
    one, two = await hot_sets(redis_url), await hot_sets(redis_url)
    await one.put(KEY, None, 0)
    assert await two.get(KEY) is None
    assert two.get_now(KEY) is None
    await one.put(KEY, b"there now", 5)
    await until(lambda: two.get_now(KEY) is not None)
    assert await two.get(KEY) == b"there now"


async def test_get_when_many_ask_in_one_tick_sends_one_mget(
    redis_url: str, hot_sets: HotSets
) -> None:
    one, two = await hot_sets(redis_url), await hot_sets(redis_url)
    await one.put_all([Change(f"tok:{{{n}}}:RFID", b"%d" % n, 1) for n in range(100)])
    with redis.Redis.from_url(redis_url) as client:
        before = client.info("commandstats").get("cmdstat_mget", {"calls": 0})["calls"]
        found = await asyncio.gather(
            *(two.get(f"tok:{{{n}}}:RFID") for n in range(100)),
            *(two.get(f"tok:{{{n}}}:RFID") for n in range(100)),
        )
        after = client.info("commandstats")["cmdstat_mget"]["calls"]
    assert found == [b"%d" % n for n in range(100)] * 2
    assert after - before == 1


async def test_invalidation_when_redis_is_flushed_empties_the_memory(
    redis_url: str, hot_sets: HotSets, until: Until
) -> None:
    hot = await hot_sets(redis_url)
    await hot.put(KEY, b"x", 1)
    assert await hot.get(KEY) == b"x"
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    await until(lambda: hot.counters.flushed == 1)
    assert hot.get_now(KEY) is MISS


async def test_entries_when_full_stay_within_their_bound(redis_url: str) -> None:
    hot = HotSet(redis_url, entries_max=10)
    await hot.start()
    for n in range(50):
        await hot.put(f"tok:{{{n}}}:RFID", b"x", 1)
        await hot.get(f"tok:{{{n}}}:RFID")
    assert len(hot) <= 10
    assert hot.counters.evicted >= 40
    await hot.close()


async def test_entry_when_read_again_and_again_still_ends_at_its_time(
    redis_url: str, hot_sets: HotSets, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pelican#3696: an expiry that reading extends lets a revoked token live for ever."""
    hot = await hot_sets(redis_url)
    monkeypatch.setattr(module, "MEMORY_S", 0.15)
    await hot.put(KEY, b"x", 1)
    await hot.get(KEY)
    await until(lambda: hot.get_now(KEY) is MISS)


async def test_trust_when_the_line_is_cut_ends_at_once_and_comes_back(
    redis_url: str, hot_sets: HotSets, until: Until
) -> None:
    hot = await hot_sets(redis_url)
    await hot.put(KEY, b"x", 1)
    assert await hot.get(KEY) == b"x"
    with redis.Redis.from_url(redis_url) as client:
        client.client_kill_filter(_type="normal", skipme=True)
        client.client_kill_filter(_type="pubsub", skipme=True)
    await until(lambda: hot.counters.lost == 1)
    await until(lambda: hot.trusted)
    assert hot.get_now(KEY) is MISS
    assert await hot.get(KEY) == b"x"


async def test_get_when_redis_refuses_answers_at_once_and_recovers(
    own_valkey: Any, hot_sets: HotSets, until: Until
) -> None:
    hot = await hot_sets(own_valkey.url)
    await hot.put(KEY, b"x", 1)
    await asyncio.to_thread(own_valkey.stop)
    await until(lambda: not hot.trusted)
    started = time.monotonic()
    assert [await hot.get(KEY) for _ in range(100)] == [MISS] * 100
    assert not await hot.put(KEY, b"newer", 2)
    assert time.monotonic() - started < 1.0  # 2.4 s for a single one with the library's defaults
    await asyncio.to_thread(own_valkey.start)
    await until(lambda: hot.trusted)
    assert await hot.get(KEY) == b"newer"  # what could not be told was told on return


async def test_get_when_redis_hangs_is_bounded_and_the_lease_ends(
    own_valkey: Any, hot_sets: HotSets, until: Until
) -> None:
    hot = await hot_sets(own_valkey.url)
    await hot.put(KEY, b"x", 1)
    assert await hot.get(KEY) == b"x"
    pid = own_valkey.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        frozen_at = time.monotonic()
        assert await hot.get("tok:{OTHER}:RFID") is MISS
        assert [await hot.get(f"tok:{{{n}}}:RFID") for n in range(50)] == [MISS] * 50
        assert time.monotonic() - frozen_at < 1.5
        await until(lambda: hot.get_now(KEY) is MISS)
        assert time.monotonic() - frozen_at < module.LEASE_S + module.PING_EVERY_S + 1.0
        assert not hot.trusted
    finally:
        os.kill(pid, signal.SIGCONT)
    await until(lambda: hot.trusted)
    assert await hot.get(KEY) == b"x"


async def test_start_when_redis_is_absent_is_cold_and_does_not_fail(
    tmp_path: Any, hot_sets: HotSets
) -> None:
    hot = await hot_sets(f"unix://{tmp_path}/none.sock")
    assert not hot.trusted
    assert hot.get_now(KEY) is MISS
    assert await hot.get(KEY) is MISS
    assert not await hot.put(KEY, b"x", 1)


async def test_put_with_a_negative_version_is_refused(redis_url: str, hot_sets: HotSets) -> None:
    hot = await hot_sets(redis_url)
    with pytest.raises(ValueError, match="version"):
        await hot.put(KEY, b"x", -1)


async def test_get_when_callers_are_cancelled_in_a_storm_answers_the_others(
    redis_url: str, hot_sets: HotSets
) -> None:
    hot = await hot_sets(redis_url)
    await hot.put_all([Change(f"tok:{{{n}}}:RFID", b"%d" % n, 1) for n in range(200)])
    for _ in range(10):
        hot._entries.clear()
        tasks = [asyncio.create_task(hot.get(f"tok:{{{n}}}:RFID")) for n in range(200)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [a for a in answers[1::2] if a is not MISS] == [
            b"%d" % n for n, a in zip(range(1, 200, 2), answers[1::2], strict=True) if a is not MISS
        ]
    assert hot.counters.lost == 0


async def test_close_when_redis_answers_in_the_same_turn_then_the_keeper_still_ends(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PING_EVERY_S", 0.001)
    hot_set = HotSet(redis_url)
    await hot_set.start()
    keeper, line = hot_set._keeper, hot_set._line
    assert keeper is not None
    assert line is not None
    async with asyncio.timeout(5):
        while not line._pending:  # noqa: ASYNC110 - the next PING is on its way
            await asyncio.sleep(0)
    line._pending[0][0].add_done_callback(lambda _: keeper.cancel())
    done, _ = await asyncio.wait({keeper}, timeout=2)
    assert done
    await hot_set.close()


async def test_fill_when_redis_is_away_is_not_repeated_over_what_is_newer(
    own_valkey: Any, hot_sets: HotSets, until: Until
) -> None:
    """The one that told the newer has died meanwhile: nobody would correct the older."""
    reader, writer = await hot_sets(own_valkey.url), HotSet(own_valkey.url)
    await writer.start()
    await asyncio.to_thread(own_valkey.stop)
    await until(lambda: not reader.reachable and not writer.reachable)
    assert not await reader.fill(KEY, b"allowed", 1)
    assert not await writer.put(KEY, b"blocked", 2)
    await writer.close()
    await asyncio.to_thread(own_valkey.start)
    await until(lambda: reader.trusted)
    assert await reader.get(KEY) is MISS
    assert await reader.fill(KEY, b"blocked", 3)
    assert await reader.get(KEY) == b"blocked"
