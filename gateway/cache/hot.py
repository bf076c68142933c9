"""The hot set: what this process may answer from memory, kept true by Redis.

Coherence (DESIGN §2, reliability §5.7): Redis tells, by ``CLIENT TRACKING … BCAST``, of every key
that changed, on the same line and in order with the replies. Memory is trusted under a lease of at
most `LEASE_S`, counted on the monotonic clock from the moment a PING was sent whose PONG arrived; a
lost line ends it at once. Untrusted means: every lookup is a MISS, and the caller asks PostgreSQL.

Values carry versions. A script compares before it sets, so an older write never replaces a newer
one, here or in Redis. Redis reports a script's write to its own sender too (NOLOOP does not cover
scripts), so the first read after an own put costs one round trip. Entries end at an absolute time;
reading never extends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Any, Final, Literal

import msgspec
import structlog

from gateway.cache.line import CacheUnavailable, Line, open_line
from gateway.cache.redis import parse

LEASE_S: Final = 2.0
PING_EVERY_S: Final = 0.25
PONG_WITHIN_S: Final = 1.0
ANSWER_WITHIN_S: Final = 0.05
RECONNECT_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
ENTRIES_MAX: Final = 200_000
VALUE_BYTES_MAX: Final = 64 * 1024
UNSENT_MAX: Final = 50_000
MGET_MAX: Final = 512
MEMORY_S: Final = 300.0  # an entry's absolute life in this process
REDIS_MS: Final = 24 * 3600 * 1000  # and in Redis
ABSENT_MS: Final = 60 * 1000  # what does not exist is asked again sooner
VERSION_MAX: Final = 2**63 - 1
PREFIXES: Final = ("tok:", "crt:", "ctr:", "rel:")

# A stored value is 16 hex digits of version, one mark, and the payload.
_HEAD: Final = 17
_PRESENT: Final = b"="
_ABSENT: Final = b"-"
_SCRIPT: Final = b"""
local held = redis.call('GETRANGE', KEYS[1], 0, 15)
if #held == 16 and held > string.sub(ARGV[1], 1, 16) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


logger = structlog.get_logger(__name__)


class Miss(Enum):
    """The hot set does not know: ask PostgreSQL, then `put` what it said."""

    MISS = "MISS"


MISS: Final = Miss.MISS
Found = bytes | None | Literal[Miss.MISS]


class Change(msgspec.Struct, frozen=True):
    """One entry as PostgreSQL has it; `value` None: it is known not to exist."""

    key: str
    value: bytes | None
    version: int


class Counters(msgspec.Struct):
    """Plain integers, exported when somebody scrapes; counting costs no more than adding one."""

    hits: int = 0
    misses: int = 0
    fetched: int = 0
    invalidated: int = 0
    flushed: int = 0
    evicted: int = 0
    lost: int = 0
    unavailable: int = 0
    superseded: int = 0


class _Entry(msgspec.Struct, array_like=True, gc=False):
    value: bytes | None
    version: int
    ends_at: float


class HotSet:
    """A bounded, coherent map from key to bytes. `start` never fails: without Redis it is cold."""

    def __init__(
        self,
        url: str,
        *,
        prefixes: Sequence[str] = PREFIXES,
        before_trust: Callable[[], Awaitable[None]] | None = None,
        entries_max: int = ENTRIES_MAX,
    ) -> None:
        self._address = parse(url)
        self._prefixes = tuple(prefixes)
        self._entries_max = entries_max
        self.before_trust = before_trust
        self.counters = Counters()
        self._entries: dict[str, _Entry] = {}
        self._unsent: dict[str, Change] = {}
        self._trusted_until = 0.0
        self._line: Line | None = None
        self._is_silent = False
        self._wanted: dict[str, asyncio.Future[Found]] = {}
        self._lost = asyncio.Event()
        self._decided = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def trusted(self) -> bool:
        """Whether memory may be answered from, now."""
        return time.monotonic() < self._trusted_until

    @property
    def reachable(self) -> bool:
        """Whether there is a line to Redis that answers."""
        return self._line is not None and self._line.is_open and not self._is_silent

    def __len__(self) -> int:
        return len(self._entries)

    async def start(self) -> None:
        """Begin to connect, and wait a moment for it: a healthy Redis means a trusted start."""
        self._keeper = asyncio.create_task(self._keep(), name="hot-set")
        self._keeper.add_done_callback(_report_end)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PONG_WITHIN_S):
                await self._decided.wait()

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        self._distrust()
        if self._line is not None:
            self._line.close()
        await asyncio.sleep(0)

    def get_now(self, key: str) -> Found:
        """From memory, without waiting: the value, None when it is known not to exist, or MISS."""
        now = time.monotonic()
        entry = self._entries.get(key)
        if entry is None or now >= self._trusted_until:
            self.counters.misses += 1
            return MISS
        if now >= entry.ends_at:
            del self._entries[key]
            self.counters.misses += 1
            return MISS
        self.counters.hits += 1
        return entry.value

    def holds(self, key: str, value: bytes, now: float) -> bool:
        """Whether `get_now` would give `value` at this moment of the monotonic clock."""
        entry = self._entries.get(key)
        return (
            entry is not None
            and entry.value == value
            and now < self._trusted_until
            and now < entry.ends_at
        )

    async def get(self, key: str) -> Found:
        """From memory, else from Redis; all that is asked for in one loop tick is one MGET."""
        found = self.get_now(key)
        if found is not MISS or not self.trusted or not self.reachable:
            return found
        future = self._wanted.get(key)
        if future is None:
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            if not self._wanted:
                loop.call_soon(self._fetch_wanted)
            self._wanted[key] = future
        done, _ = await asyncio.wait({future}, timeout=ANSWER_WITHIN_S)
        if not done:
            self._is_silent = True  # nobody else waits for it until it says something again
            self.counters.unavailable += 1
            return MISS
        return future.result()

    async def put(self, key: str, value: bytes | None, version: int) -> bool:
        """Make `value` known everywhere, after PostgreSQL's commit, unless something newer is.

        False: Redis could not be told now; it is told again as soon as it can be, and whoever
        relies on memory meanwhile does so for no longer than the lease.
        """
        change = Change(key, value, _checked(version))
        self._forget_older(change)
        if await self._send(change):
            return True
        held = self._unsent.get(key)
        if held is None or held.version <= version:
            if held is None and len(self._unsent) >= UNSENT_MAX:
                self._unsent.pop(next(iter(self._unsent)))  # the reconciler finds it again
            self._unsent[key] = change
        return False

    async def fill(self, key: str, value: bytes | None, version: int) -> bool:
        """Make known what was read in PostgreSQL, now or not at all.

        Never repeated later: by then it may be old, and whoever made the newer one may be gone.
        """
        change = Change(key, value, _checked(version))
        self._forget_older(change)
        return await self._send(change)

    async def put_all(self, changes: Sequence[Change]) -> None:
        """Many at once, for a reconciler; CacheUnavailable when one could not be told."""
        for start in range(0, len(changes), MGET_MAX):
            part = changes[start : start + MGET_MAX]
            line = self._need_line()
            futures = [self._call_script(line, change) for change in part]
            _, late = await asyncio.wait(futures, timeout=PONG_WITHIN_S)
            if late:
                raise CacheUnavailable("no answer to a put")
            for future in futures:
                future.result()

    async def read_mark(self, key: str) -> int | None:
        """A number kept in Redis itself, so that it is as old as everything else in there."""
        raw = await self._within(self._need_line().call("GET", key))
        return int(raw) if raw else None

    async def write_mark(self, key: str, number: int) -> None:
        await self._within(self._need_line().call("SET", key, number))

    def _need_line(self) -> Line:
        if self._line is None:
            raise CacheUnavailable("not connected")
        return self._line

    async def _within(self, future: asyncio.Future[Any], seconds: float = PONG_WITHIN_S) -> Any:
        try:
            async with asyncio.timeout(seconds):  # wait_for may swallow a cancellation
                return await future
        except TimeoutError as error:
            raise CacheUnavailable(f"no answer within {seconds} s") from error

    async def _send(self, change: Change) -> bool:
        line = self._line
        if line is None or self._is_silent:
            return False
        try:
            await self._within(self._call_script(line, change), ANSWER_WITHIN_S)
        except CacheUnavailable:
            self.counters.unavailable += 1
            self._is_silent = line.is_open
            return False
        return True

    def _call_script(self, line: Line, change: Change) -> asyncio.Future[Any]:
        mark = _ABSENT if change.value is None else _PRESENT
        life = ABSENT_MS if change.value is None else REDIS_MS
        stored = b"%016x" % change.version + mark + (change.value or b"")
        return line.call(
            b"EVAL",
            _SCRIPT,
            1,
            change.key,
            stored,
            life,
            take=lambda done: self._told(change, done),
        )

    def _told(self, change: Change, stored: int) -> None:
        """Redis has compared: ours is the newest, or somebody's newer one must be fetched."""
        if stored:
            self._remember(change.key, change.value, change.version)
        else:
            self.counters.superseded += 1
            self._entries.pop(change.key, None)

    def _forget_older(self, change: Change) -> None:
        held = self._entries.get(change.key)
        if held is not None and held.version < change.version:
            del self._entries[change.key]

    def _remember(self, key: str, value: bytes | None, version: int) -> None:
        unsent = self._unsent.get(key)
        if not self.trusted or (unsent is not None and unsent.version > version):
            return
        entries = self._entries
        held = entries.get(key)
        if held is not None and held.version > version:
            return
        if value is not None and len(value) > VALUE_BYTES_MAX:
            entries.pop(key, None)
            return
        life = MEMORY_S if value is not None else ABSENT_MS / 1000
        if held is None and len(entries) >= self._entries_max:
            del entries[next(iter(entries))]
            self.counters.evicted += 1
        ends_at = time.monotonic() + life
        if held is not None and held.version == version and held.value == value:
            ends_at = held.ends_at  # absolute: hearing of it again is no new life
        entries[key] = _Entry(value, version, ends_at)

    def _fetch_wanted(self) -> None:
        wanted, self._wanted = self._wanted, {}
        keys = list(wanted)
        for start in range(0, len(keys), MGET_MAX):
            part = keys[start : start + MGET_MAX]
            if self._line is None:
                _settle(wanted, part, None)
                continue
            self._mget(self._line, wanted, part)

    def _mget(self, line: Line, wanted: dict[str, asyncio.Future[Found]], part: list[str]) -> None:
        def take(values: list[bytes | None]) -> None:
            found = [self._take_in(k, v) for k, v in zip(part, values, strict=True)]
            _settle(wanted, part, found)

        def ended(reply: asyncio.Future[None]) -> None:
            if reply.cancelled() or reply.exception() is not None:
                _settle(wanted, part, None)

        line.call(b"MGET", *part, take=take).add_done_callback(ended)

    def _take_in(self, key: str, raw: bytes | None) -> Found:
        if raw is None or len(raw) < _HEAD:
            return MISS
        value = raw[_HEAD:] if raw[16:_HEAD] == _PRESENT else None
        version = int(raw[:16], 16)
        unsent = self._unsent.get(key)
        if unsent is not None and unsent.version > version:
            return unsent.value
        self.counters.fetched += 1
        self._remember(key, value, version)
        return value

    # -- the line ------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Connect, track, trust; keep the lease alive; begin again for ever."""
        failures = 0
        while True:
            try:
                await self._connect()
                failures = 0
                await self._renew_until_lost()
            except CacheUnavailable:
                failures += 1
            self._decided.set()
            self._distrust()
            if self._line is not None:
                self._line.close()
                self._line = None
            await asyncio.sleep(RECONNECT_S[min(failures, len(RECONNECT_S) - 1)])

    async def _connect(self) -> None:
        self._lost.clear()
        line = await open_line(self._address, self._pushed, self._connection_lost)
        words: list[bytes | str] = ["CLIENT", "TRACKING", "ON", "BCAST"]
        for prefix in self._prefixes:
            words += ["PREFIX", prefix]
        try:
            await self._within(line.call(*words))
        except CacheUnavailable:
            line.close()
            raise
        self._line = line
        self._is_silent = False
        if self._unsent:
            await self._repeat_unsent()
        if self.before_trust is not None:
            await self.before_trust()

    async def _renew_until_lost(self) -> None:
        while not self._lost.is_set():
            sent_at = time.monotonic()
            await self._within(self._need_line().call("PING"))
            self._is_silent = False
            if self._unsent:
                await self._repeat_unsent()
            self._trusted_until = sent_at + LEASE_S
            self._decided.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_EVERY_S):
                    await self._lost.wait()

    async def _repeat_unsent(self) -> None:
        changes = tuple(self._unsent.values())
        await self.put_all(changes)
        for change in changes:
            if self._unsent.get(change.key) is change:
                del self._unsent[change.key]

    def _pushed(self, message: list[Any]) -> None:
        if not message or message[0] != b"invalidate":
            return
        keys = message[1]
        if keys is None:  # FLUSHALL, FLUSHDB
            self._entries.clear()
            self.counters.flushed += 1
            return
        for key in keys:
            self._entries.pop(key.decode("utf-8", "replace"), None)
            self.counters.invalidated += 1

    def _connection_lost(self) -> None:
        self._lost.set()
        self._distrust()

    def _distrust(self) -> None:
        """At once and entirely: nothing in memory can be known to be true any more."""
        if self._trusted_until:
            self.counters.lost += 1
        self._trusted_until = 0.0
        self._entries.clear()


def _report_end(task: asyncio.Task[None]) -> None:
    """A hot set without its keeper is cold for ever, which is safe; it must not be silent."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("hot_set_stopped", exc_info=error)


def _settle(
    wanted: dict[str, asyncio.Future[Found]], part: list[str], values: list[Found] | None
) -> None:
    for index, key in enumerate(part):
        future = wanted[key]
        if not future.done():
            future.set_result(MISS if values is None else values[index])


def _checked(version: int) -> int:
    if not 0 <= version <= VERSION_MAX:
        raise ValueError(f"a version is 0 to 2^63 - 1, not {version}")
    return version
