"""A console on real stores, asked over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from gateway.console import app as console
from gateway.settings import Settings

ADMIN = "the-admin-token"


class Visitor:
    """A browser without a screen: keeps its cookies, follows nothing."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url
        self.csrf = ""

    async def get(self, path: str, **headers: str) -> tuple[int, str, Any]:
        async with self.session.get(
            self.url + path, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text(), answer.headers

    async def post(self, path: str, *, headers: dict[str, str] | None = None, **form: Any) -> tuple[int, str, Any]:  # fmt: skip
        async with self.session.post(
            self.url + path, data=form, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text(), answer.headers

    async def log_in(self) -> None:
        status, _, _ = await self.post("/console/login", token=ADMIN)
        assert status == 303
        _, text, _ = await self.get("/console/partners")
        self.csrf = text.split('name="csrf" value="')[1].split('"')[0]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, admin_token=ADMIN)


@pytest.fixture
async def visitor(node) -> AsyncIterator[Visitor]:
    app = web.Application()
    console.add(app, node.hub)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Visitor(session, f"http://127.0.0.1:{runner.addresses[0][1]}")
    await runner.cleanup()
