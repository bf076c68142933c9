"""The hot lane: aiohttp's connection, with a short way for whole hot requests in front of it.

A request that begins like a hot one, is complete, and meets an idle connection is answered at once,
synchronously. Every other byte goes to aiohttp untouched and in order. To know when a connection is
idle *and* between two requests, the lane frames each request that it hands on and checks, through
aiohttp's own message queue, that aiohttp has seen exactly that request and its whole body; where
the two differ in any way the connection is aiohttp's for the rest of its life.

The private attributes of aiohttp that are used here are named in `PINNED`; a test fails when a new
release of aiohttp has changed them (performance.md §1, "holes").
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol

from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import StreamResponse
from aiohttp.web_server import Server

from gateway.http.lane.frame import PARTIAL, UNKNOWN, body_length, head_length

PINNED: Final = (
    "_buffer_paused", "_close", "_force_close", "_keepalive_timeout", "_loop", "_manager",
    "_messages", "_next_keepalive_close_time", "_pause_transport_reading", "_paused",
    "_reading_paused", "_request_count", "_resume_transport_reading", "finish_response",
    "transport",
)  # fmt: skip

HOT_BYTES_MAX: Final = 12 << 10
HEAD_DEADLINE_S: Final = 5.0
BODY_DEADLINE_S: Final = 10.0
ANSWERS_JOINED_MAX: Final = 32
_TIMED_OUT: Final = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


class Connection(Protocol):
    """Where the hot path may leave a word for the next request on the same connection."""

    shape: Any


class HotPath(Protocol):
    """What the lane asks for an answer: None means "this is for the ordinary path"."""

    prefixes: tuple[bytes, ...]
    counters: LaneCounters

    def repeat(self, frame: bytes, connection: Connection) -> bytes | None: ...
    def answer(self, frame: bytes, body_length: int) -> bytes | None: ...


class LaneCounters:
    """Plain integers, read when metrics are scraped."""

    __slots__ = ("answered", "declined", "handed_on", "held", "lost", "paused", "timed_out")

    def __init__(self) -> None:
        self.answered = 0  # hot requests answered by the lane
        self.declined = 0  # hot requests the ordinary path must answer
        self.handed_on = 0  # ordinary requests
        self.held = 0  # times a partial request waited for its rest
        self.lost = 0  # connections given to aiohttp for good
        self.paused = 0  # times a peer did not read its answers
        self.timed_out = 0

    def read(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}


class LaneProtocol(RequestHandler):
    """One connection."""

    __slots__ = (
        "_answered",
        "_body_left",
        "_deadline",
        "_held",
        "_hot",
        "_ordinary",
        "_payload",
        "shape",
    )

    def __init__(self, manager: Server, hot: HotPath, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self._hot = hot
        self._answered = 0
        self._held = b""
        self._ordinary = False
        self._body_left = 0
        self._payload: StreamReader | None = None
        self.shape: Any = None
        self._deadline: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        if self._ordinary or not data or self._close or self._force_close:
            super().data_received(data)
        elif self._held:
            data, self._held = self._held + data, b""
            self._run(data)
        elif self._body_left or self._paused or self._request_count != self._answered:
            self._run(data)
        else:
            hot = self._hot
            answer = hot.repeat(data, self) if data.startswith(hot.prefixes) else None
            if answer is None or self.transport is None:
                self._run(data)
                return
            # The usual case: one whole request, like others before it, on an idle connection.
            self.transport.write(answer)
            self._count(1)

    def _run(self, data: bytes) -> None:
        """Request by request, until the bytes are used up, kept for later, or given away."""
        answers: list[bytes] = []
        at, end = 0, len(data)
        while at < end and not self._ordinary:
            if self._body_left:
                at = self._feed_body(data, at)
                continue
            used = self._next(data, at, answers)
            if used == PARTIAL:
                break
            if used == UNKNOWN:
                self._flush(answers)
                self._lose()
                break
            at += used
        self._flush(answers)
        if self._ordinary and at < end:
            super().data_received(data[at:])

    def _next(self, data: bytes, at: int, answers: list[bytes]) -> int:
        """How much of the request at `at` is dealt with; PARTIAL: it is kept; UNKNOWN: no frame."""
        head = head_length(data, at)
        if head <= 0:
            return self._hold(data[at:]) if head == PARTIAL else UNKNOWN
        body = body_length(data[at : at + head])
        if body < 0:
            return UNKNOWN
        whole = head + body
        if self._may_be_hot(data, at, whole):
            if len(data) - at < whole:
                return self._hold(data[at:])
            if self._paused or len(answers) >= ANSWERS_JOINED_MAX:
                self._flush(answers)
            if self._paused:
                return self._hold_until_read(data[at:])
            frame = data if len(data) == whole else data[at : at + whole]
            answer = self._hot.repeat(frame, self) or self._hot.answer(frame, body)
            if answer is not None:
                answers.append(answer)
                self._stop_deadline()
                return whole
        self._flush(answers)
        return self._hand_on(data[at : at + whole], whole)

    def _may_be_hot(self, data: bytes, at: int, whole: int) -> bool:
        return (
            data.startswith(self._hot.prefixes, at) and whole <= HOT_BYTES_MAX and self._is_idle()
        )

    def _is_idle(self) -> bool:
        """Every request that aiohttp has seen is answered, so its parser stands between two."""
        return self._request_count == self._answered

    async def finish_response(
        self, request: BaseRequest, resp: StreamResponse, start_time: float | None
    ) -> tuple[StreamResponse, bool]:
        """After aiohttp has answered; where that ends the connection the lane has no more say."""
        result = await super().finish_response(request, resp, start_time)
        self._answered += 1
        if not result[0].keep_alive:
            self._ordinary = True
        return result

    def _flush(self, answers: list[bytes]) -> None:
        """Writes what was answered, in order, and counts as life on this connection."""
        count = len(answers)
        if not count:
            return
        transport = self.transport
        if transport is not None:
            data = answers[0] if count == 1 else b"".join(answers)
            transport.write(data)
        answers.clear()
        self._count(count)

    def _count(self, count: int) -> None:
        self._hot.counters.answered += count
        manager = self._manager
        if manager is not None:
            manager.requests_count += count
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout

    def _hand_on(self, data: bytes, whole: int) -> int:
        """Gives one framed request to aiohttp and holds its view against the lane's."""
        self._stop_deadline()
        before = self._request_count
        super().data_received(data)
        self._hot.counters.handed_on += 1
        if self._request_count != before + 1 or not self._messages:
            return self._lose(len(data))
        message, payload = self._messages[-1]
        if not isinstance(message, RawRequestMessage) or message.upgrade:
            return self._lose(len(data))
        self._body_left = whole - len(data)
        if self._body_left:
            self._payload = payload
            self._start_deadline(BODY_DEADLINE_S)
        elif not payload.is_eof():
            return self._lose(len(data))
        return len(data)

    def _feed_body(self, data: bytes, at: int) -> int:
        """The rest of a body that aiohttp is reading; returns where it ends in `data`."""
        piece = data[at : at + self._body_left]
        self._body_left -= len(piece)
        super().data_received(piece)
        if not self._body_left:
            self._stop_deadline()
            payload, self._payload = self._payload, None
            if payload is None or not payload.is_eof():
                self._lose()
        return at + len(piece)

    def _lose(self, used: int = 0) -> int:
        """From here on this connection is aiohttp's: the two parsers may see different requests."""
        self._ordinary = True
        self._body_left = 0
        self._payload = None
        self._stop_deadline()
        self._hot.counters.lost += 1
        return used

    def _hold(self, data: bytes) -> int:
        """Keeps half a request; its time runs from its first byte, however slowly it drips."""
        self._held = data
        self._hot.counters.held += 1
        if self._deadline is None:
            self._start_deadline(HEAD_DEADLINE_S)
        return PARTIAL

    def _hold_until_read(self, data: bytes) -> int:
        """The peer does not read its answers: keep its request, and stop reading until it does."""
        self._held = data
        self._hot.counters.paused += 1
        self._pause_transport_reading()
        if self._deadline is None:
            self._start_deadline(BODY_DEADLINE_S)
        return PARTIAL

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._held and not self._ordinary and self.transport is not None:
            self._stop_deadline()
            if not self._reading_paused and not self._buffer_paused:
                self._resume_transport_reading()
            held, self._held = self._held, b""
            self._run(held)

    def _start_deadline(self, seconds: float) -> None:
        self._stop_deadline()
        self._deadline = self._loop.call_later(seconds, self._on_deadline)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_deadline(self) -> None:
        """Half a head is refused, half a body is aiohttp's to wait for, a deaf peer is cut off."""
        self._deadline = None
        self._hot.counters.timed_out += 1
        held, self._held = self._held, b""
        transport = self.transport
        if transport is None:
            return
        if self._paused:
            transport.abort()
        elif held and (head_length(held) > 0 or not self._is_idle()):
            self._hand_on_late(held)
        else:
            if held:
                transport.write(_TIMED_OUT)
            self.force_close()

    def _hand_on_late(self, held: bytes) -> None:
        head = head_length(held)
        if head > 0:
            self._hand_on(held, head + body_length(held[:head]))
            return
        self._lose()
        super().data_received(held)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_deadline()
        self._held = b""
        super().connection_lost(exc)
