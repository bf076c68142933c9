"""The lane and the ordinary path say the same, byte for byte, however the bytes arrive."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3].parent / "shared"
PLACE = b'{"location_id":"L1","evse_uids":["E1","E2"]}'


SHORT = {
    "plain", "place", "non-ascii token", "other case", "query type", "query app", "invalid",
    "blocked", "offline allowed", "offline fallback", "an issuer asks", "raw token", "empty ids", "from",
    "to the issuer", "to the hub", "keep-alive",
}  # fmt: skip


def requests(ask) -> dict[str, bytes]:
    """Everything that looks like an authorise request, and what surrounds it."""
    ids = {"X-Request-ID": "r-1", "X-Correlation-ID": "c-1"}
    route = {"OCPI-from-country-code": "de", "OCPI-from-party-id": "cpo"}
    to = route | {"OCPI-to-country-code": "NL", "OCPI-to-party-id": "MSP"}
    hub = route | {"OCPI-to-country-code": "NL", "OCPI-to-party-id": "NCO"}
    return {
        "plain": ask(),
        "place": ask(body=PLACE, headers=ids | {"Content-Type": "application/json"}),
        "place pretty": ask(body=b' { "evse_uids" : null , "location_id" : "L\\u0031", "x": 1 } '),
        "place numbers": ask(body=b'{"location_id":7}'),
        "place empty id": ask(body=b'{"location_id":""}'),
        "place NUL": ask(body=b'{"location_id":"a\\u0000b"}'),
        "place umlaut": ask(body='{"location_id":"Köln"}'.encode()),
        "place long": ask(body=b'{"location_id":"%b"}' % (b"x" * 50)),
        "place missing": ask(body=b'{"evse_uids":[]}'),
        "place null": ask(body=b"null"),
        "place object": ask(body=b"{}"),
        "place list": ask(body=b"[]"),
        "place broken": ask(body=b'{"location_id":'),
        "place bytes": ask(body=b"\xff\xfe"),
        "place deep": ask(body=b"[" * 500),
        "place blank": ask(body=b"   "),
        "non-ascii token": ask("ALLOWED1", body=PLACE),
        "other case": ask("always1"),
        "escaped": ask("%41LWAYS1"),
        "query type": ask(query="?type=RFID"),
        "query token_type": ask(query="?token_type=RFID"),
        "query app": ask("APP1", query="?type=APP_USER"),
        "query app wrong": ask("APP1"),
        "query unknown type": ask(query="?type=MAGIC"),
        "query NUL": ask(query="?type=%00"),
        "query twice": ask(query="?type=RFID&type=APP_USER"),
        "query odd": ask(query="?type"),
        "query more": ask(query="?type=RFID&x=1"),
        "invalid": ask("INVALID1", headers=ids),
        "blocked": ask("BLOCKED1", body=PLACE),
        "offline allowed": ask("GONE1"),
        "offline fallback": ask("GONE2"),
        "never": ask("NEVER1"),
        "slash": ask(path="/ocpi/2.2.1/sender/tokens/ALWAYS1/authorize/"),
        "dots": ask(path="/ocpi/2.2.1/sender/tokens/../tokens/ALWAYS1/authorize"),
        "empty uid": ask(path="/ocpi/2.2.1/sender/tokens//authorize"),
        "deeper": ask(path="/ocpi/2.2.1/sender/tokens/A/B/authorize"),
        "no action": ask(path="/ocpi/2.2.1/sender/tokens/ALWAYS1"),
        "long uid": ask("x" * 300),
        "fragment": ask(path="/ocpi/2.2.1/sender/tokens/ALWAYS1/authorize#x"),
        "absolute": ask(path="http://hub/ocpi/2.2.1/sender/tokens/ALWAYS1/authorize"),
        "get": ask(method="GET"),
        "put": ask(method="PUT"),
        "versions": ask(path="/ocpi/versions", method="GET"),
        "nobody": ask(token="nobody"),
        "suspended": ask(token="suspended-cpo"),
        "an issuer asks": ask(token="msp-token"),
        "raw token": ask(headers={"Authorization": "Token cpo-token"}),
        "bearer": ask(headers={"Authorization": "Bearer cpo-token"}),
        "no authorization": ask().replace(b"Authorization", b"X-Nothing"),
        "authorization twice": ask(headers={"authorization": "Token cpo-token"}),
        "host twice": ask(headers={"host": "other"}),
        "bad request id": ask(headers={"X-Request-ID": "a b"}),
        "long correlation id": ask(headers={"X-Correlation-ID": "x" * 129}),
        "empty ids": ask(headers={"X-Request-ID": "", "X-Correlation-ID": ""}),
        "from": ask(headers=route),
        "from another": ask(headers=route | {"OCPI-from-party-id": "MSP"}),
        "to the issuer": ask(headers=to),
        "to another": ask(headers=to | {"OCPI-to-party-id": "GON"}),
        "to nobody": ask(headers=to | {"OCPI-to-party-id": "XXX"}),
        "to the hub": ask(headers=hub),
        "half an address": ask(headers={"OCPI-to-party-id": "MSP"}),
        "encoding": ask(headers={"Content-Encoding": "gzip"}),
        "keep-alive": ask(headers={"Connection": "keep-alive"}),
    }


async def test_lane_when_each_request_comes_whole_then_the_answers_are_the_same(
    pair, warm, ask
) -> None:
    await warm()
    short: set[str] = set()
    for name, request in requests(ask).items():
        before = pair.lane.counters.answered
        answers = await pair.both([request], 1)
        if pair.lane.counters.answered > before:
            short.add(name)
        assert not answers[0].status.startswith(b"HTTP/1.1 5"), name
        assert answers[0].status.startswith(b"HTTP/1."), (name, answers)
    assert short == SHORT


async def test_lane_when_bytes_are_split_and_pipelined_then_order_and_answers_are_the_same(
    pair, warm, ask
) -> None:
    await warm()
    pool = list(requests(ask).values())
    seeded = random.Random(20261121)
    for _ in range(25):
        chosen = seeded.choices(pool, k=seeded.randint(1, 6))
        stream = b"".join(chosen)
        cuts = sorted(seeded.sample(range(1, len(stream)), k=seeded.randint(0, 6)))
        chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        await pair.both(chunks, len(chosen), pause_s=0.002, limit_s=4)
    assert pair.lane.counters.answered > 10
    assert pair.lane.counters.held > 0


async def test_lane_when_split_at_every_byte_then_it_still_answers(pair, warm, ask) -> None:
    await warm()
    request = ask(body=PLACE)
    before = pair.lane.counters.answered
    for cut in range(1, len(request), 7):
        await pair.both([request[:cut], request[cut:]], 1, pause_s=0.001)
    hits = pair.lane.counters.answered - before
    assert hits == len(range(1, len(request), 7))


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the data folder beside the project is not here")
async def test_lane_when_the_wire_is_hostile_then_the_verdict_is_aiohttps(pair, warm, ask) -> None:
    await warm()
    cases = json.loads((SHARED / "data" / "hostile" / "raw_requests.json").read_text())
    assert len(cases) == 23
    good = ask()
    for case in cases:
        raw = base64.b64decode(case["raw_b64"])
        await pair.both([raw], 2, limit_s=0.4)
        # aiohttp forgets a good request that shares its packet with a bad one; the lane does not
        joined = await pair.talk(pair.lane_port, [good + raw], 3, limit_s=0.4)
        assert joined == await pair.talk(pair.plain_port, [good, raw], 3, pause_s=0.03, limit_s=0.4)
        hot = raw.replace(b"GET / ", b"POST /ocpi/2.2.1/sender/tokens/ALWAYS1/authorize ").replace(
            b"POST / ", b"POST /ocpi/2.2.1/sender/tokens/ALWAYS1/authorize "
        )
        await pair.both([hot], 2, limit_s=0.4)


async def test_lane_when_headers_are_too_many_or_too_long_then_as_aiohttp(pair, warm, ask) -> None:
    await warm()
    for headers in (
        {f"X-{n}": "1" for n in range(62)},
        {f"X-{n}": "1" for n in range(70)},
        {"X-Long": "x" * 8000},
        {"X-Long": "x" * 9000},
        {"Accept-Encoding": "gzip, deflate", "User-Agent": "x", "Accept": "*/*"},
    ):
        await pair.both([ask(headers=headers)], 1, limit_s=2)
