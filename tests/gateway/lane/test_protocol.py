"""What aiohttp would have done for the connection, and the lane must do as well."""

from __future__ import annotations

import asyncio
import http.client
import inspect
import re
import time
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web, web_protocol, web_server
from aiohttp.base_protocol import BaseProtocol
from aiohttp.web_protocol import RequestHandler

from gateway.http.lane import protocol, runner
from gateway.http.lane.hot import SAMPLES_PER_S
from gateway.http.lane.protocol import PINNED, LaneProtocol
from gateway.http.lane.runner import LaneRunner, LaneServer

PLACE = b'{"location_id":"L1","evse_uids":["E1"]}'


def slots(cls: type) -> set[str]:
    return {name for base in cls.__mro__ for name in getattr(base, "__slots__", ())}


def test_aiohttp_when_a_release_changes_what_the_lane_leans_on_then_this_fails() -> None:
    known = slots(RequestHandler) | set(dir(RequestHandler))
    assert [name for name in PINNED if name not in known] == []
    source = (
        Path(inspect.getfile(protocol)).read_text() + Path(inspect.getfile(LaneRunner)).read_text()
    )
    own = set(LaneProtocol.__slots__) | set(vars(LaneProtocol)) | {"_hot", "_make_server"}
    used = set(re.findall(r"(?:self|server)\.(_[a-z_]+)", source))
    assert used - own - set(PINNED) == {"_kwargs"}
    assert aiohttp.__version__.startswith("3."), "read web_protocol.py again before going on"
    assert list(inspect.signature(web_server.Server.__init__).parameters)[:5] == [
        "self", "handler", "request_factory", "handler_cancellation", "loop",
    ]  # fmt: skip


def test_aiohttp_when_it_waits_for_a_request_then_it_does_so_as_the_lane_believes() -> None:
    handled = inspect.getsource(RequestHandler._handle_request)
    assert handled.count("await self.finish_response(request, resp, start_time)") == 4
    assert "self._keepalive = bool(resp.keep_alive)" in inspect.getsource(RequestHandler.start)
    received = inspect.getsource(RequestHandler.data_received)
    assert "self._request_count += 1" in received
    assert "self._messages.append((msg, payload))" in received
    assert "close_time = self._next_keepalive_close_time" in inspect.getsource(
        RequestHandler._process_keepalive
    )
    assert "self._paused = True" in inspect.getsource(BaseProtocol.pause_writing)
    assert web_protocol.RawRequestMessage is protocol.RawRequestMessage


async def test_lane_when_pythons_own_client_asks_then_head_and_body_in_two_packets_still_hit(
    pair, warm, ask, authorization
) -> None:
    await warm()

    def run() -> list[int]:
        connection = http.client.HTTPConnection("127.0.0.1", pair.lane_port, timeout=5)
        statuses = []
        for _ in range(5):
            connection.request(
                "POST", "/ocpi/2.2.1/sender/tokens/ALWAYS1/authorize", body=PLACE,
                headers={"Authorization": authorization("cpo-token")},
            )  # fmt: skip
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            connection.request(
                "GET", "/ocpi/versions", headers={"Authorization": authorization("cpo-token")}
            )
            connection.getresponse().read()
        connection.close()
        return statuses

    before = pair.lane.counters.answered
    assert await asyncio.to_thread(run) == [200] * 5
    assert (
        pair.lane.counters.answered - before == 5
    )  # ordinary requests between do not cost the lane
    assert pair.lane.counters.lost == 0


async def test_lane_when_an_aiohttp_client_asks_then_every_request_hits(
    pair, warm, authorization
) -> None:
    await warm()
    before = pair.lane.counters.answered
    async with aiohttp.ClientSession() as session:
        for number in range(10):
            async with session.post(
                f"http://127.0.0.1:{pair.lane_port}/ocpi/2.2.1/sender/tokens/ALWAYS1/authorize",
                data=PLACE if number % 2 else None, headers={"Authorization": authorization("cpo-token")},
            ) as answer:  # fmt: skip
                assert (await answer.json())["data"]["allowed"] == "ALLOWED"
    assert pair.lane.counters.answered - before == 10


async def test_lane_when_a_slow_ordinary_request_is_pipelined_before_a_hot_one_then_order_holds(
    pair, warm, ask, town
) -> None:
    await warm()
    town.delay_s = 0.3
    answers = await pair.both(
        [ask("NEVER1") + ask("ALWAYS1") + ask("NEVER1"), ask("ALWAYS1")], 4, pause_s=0.01
    )
    assert [b"NO_CREDIT" in a.body for a in answers] == [True, False, True, False]


async def test_lane_when_a_large_body_passes_in_pieces_then_the_lane_comes_back(
    pair, warm, ask
) -> None:
    await warm()
    big = ask(path="/ocpi/2.2.1/receiver/tokens/NL/MSP/X", method="PUT", body=b"x" * 300_000)
    chunks = [big[n : n + 40_000] for n in range(0, len(big), 40_000)]
    before = pair.lane.counters.answered
    await pair.both([*chunks, ask(), ask()], 3, pause_s=0.005)
    assert pair.lane.counters.answered - before >= 0
    small = ask(path="/ocpi/2.2.1/receiver/tokens/NL/MSP/X", method="PUT", body=b"x" * 3_000)
    before = pair.lane.counters.answered
    await pair.both([small[:900], small[900:], ask(), ask()], 3, pause_s=0.03)
    assert pair.lane.counters.answered - before == 2


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_DEADLINE_S", 0.2)
    monkeypatch.setattr(protocol, "BODY_DEADLINE_S", 0.3)


async def test_lane_when_half_a_head_drips_then_408_and_the_end(pair, warm, ask, quick) -> None:
    await warm()
    started = time.monotonic()
    drips = [bytes([b]) for b in ask()[:60]]
    answers = await pair.talk(pair.lane_port, drips, 2, pause_s=0.02)
    assert answers[0].status == b"HTTP/1.1 408 Request Timeout"
    assert answers[1].status in (b"closed", b"ConnectionResetError")  # a drip may meet the end
    assert time.monotonic() - started < 1.5


async def test_lane_when_a_hot_body_never_comes_then_aiohttp_has_it_and_then_it_ends(
    pair, warm, ask, quick
) -> None:
    await warm()
    answers = await pair.talk(pair.lane_port, [ask(body=PLACE)[:-5]], 1, limit_s=3)
    assert answers[0].status in (b"closed", b"ConnectionResetError")
    assert pair.lane.counters.timed_out == 2


async def test_lane_when_a_late_body_comes_after_all_then_it_is_answered(
    pair, warm, ask, quick
) -> None:
    await warm()
    request = ask(body=PLACE)
    answers = await pair.talk(pair.lane_port, [request[:-5], request[-5:]], 1, pause_s=0.25)
    assert b"ALLOWED" in answers[0].body
    assert pair.lane.counters.answered == 0


@pytest.fixture
def short_keepalive(monkeypatch):
    monkeypatch.setattr(runner, "KEEPALIVE_S", 0.6)


async def test_lane_when_it_answers_then_the_keep_alive_timer_begins_anew(
    short_keepalive, pair, warm, ask
) -> None:
    await warm()
    reader, writer = await asyncio.open_connection("127.0.0.1", pair.lane_port)
    for _ in range(4):
        writer.write(ask())
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.3)
    assert not reader.at_eof()
    while await asyncio.wait_for(reader.read(65536), 5):
        pass
    assert reader.at_eof()  # and idle connections do end
    writer.close()


async def test_lane_when_the_peer_does_not_read_then_the_lane_stops_reading_and_goes_on_later(
    pair, warm, ask
) -> None:
    await warm()
    request, count = ask(body=PLACE), 8_000
    before = pair.lane.counters.answered
    reader, writer = await asyncio.open_connection("127.0.0.1", pair.lane_port, limit=1 << 16)
    writer.transport.set_write_buffer_limits(1 << 22)

    async def send() -> None:
        for _ in range(count // 100):
            writer.write(request * 100)
            await writer.drain()

    reader._transport.pause_reading()
    sender = asyncio.create_task(send())
    await asyncio.sleep(1.0)
    waiting = pair.lane.counters.answered - before
    assert pair.lane.counters.paused >= 1
    assert waiting < count
    reader._transport.resume_reading()
    received, kept = 0, b""
    async with asyncio.timeout(30):
        while received < count:
            kept += await reader.read(1 << 20)
            received += kept.count(b"HTTP/1.1 200 OK")
            kept = kept[-14:]
    await sender
    assert received == count
    writer.close()


async def test_lane_when_the_server_stops_then_what_was_answered_arrives_and_connections_end(
    pair, warm, ask
) -> None:
    await warm()
    reader, writer = await asyncio.open_connection("127.0.0.1", pair.lane_port)
    writer.write(ask() * 3 + ask()[:50])
    await asyncio.sleep(0.1)
    await pair.runner.cleanup()
    received = await asyncio.wait_for(reader.read(-1), 3)
    assert received.count(b"HTTP/1.1 200 OK") == 3
    writer.close()


async def test_lane_when_it_answers_then_servers_and_samples_count_it(
    pair, warm, ask, node
) -> None:
    await warm()
    node.exchanges.clear()
    count = pair.runner.server.requests_count
    await pair.talk(pair.lane_port, [ask() * 130], 130)
    assert pair.runner.server.requests_count - count == 130
    assert pair.lane.counters.read()["answered"] == 130
    sampled = [x for x in node.exchanges if x.note]
    assert SAMPLES_PER_S <= len(sampled) <= 2 * SAMPLES_PER_S  # it may span two seconds
    assert {x.path for x in sampled} == {"/ocpi/2.2.1/sender/tokens/ALWAYS1/authorize"}
    assert sampled[0].response.startswith(b'{"data"')
    waiting = node.log.waiting
    assert waiting >= 130  # every answer has its row all the same


async def test_runner_when_told_not_to_then_aiohttp_is_alone() -> None:
    runner = LaneRunner(web.Application(), None)
    await runner.setup()
    assert not isinstance(runner.server, LaneServer)
    await runner.cleanup()
