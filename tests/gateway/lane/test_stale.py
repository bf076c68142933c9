"""A remembered decision dies with everything that it was made from."""

from __future__ import annotations

import asyncio
import json
import time

import msgspec
import pytest

from gateway.hub.authorise.record import decode_tokens, encode_tokens, token_key
from ocpi.model.party import parse_party

KEY = token_key("ALWAYS1", "RFID")
OWNER = parse_party("NL-MSP")
PLACE = b'{"location_id":"L1","evse_uids":["E1"]}'


@pytest.fixture
def repeated(pair):
    """How many answers came from what was remembered."""
    count = [0]
    repeat = pair.lane.repeat

    def counted(frame, connection):
        answer = repeat(frame, connection)
        count[0] += answer is not None
        return answer

    pair.lane.repeat = counted
    return lambda: count[0]


class Peer:
    """One kept connection to the lane."""

    def __init__(self, pair, ask) -> None:
        self._pair, self._ask = pair, ask

    async def open(self) -> Peer:
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._pair.lane_port
        )
        return self

    async def send(self, uid: str = "ALWAYS1", **fields) -> tuple[bytes, dict]:
        self._writer.write(self._ask(uid, **fields))
        head = await self._reader.readuntil(b"\r\n\r\n")
        start = head.index(b"Content-Length: ") + 16
        body = await self._reader.readexactly(int(head[start : head.index(b"\r\n", start)]))
        return head, json.loads(body)

    async def verdict(self, **fields) -> str:
        head, body = await self.send(**fields)
        if "data" not in body:
            return f"{head[9:12].decode()}/{body['status_code']}"
        return body["data"]["allowed"]

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
async def peer(pair, ask, warm, repeated):
    """A peer whose question has been answered from memory several times."""
    await warm()
    found = await Peer(pair, ask).open()
    for _ in range(3):
        assert await found.verdict() == "ALLOWED"
    assert repeated() >= 2
    yield found
    found.close()


async def test_lane_when_a_token_is_blocked_elsewhere_while_hammered_then_no_stale_answer(
    pair, nodes, node, peer, ask, repeated
) -> None:
    other = await nodes()
    stop = asyncio.Event()
    answers: list[tuple[float, str]] = []

    async def hammer() -> None:
        mine = await Peer(pair, ask).open()
        while not stop.is_set():
            asked = time.monotonic()
            answers.append((asked, await mine.verdict()))
        mine.close()

    hammers = [asyncio.create_task(hammer()) for _ in range(4)]
    blocks: list[tuple[float, float]] = []
    for who in (other, node) * 4:
        await asyncio.sleep(0.05)
        await who.authoriser.block(OWNER, "ALWAYS1", "RFID", "stolen")
        acknowledged = time.monotonic()
        await asyncio.sleep(0.06)
        blocks.append((acknowledged, time.monotonic()))
        await who.authoriser.unblock(OWNER, "ALWAYS1", "RFID")
    stop.set()
    await asyncio.gather(*hammers)
    during = [a for begin, end in blocks for at, a in answers if begin + 0.02 < at < end]
    assert len(during) > 50
    assert set(during) == {"BLOCKED"}
    assert {"ALLOWED", "BLOCKED"} == {a for _, a in answers}
    assert repeated() > len(answers) / 2


async def test_lane_when_the_relation_is_closed_then_the_next_answer_knows(
    peer, world, node
) -> None:
    await world.relation("NL-MSP", "DE-CPO", allowed=False)
    await node.hub.network_changed()
    assert await peer.verdict() == "NOT_ALLOWED"


@pytest.mark.parametrize("party", ["DE-CPO", "NL-MSP"])
async def test_lane_when_a_platform_is_suspended_then_the_next_answer_knows(
    peer, world, node, party
) -> None:
    await world.db.execute("UPDATE platform SET state = 'SUSPENDED' WHERE name = $1", party)
    await node.hub.network_changed()
    assert await peer.verdict() != "ALLOWED"


async def test_lane_when_a_platform_is_suspended_behind_its_back_then_a_second_is_enough(
    peer, world
) -> None:
    await world.db.execute("UPDATE platform SET state = 'SUSPENDED' WHERE name = 'NL-MSP'")
    for _ in range(11):
        await asyncio.sleep(0.1)
        last = await peer.verdict()
    assert last == "NOT_ALLOWED"


async def test_lane_when_a_credential_is_revoked_then_the_next_answer_is_401(
    peer, world, node
) -> None:
    await world.db.execute(
        "DELETE FROM credential WHERE direction = 'IN' AND platform_id ="
        " (SELECT platform_id FROM platform WHERE name = 'DE-CPO')"
    )
    await node.hub.directory.reload()
    await node.hub.network_changed()
    assert (await peer.verdict()).startswith("401/")


async def test_lane_when_the_issuer_begins_to_demand_a_location_then_only_those_with_one_pass(
    peer, world, node
) -> None:
    assert await peer.verdict(body=PLACE) == "ALLOWED"
    await world.db.execute(
        'UPDATE platform SET quirks = \'{"authorise":{"location_required":true}}\''
        " WHERE name = 'NL-MSP'"
    )
    await node.hub.network_changed()
    for _ in range(3):
        assert await peer.verdict() == "200/2002"
        assert await peer.verdict(body=PLACE) == "ALLOWED"


async def test_lane_when_places_differ_in_bytes_only_then_each_answer_repeats_its_own(
    peer, repeated
) -> None:
    before = repeated()
    for _ in range(2):
        for name in ("L1", "L2", "L3"):
            _, body = await peer.send(body=PLACE.replace(b"L1", name.encode()))
            assert body["data"]["location"] == {"location_id": name, "evse_uids": ["E1"]}
    assert repeated() - before >= 3


async def test_lane_when_a_remembered_token_expires_then_it_is_refused_at_its_second(
    peer, node, repeated
) -> None:
    record = decode_tokens(await node.hub.hot.get(KEY))[0]
    expires_s = int(time.time()) + 2
    raw = encode_tokens([msgspec.structs.replace(record, expires_s=expires_s)])
    await node.hub.hot.put(KEY, raw, int(time.time() * 1_000_000))
    for _ in range(3):  # what a process wrote itself comes back from Redis before it stays
        await asyncio.sleep(0.02)
        assert await node.hub.hot.get(KEY) == raw
    before, seen = repeated(), []
    while time.time() < expires_s + 0.3:
        asked = time.time()
        seen.append((asked, await peer.verdict()))
        await asyncio.sleep(0.01)
    assert repeated() - before > 20
    assert {a for at, a in seen if at < expires_s - 0.05} == {"ALLOWED"}
    assert {a for at, a in seen if at > expires_s + 0.12} == {"EXPIRED"}


async def test_lane_when_memory_is_not_trusted_then_nothing_is_answered_from_it(
    peer, pair, node, world, repeated
) -> None:
    await node.hub.hot.close()
    before, answered = repeated(), pair.lane.counters.answered
    await world.token("NL-MSP", "ALWAYS1", valid=False)
    assert await peer.verdict() == "BLOCKED"
    assert (repeated(), pair.lane.counters.answered) == (before, answered)


async def test_lane_when_ids_and_their_places_change_then_the_answers_carry_their_own(
    pair, peer, ask, authorization, repeated
) -> None:
    heads = [
        {"X-Request-ID": "r-1", "X-Correlation-ID": "c-1"},
        {"X-Request-ID": "r" * 128, "X-Correlation-ID": "c"},
        {"X-Correlation-ID": "c-2", "X-Request-ID": "r-2"},
        {"x-request-id": "r-3", "x-correlation-id": "c-3"},
        {"X-Request-Id": "r-4", "X-Correlation-Id": "c-4"},
        {"X-REQUEST-ID": "r-5", "X-CORRELATION-ID": "c-5"},
        {"X-Request-ID": "r-6", "x-correlation-id": "c-6"},
        {"X-Request-ID": "r-7"},
        {"X-Correlation-ID": "c-8"},
        {"X-Request-ID": "", "X-Correlation-ID": "c-9"},
        {"X-Request-ID": " r-10", "X-Correlation-ID": "c-10 "},
        {"X-Request-ID": "r" * 129, "X-Correlation-ID": "c-11"},
        {"X-Request-ID": "r 12", "X-Correlation-ID": "c-12"},
        {"X-Request-ID": "r-13", "X-Other": "1", "X-Correlation-ID": "c-13", "Accept": "*/*"},
    ]
    for headers in heads:
        other = {k: v.replace("r", "s").replace("c", "d") for k, v in headers.items()}
        twice = other | {"x-Request-id": "again"}
        chunks = [ask(headers=h, body=PLACE) for h in (headers, other, headers, twice, other)]
        await pair.both(chunks, len(chunks), pause_s=0.02)
        await pair.both([b"".join(chunks)], len(chunks))
    assert repeated() > 40


async def test_lane_when_there_is_more_to_remember_than_it_may_then_it_begins_anew(
    pair, peer, monkeypatch, ask
) -> None:
    from gateway.http.lane import hot

    for limit in ("SHAPES_MAX", "PLACES_MAX", "PREPARED_MAX", "ASKERS_MAX"):
        monkeypatch.setattr(hot, limit, 3)
    for number in range(40):
        place = b'{"location_id":"%b"}' % (b"L" * (number % 7 + 1))
        assert await peer.verdict(body=place, headers={"X-N": str(number % 9)}) == "ALLOWED"
    assert len(pair.lane._shapes) <= 3
    assert len(pair.lane._places) <= 4
