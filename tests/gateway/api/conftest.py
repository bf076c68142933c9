"""A whole hub in this process: real stores, a real port, a simulated CPO, and a plain HTTP client."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from gateway import wiring
from gateway.cli.demo import with_letterhead
from gateway.cli.office import Office
from gateway.cli.run import bring_up_to_date
from gateway.http.app import build
from gateway.settings import Settings
from gateway.sim import profile as who
from gateway.sim.cpo import ChargePointOperator

REPO = Path(__file__).resolve().parents[3]
HOSTILE = REPO.parent / "shared" / "data" / "hostile"
ADMIN = "an-admin-token-for-the-plain-api"
KOELN = {
    "country_code": "DE", "party_id": "RHE", "location_id": "KOELN-DOM", "evse_uid": "KOELN-DOM-1",
}  # fmt: skip
BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


class Answer(msgspec.Struct, frozen=True):
    """What came back; `body` is parsed when it is JSON of any kind."""

    status: int
    body: Any
    headers: Any
    raw: bytes


class Living:
    """The hub, its office, its CPO, and calls in the name of two demand partners."""

    def __init__(self, assembly: wiring.Assembly, settings: Settings, session: Any) -> None:
        self.assembly = assembly
        self.hub = assembly.hub
        self.db = assembly.hub.db
        self.settings = settings
        self.office = Office(assembly)
        self.session: aiohttp.ClientSession = session
        self.cpo: ChargePointOperator
        self.runner: web.AppRunner
        self.token = ""

    @property
    def url(self) -> str:
        return self.settings.public_url

    async def call(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, token: str | None = None,
        key: str | None = "", headers: Any = None, root: str = "/api/v1",
    ) -> Answer:  # fmt: skip
        """`key`: "" makes a new one for POST, None sends none. `token`: "" sends none."""
        sent: list[tuple[str, str]] = list((headers or {}).items())
        given = self.token if token is None else token
        if given and "Authorization" not in dict(sent):
            sent.append(("Authorization", f"Bearer {given}"))
        if method == "POST" and key is not None:
            sent.append(("Idempotency-Key", key or uuid.uuid4().hex))
        data = raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
        async with self.session.request(
            method,
            f"{self.url}{root}{path}",
            data=io.BytesIO(data) if data is not None else None,
            headers=sent,
        ) as answer:
            text = await answer.read()
            parsed = json.loads(text) if "json" in answer.content_type and text else None
            return Answer(answer.status, parsed, answer.headers, text)

    async def admit(self, profile: who.Profile) -> str:
        return await self.office.admit(profile)

    async def operator(self, profile: who.Profile, stations: Any, price: who.Price) -> Any:
        """A simulated CPO that has registered and published."""
        cpo = ChargePointOperator(profile, stations, price, self.hub.clock.now)
        await cpo.start()
        invited = await self.office.invite(profile)
        await cpo.register(invited.versions_url, invited.token_a)
        await cpo.publish()
        return cpo

    async def start(self, **more: Any) -> Answer:
        return await self.call("POST", "/sessions", KOELN | {"contract_id": "FR-BLZ-C1"} | more)

    async def billed(self) -> None:
        """The CDR is there, and settled."""
        async with asyncio.timeout(8):
            while True:
                if await self.db.fetchval("SELECT count(*) FROM cdr"):
                    break
                await asyncio.sleep(0.02)
        await self.office.settle()

    async def until(self, charge_id: str, *statuses: str, timeout_s: float = 8.0) -> Any:
        async with asyncio.timeout(timeout_s):
            while True:
                found = (await self.call("GET", f"/sessions/{charge_id}")).body
                if found["status"] in statuses:
                    return found
                await asyncio.sleep(0.02)


async def open_living(settings: Settings, stack: AsyncExitStack) -> Living:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    settings = msgspec.structs.replace(
        with_letterhead(settings), admin_token=ADMIN, accept_sample=True, allow_private_peers=True,
        public_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
    )  # fmt: skip
    await bring_up_to_date(settings)
    assembly = await stack.enter_async_context(wiring.open_hub(settings, pool_size=8))
    await stack.enter_async_context(wiring.working(assembly))
    app = build(assembly.hub, assembly.authoriser, rooms=wiring.rooms(assembly))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listener).start()
    connector = aiohttp.TCPConnector(limit=0)
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
    living = Living(assembly, settings, session)
    await living.office.prepare()
    living.runner = runner
    living.token = await living.admit(who.BLEUZEN)
    return living


@pytest.fixture
async def hub(settings: Settings) -> AsyncIterator[Living]:
    """A hub with one demand partner and nobody else."""
    async with AsyncExitStack() as stack:
        yield await open_living(settings, stack)


@pytest.fixture
async def living(hub: Living) -> AsyncIterator[Living]:
    """The same with a CPO that has two places, two EVSEs each."""
    hub.cpo = await hub.operator(who.RHEINSTROM, who.GERMAN_STATIONS, who.GERMAN_PRICE)
    yield hub
    await hub.cpo.stop()


class Hostile:
    """The hostile inputs beside the project, read as their README says."""

    def lines(self, name: str) -> list[str]:
        return (HOSTILE / name).read_text(encoding="utf-8").split("\n")

    def json(self, name: str) -> Any:
        return json.loads((HOSTILE / name).read_text(encoding="utf-8"))


@pytest.fixture
def hostile() -> Hostile:
    if not HOSTILE.exists():
        pytest.skip("the data folder is not beside the project")
    return Hostile()


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next((path for name in BROWSER_NAMES if (path := shutil.which(name))), None)
    if found is None and os.environ.get("NETWORKCORE_CI"):
        pytest.fail("no chromium on PATH, and this is CI")
    if found is None:
        pytest.skip("no chromium on PATH")
    return found
