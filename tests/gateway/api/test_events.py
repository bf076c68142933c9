"""Server-sent events over real sockets: every change, a bounded number, an end for each."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any

import pytest

from gateway.http.api import charge as charges
from gateway.http.api import stream
from gateway.hub import partner
from ocpi.model.party import PartyId


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charges, "LOOK_EVERY_S", 0.05)


def events(living: Any, charge_id: str) -> Any:
    headers = {"Authorization": f"Bearer {living.token}"}
    return living.session.get(f"{living.url}/api/v1/sessions/{charge_id}/events", headers=headers)


async def lines(answer: Any, wanted: bytes) -> Any:
    async with asyncio.timeout(8):
        while line := await answer.content.readline():
            if line.startswith(wanted):
                return line
    return None


async def statuses(answer: Any) -> list[str]:
    found: list[str] = []
    while (line := await lines(answer, b"data: ")) is not None:
        found.append(json.loads(line[6:])["status"])
    return found


async def test_events_when_a_charge_runs_then_each_change_comes_once_and_the_stream_ends(
    living,
) -> None:
    charge_id = (await living.start()).body["id"]
    async with events(living, charge_id) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["X-Correlation-ID"]
        reading = asyncio.create_task(statuses(answer))
        await living.until(charge_id, "ACTIVE")
        (charge,) = living.cpo.charges.values()
        await asyncio.sleep(0.2)
        await living.cpo.meter(charge, Decimal("3.000"))
        await asyncio.sleep(0.2)
        await living.call("POST", f"/sessions/{charge_id}/stop")
        await living.until(charge_id, "COMPLETED")
        await living.billed()
        async with asyncio.timeout(5):
            seen = await reading
    assert seen[-1] == "SETTLED"
    order = list(dict.fromkeys(seen))
    assert [s for s in order if s != "STOPPING"][-3:] == ["ACTIVE", "COMPLETED", "SETTLED"]
    assert seen.count("ACTIVE") >= 2  # begun, and metered
    await living.assembly.exchanges.flush()
    path = f"/api/v1/sessions/{charge_id}/events"
    assert await living.db.fetchval("SELECT http_status FROM exchange WHERE path = $1", path) == 200


async def test_events_when_refused_then_a_problem_and_no_stream(living) -> None:
    async with events(living, "nobody") as answer:
        assert answer.status == 404
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_events_when_a_partner_has_too_many_then_503_until_one_leaves(living) -> None:
    charge_id = (await living.start()).body["id"]
    await living.until(charge_id, "ACTIVE")
    async with AsyncExitStack() as stack:
        for _ in range(stream.STREAMS_PER_PARTNER_MAX):
            answer = await stack.enter_async_context(events(living, charge_id))
            assert answer.status == 200
            first = answer
        async with events(living, charge_id) as refused:
            assert refused.status == 503
            assert refused.headers["Retry-After"]
            assert (await refused.json())["title"] == "too many streams"
        first.close()
        async with asyncio.timeout(5):
            while True:
                async with events(living, charge_id) as again:
                    if again.status == 200:
                        break
                await asyncio.sleep(0.05)


async def test_events_when_nothing_happens_then_a_heartbeat(living, monkeypatch: Any) -> None:
    charge_id = (await living.start()).body["id"]
    await living.until(charge_id, "ACTIVE")
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.2)
    async with events(living, charge_id) as answer:
        assert await lines(answer, b"retry:") == b"retry: 2000\n"
        assert await lines(answer, b"event:") == b"event: session\n"
        assert await lines(answer, b":") == b": still here\n"


async def test_events_when_the_partner_is_suspended_then_the_stream_ends(living) -> None:
    charge_id = (await living.start()).body["id"]
    await living.until(charge_id, "ACTIVE")
    async with events(living, charge_id) as answer:
        assert await lines(answer, b"data:")
        await partner.suspend(living.hub, PartyId("FR", "BLZ"))
        async with asyncio.timeout(5):
            assert await lines(answer, b"data: never") is None


async def test_events_when_the_server_stops_then_it_waits_for_no_stream(living) -> None:
    charge_id = (await living.start()).body["id"]
    await living.until(charge_id, "ACTIVE")
    async with events(living, charge_id) as answer:
        assert await lines(answer, b"data:")
        began = time.monotonic()
        await living.runner.cleanup()
        assert time.monotonic() - began < 2  # its drain time is five
