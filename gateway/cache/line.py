"""One RESP3 connection: replies and invalidations in the order in which Redis made them.

That order is what makes the hot set coherent: a value that was read before a write is followed, on
this same line, by the invalidation of that write. redis-py has no tracking in its asyncio client
and costs more per request than the whole HTTP exchange (performance §1), so the line is our own;
the grammar is hiredis's.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import hiredis

from gateway.cache.redis import Address

CONNECT_TIMEOUT_S: Final = 1.0
PENDING_MAX: Final = 20_000
_INCOMPLETE: Final = object()

_Call = tuple["asyncio.Future[Any]", Callable[[Any], Any] | None]


class CacheUnavailable(Exception):  # noqa: N818 - a state of the memory, nobody's mistake
    """Redis cannot be asked now."""


class Line(asyncio.Protocol):
    """Commands out, replies and pushes in. `on_push` and `on_lost` must not raise."""

    def __init__(self, on_push: Callable[[list[Any]], None], on_lost: Callable[[], None]) -> None:
        self._on_push = on_push
        self._on_lost = on_lost
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)
        self._pending: deque[_Call] = deque()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def call(
        self, *words: bytes | str | int, take: Callable[[Any], Any] | None = None
    ) -> asyncio.Future[Any]:
        """Send one command; the future has its reply, or what `take` made of it.

        `take` runs before anything that follows the reply on the line is looked at: a future's
        waiter runs later, when an invalidation may already have passed. It must not raise.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._transport is None or len(self._pending) >= PENDING_MAX:
            _fail(future, "not connected or too many calls are waiting")
            return future
        self._pending.append((future, take))
        self._transport.write(hiredis.pack_command(cast("Any", words)))
        return future

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()  # connection_lost follows; nothing is worth flushing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not _INCOMPLETE:
                if isinstance(reply, hiredis.PushNotification):
                    self._on_push(reply)
                else:
                    self._answer(reply)
        except (hiredis.ProtocolError, IndexError):  # not RESP, or a reply nobody asked for
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        pending, self._pending = self._pending, deque()
        for future, _ in pending:
            _fail(future, "the connection was lost")
        self._on_lost()

    def _answer(self, reply: Any) -> None:
        future, take = self._pending.popleft()
        if isinstance(reply, hiredis.ReplyError):
            _fail(future, str(reply))
            return
        taken = reply if take is None else take(reply)
        if not future.done():  # else its caller has given up; the reply was still its own
            future.set_result(taken)


def _fail(future: asyncio.Future[Any], why: str) -> None:
    if not future.done():
        future.set_exception(CacheUnavailable(why))
        future.exception()  # seen: whoever waits gets it, nobody waiting is no mistake


async def open_line(
    address: Address, on_push: Callable[[list[Any]], None], on_lost: Callable[[], None]
) -> Line:
    """Connect, speak RESP3, pick the database; CacheUnavailable within `CONNECT_TIMEOUT_S`."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            if address.sentinels:
                address = await _ask_sentinels(address)
            line = await _connect(address, on_push, on_lost)
            try:
                await _greet(line, address)
            except BaseException:
                line.close()
                raise
            return line
    except (OSError, TimeoutError) as error:
        raise CacheUnavailable(f"{type(error).__name__}: {error}") from error


async def _connect(
    address: Address, on_push: Callable[[list[Any]], None], on_lost: Callable[[], None]
) -> Line:
    loop = asyncio.get_running_loop()
    if address.path:
        _, line = await loop.create_unix_connection(lambda: Line(on_push, on_lost), address.path)
    else:
        _, line = await loop.create_connection(
            lambda: Line(on_push, on_lost), address.host, address.port,
            ssl=ssl.create_default_context() if address.is_tls else None,
        )  # fmt: skip
    return line


async def _greet(line: Line, address: Address) -> None:
    words: Sequence[str] = ("HELLO", "3")
    if address.password:
        words = (*words, "AUTH", address.username or "default", address.password)
    await line.call(*words)
    if address.database:
        await line.call("SELECT", address.database)


async def _ask_sentinels(address: Address) -> Address:
    """The master as the first sentinel that answers knows it."""
    for host, port in address.sentinels:
        try:
            line = await _connect(Address(host=host, port=port), lambda _: None, lambda: None)
        except OSError:
            continue
        try:
            found = await line.call("SENTINEL", "get-master-addr-by-name", address.master)
        except CacheUnavailable:
            continue
        finally:
            line.close()
        if found:
            return Address(
                host=found[0].decode(), port=int(found[1]), username=address.username,
                password=address.password, database=address.database,
            )  # fmt: skip
    raise CacheUnavailable(f"no sentinel knows a master called {address.master}")
