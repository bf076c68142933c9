from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
import msgspec
import pytest

from gateway.hub.authorise.record import decode_tokens, token_key
from gateway.settings import Settings
from gateway.wiring import Assembly, open_hub, serve, working


async def test_reconciler_finds_a_block_that_was_committed_but_never_told(
    settings: Settings, world: Any
) -> None:
    """A process may die between its commit and its word to Redis (reliability §5.7)."""
    await world.platform("NL-EMS", "EMSP", token="x")
    await world.token("NL-EMS", "CARD1")
    async with open_hub(settings) as assembly, working(assembly):
        (found,) = await assembly.keeper.tokens("CARD1", "RFID")
        assert found.blocked == ""
        await world.db.execute(
            "INSERT INTO token_block (country_code, party_id, id_key, type, reason)"
            " VALUES ('NL', 'EMS', 'CARD1', 'RFID', 'stolen')"
        )
        async with asyncio.timeout(20):
            while True:
                raw = await assembly.hub.hot.get(token_key("CARD1", "RFID"))
                if isinstance(raw, bytes) and decode_tokens(raw)[0].blocked == "stolen":
                    break
                await asyncio.sleep(0.02)


async def test_serve_answers_machines_and_ends_when_it_is_told(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stop, ready = asyncio.Event(), asyncio.Event()
    own = msgspec.structs.replace(settings, port=port)
    server = asyncio.create_task(serve(own, stop, on_ready=lambda _: ready.set()))
    await asyncio.wait({server, asyncio.create_task(ready.wait())}, return_when="FIRST_COMPLETED")
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        async with client.get("/readyz") as answer:
            assert (await answer.json())["status"] == "ready"
        async with client.get("/ocpi/versions") as answer:
            assert answer.status == 401
        async with client.get("/metrics") as answer:
            text = await answer.text()
    assert 'networkcore_hot_set_state{what="trusted"} 1.0' in text
    stop.set()
    async with asyncio.timeout(30):
        await server


async def test_background_bug_ends_the_process_loudly(settings: Settings) -> None:
    async with open_hub(settings) as assembly:
        broken = msgspec.structs.replace(assembly, reconciler=_Broken())
        with pytest.raises(ExceptionGroup) as raised:
            await _work_for_a_while(broken)
    assert raised.group_contains(ZeroDivisionError)


async def _work_for_a_while(assembly: Assembly) -> None:
    async with working(assembly):
        await asyncio.sleep(20)


class _Broken:
    async def run(self) -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError
