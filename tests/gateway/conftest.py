"""Gateways on real stores: parties that are connected, tokens that are published, issuers that answer."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from gateway.cache.hot import HotSet
from gateway.http.wire import WIRE
from gateway.hub.authorise import Authoriser, Keeper
from gateway.hub.context import Hub
from gateway.hub.network import Directory
from gateway.hub.peer import seal_context
from gateway.hub.seal import Seal, token_hash
from gateway.push.client import PeerClient
from gateway.push.guard import GuardPolicy
from gateway.settings import Settings
from gateway.store.authorisation import AuthorisationLog
from gateway.store.database import Database
from gateway.store.object import TOKENS, Key, Row, upsert
from ocpi.model.party import PartyId, parse_party


class Node:
    """One gateway process's worth of hub, on the test's stores."""

    def __init__(self, hub: Hub, keeper: Keeper, authoriser: Authoriser, log: AuthorisationLog):
        self.hub = hub
        self.keeper = keeper
        self.authoriser = authoriser
        self.log = log
        self.exchanges: list[Any] = []


async def _commit(db: Database, _topic: str, write: Callable[[Any], Awaitable[Any]]) -> Any:
    async with db.transaction() as conn:
        return await write(conn)


async def open_node(settings: Settings, db: Database, stack: AsyncExitStack) -> Node:
    hot = HotSet(settings.redis_url)
    await hot.start()
    stack.push_async_callback(hot.close)
    directory = Directory(db, PartyId(settings.hub_country, settings.hub_party))
    exchanges: list[Any] = []
    peers = PeerClient(
        policy=GuardPolicy(allow_private=True), clock=settings.clock, record=exchanges.append
    )
    stack.push_async_callback(peers.close)
    keeper = Keeper(db, hot, directory)

    async def commit(topic, write):
        return await _commit(db, topic, write)

    hub = Hub(
        settings=settings, clock=settings.clock, db=db, directory=directory, hot=hot,
        seal=Seal(settings.secret_key), wire=WIRE, outbound=peers.send, record=exchanges.append,
        commit=commit, wake=lambda: None, token_changed=keeper.token_changed,
        network_changed=keeper.network_changed, seen=lambda _platform_id: None,
    )  # fmt: skip
    log = AuthorisationLog(db)
    node = Node(hub, keeper, Authoriser(hub, keeper, log), log)
    node.exchanges = exchanges
    return node


@pytest.fixture
async def nodes(
    settings: Settings, database: Database
) -> AsyncIterator[Callable[[], Awaitable[Node]]]:
    """Starts gateways on one database and one Redis; all are closed afterwards."""
    async with AsyncExitStack() as stack:
        yield lambda: open_node(settings, database, stack)


@pytest.fixture
async def node(nodes) -> Node:
    return await nodes()


class World:
    """Writes partners and tokens as a registration and a push would leave them."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self.db = db
        self._seal = Seal(settings.secret_key)

    async def platform(
        self, party: str, role: str, *, token: str, url: str | None = None,
        state: str = "REGISTERED", connection: str = "CONNECTED", quirks: dict[str, Any] | None = None,
    ) -> int:  # fmt: skip
        who = parse_party(party)
        number: int = await self.db.fetchval(
            "INSERT INTO platform (name, kind, state, connection, version, quirks)"
            " VALUES ($1, 'ocpi', $2, $3, '2.2.1', $4) RETURNING platform_id",
            party, state, connection, json.dumps(quirks or {}),
        )  # fmt: skip
        await self.db.execute(
            "INSERT INTO party (country_code, party_id, role, platform_id, name) VALUES ($1, $2, $3, $4, $5)",
            who.country_code, who.party_id, role, number, party,
        )  # fmt: skip
        await self.db.execute(
            "INSERT INTO credential (platform_id, direction, kind, token_hash) VALUES ($1, 'IN', 'C', $2)",
            number, token_hash(token),
        )  # fmt: skip
        sealed = self._seal.close("their-token", context=seal_context(number))
        await self.db.execute(
            "INSERT INTO credential (platform_id, direction, kind, token_sealed) VALUES ($1, 'OUT', 'B', $2)",
            number, sealed,
        )  # fmt: skip
        if url is not None:
            await self.db.execute(
                "INSERT INTO endpoint VALUES ($1, '2.2.1', 'tokens', 'SENDER', $2)", number, url
            )
        return number

    async def token(self, owner: str, uid: str, **fields: Any) -> Row:
        """Stores a token; the hot set is told by whoever tests that."""
        who = parse_party(owner)
        body = {
            "country_code": who.country_code, "party_id": who.party_id, "uid": uid, "type": "RFID",
            "contract_id": f"{who.country_code}{who.party_id}C00000001", "issuer": "Test", "valid": True,
            "whitelist": "ALWAYS", "last_updated": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        } | fields  # fmt: skip
        raw = json.dumps(body, separators=(",", ":")).encode()
        value = WIRE.decode("2.2.1", "token", raw)
        row = Row(
            key=Key(who, uid.upper(), body["type"]), version="2.2.1", body=raw,
            last_updated=value.last_updated,
        )  # fmt: skip
        async with self.db.transaction() as conn:
            await upsert(conn, TOKENS, row, value)
        return row

    async def relation(self, from_: str, to: str, *, allowed: bool) -> None:
        left, right = from_.split("-"), to.split("-")
        await self.db.execute(
            "INSERT INTO relation VALUES ($1, $2, $3, $4, '*', $5)", *left, *right, allowed
        )

    async def prefix(self, prefix: str, owner: str) -> None:
        who = parse_party(owner)
        await self.db.execute(
            "INSERT INTO party_prefix VALUES ('provider', $1, $2, $3)",
            prefix, who.country_code, who.party_id,
        )  # fmt: skip


@pytest.fixture
def world(database: Database, settings: Settings) -> World:
    return World(database, settings)


class IssuerServer:
    """A demand partner's tokens SENDER: says what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] | None = None
        self.status = 200
        self.code = 1000
        self.delay_s = 0.0
        self.raw: bytes | None = None
        self.asked: list[web.BaseRequest] = []
        self.bodies: list[bytes] = []
        self.finished = 0

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(request)
        self.bodies.append(await request.read())
        await asyncio.sleep(self.delay_s)
        self.finished += 1
        if self.raw is not None:
            return web.Response(status=self.status, body=self.raw)
        body = {"status_code": self.code, "timestamp": "2026-01-01T00:00:00Z"}
        if self.answer is not None:
            body["data"] = self.answer
        return web.json_response(body, status=self.status)


@pytest.fixture
async def issuers() -> AsyncIterator[Callable[[], Awaitable[tuple[IssuerServer, str]]]]:
    """Starts issuers on ports of their own; gives (issuer, its tokens endpoint)."""
    async with AsyncExitStack() as stack:

        async def start() -> tuple[IssuerServer, str]:
            issuer = IssuerServer()
            runner = web.ServerRunner(web.Server(issuer.handle), shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            await web.SockSite(runner, listener).start()
            return issuer, f"http://127.0.0.1:{listener.getsockname()[1]}/tokens"

        yield start


@pytest.fixture
def authorization() -> Callable[[str], str]:
    return lambda token: "Token " + base64.b64encode(token.encode()).decode()
