"""A block is in force everywhere from its acknowledgement: hammered while it is made."""

from __future__ import annotations

import asyncio
import time

from gateway.hub.authorise import AuthoriseRequest
from ocpi.model.party import parse_party

ASK = AuthoriseRequest(uid="HOT1", type="RFID", requester=parse_party("DE-CPO"), version="2.2.1")
MARK = "tok:{MARK}:RFID"


async def heard(left, right, round_: int) -> float:
    """When both have heard what was written after the block: invalidations arrive in order."""
    async with asyncio.timeout(5):
        # Memory changes without telling anybody: there is no event to wait for.
        while any(n.hub.hot.get_now(MARK) == mark(round_ - 1) for n in (left, right)):  # noqa: ASYNC110
            await asyncio.sleep(0)
    return time.monotonic()


def mark(round_: int) -> bytes:
    return f"round {round_}".encode()


async def make_mark(left, right, round_: int) -> None:
    """A key that both remember; its next change is the last thing a round says."""
    await left.hub.hot.put(MARK, mark(round_), round_ + 1)
    async with asyncio.timeout(5):
        while any(node.hub.hot.get_now(MARK) != mark(round_) for node in (left, right)):
            for node in (left, right):
                await node.hub.hot.get(MARK)


async def test_block_when_two_gateways_are_hammered_then_none_says_allowed_after_the_acknowledgement(
    nodes, world
) -> None:
    left, right = await nodes(), await nodes()
    await world.platform("DE-CPO", "CPO", token="cpo")
    await world.platform("NL-MSP", "EMSP", token="msp")
    owner = parse_party("NL-MSP")
    answers: list[tuple[float, bool]] = []
    stop = asyncio.Event()

    async def hammer(node) -> None:
        while not stop.is_set():
            asked = time.monotonic()
            result = await node.authoriser.authorise(ASK)
            answers.append((asked, result.decision.is_allowed))
            await asyncio.sleep(0)  # no pause: whoever hammers does not wait either

    blocks: list[tuple[float, float]] = []
    await world.token("NL-MSP", "HOT1")
    hammers = [asyncio.create_task(hammer(node)) for node in (left, right, left, right)]
    for round_ in range(12):
        await make_mark(left, right, round_ - 1)
        await asyncio.sleep(0.05)
        if round_ % 2:  # its owner withdraws it
            await world.token("NL-MSP", "HOT1", valid=False)
            await left.keeper.token_changed("HOT1", "RFID")
        else:
            await left.authoriser.block(owner, "HOT1", "RFID", "stolen")
        await left.hub.hot.put(MARK, mark(round_), round_ + 1)
        in_force = await heard(left, right, round_)
        await asyncio.sleep(0.05)
        blocks.append((in_force, time.monotonic()))
        await world.token("NL-MSP", "HOT1")
        await left.authoriser.unblock(owner, "HOT1", "RFID")
    stop.set()
    await asyncio.gather(*hammers)
    assert any(allowed for _, allowed in answers)
    during = [allowed for begin, end in blocks for asked, allowed in answers if begin < asked < end]
    assert len(during) > 50
    assert not any(during)


async def test_authorise_when_postgres_is_gone_then_memory_answers_and_the_unknown_is_refused(
    nodes, world, monkeypatch
) -> None:
    from gateway.store.database import StoreUnavailable

    node = await nodes()
    await world.platform("DE-CPO", "CPO", token="cpo")
    await world.platform("NL-MSP", "EMSP", token="msp")
    await world.token("NL-MSP", "HOT1")
    for _ in range(2):
        assert (await node.authoriser.authorise(ASK)).decision.is_allowed

    def gone(*_args, **_options):
        raise StoreUnavailable("gone")

    monkeypatch.setattr(node.hub.db, "connection", gone)
    await asyncio.sleep(1.1)  # older than the picture may be
    assert (await node.authoriser.authorise(ASK)).decision.is_allowed
    unknown = AuthoriseRequest(uid="COLD", type="RFID", requester=ASK.requester, version="2.2.1")
    refused = await node.authoriser.authorise(unknown)
    assert (refused.decision.reason, refused.decision.ocpi_status) == ("stores-unavailable", 4000)
    assert node.log.waiting >= 3
    await node.log.flush()
    assert node.log.waiting >= 3  # kept for later


async def test_authorise_when_redis_is_gone_then_postgres_answers(nodes, world) -> None:
    node = await nodes()
    await world.platform("DE-CPO", "CPO", token="cpo")
    await world.platform("NL-MSP", "EMSP", token="msp")
    await world.token("NL-MSP", "HOT1")
    assert (await node.authoriser.authorise(ASK)).decision.is_allowed
    await node.hub.hot.close()
    assert (await node.authoriser.authorise(ASK)).decision.is_allowed
    await world.token("NL-MSP", "HOT1", valid=False)
    assert (await node.authoriser.authorise(ASK)).decision.reason == "token-invalid"
