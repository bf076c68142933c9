"""A hub on real stores and a real port, and partners that speak OCPI by themselves."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec
import pytest
from aiohttp import web

from gateway.cache.hot import HotSet
from gateway.http.app import build
from gateway.http.wire import WIRE
from gateway.hub import partner as administration
from gateway.hub.authorise.flow import Authoriser
from gateway.hub.authorise.keeper import Keeper
from gateway.hub.authorise.record import NETWORK_KEY
from gateway.hub.commit import GroupCommit
from gateway.hub.context import Hub
from gateway.hub.network import Directory
from gateway.hub.partner import Invitation, NewParty
from gateway.hub.presence import Presence
from gateway.hub.seal import Seal
from gateway.push import chores
from gateway.push.client import PeerClient
from gateway.push.guard import GuardPolicy
from gateway.push.pusher import Pusher
from gateway.settings import Settings
from gateway.store.authorisation import AuthorisationLog
from gateway.store.database import Database
from gateway.store.exchange import ExchangeLog
from ocpi.model.party import PartyId, parse_party

VERSION = "2.2.1"
NOW = "2026-11-20T10:00:00Z"


class World:
    """One hub process, in this process."""

    def __init__(self, hub: Hub, log: ExchangeLog, pusher: Pusher, url: str) -> None:
        self.hub = hub
        self.log = log
        self.pusher = pusher
        self.url = url

    async def invite(self, party: str, role: str = "CPO", **more: Any) -> Invitation:
        new = NewParty(party=parse_party(party), role=role, name=f"{role} {party}", **more)
        return await administration.invite(self.hub, new)


def free_socket() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


class Started:
    """Runs a hub until it is stopped; the same settings may be started again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.world: World

    async def start(self) -> World:
        sock = free_socket()
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        settings = msgspec.structs.replace(self.settings, public_url=url)
        self.db = await Database.open(settings.database_url, size=8)
        self.hot = HotSet(settings.redis_url)
        await self.hot.start()
        directory = Directory(
            self.db,
            PartyId(settings.hub_country, settings.hub_party),
            epoch=lambda: self.hot.get(NETWORK_KEY),
        )
        self.log = ExchangeLog(self.db)
        self.keeper = keeper = Keeper(self.db, self.hot, directory)
        policy = GuardPolicy(
            allow_private=settings.allow_private_peers, own_origins=frozenset({url})
        )
        self.client = PeerClient(policy=policy, clock=settings.clock, record=self.log)
        pusher = Pusher()
        self.presence = Presence()
        self.commit = GroupCommit(self.db)

        hub = Hub(
            settings=settings,
            clock=settings.clock,
            db=self.db,
            directory=directory,
            hot=self.hot,
            seal=Seal(settings.secret_key),
            wire=WIRE,
            outbound=self.client.send,
            record=self.log,
            commit=self.commit,
            wake=pusher.wake,
            seen=self.presence.mark,
            token_changed=keeper.token_changed,
            network_changed=keeper.network_changed,
        )
        await directory.reload()
        self.answers = AuthorisationLog(self.db)
        app = build(hub, Authoriser(hub, keeper, self.answers))
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        await web.SockSite(self.runner, sock).start()
        work = [pusher.run(hub), self.log.run(), chores.run(hub, self.presence)]
        self.tasks = [asyncio.create_task(w) for w in work]
        self.world = World(hub, self.log, pusher, url)
        return self.world

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.runner.cleanup()
        await self.commit.close()
        await self.client.close()
        await self.hot.close()
        await self.db.close()


@pytest.fixture
async def started(settings: Settings) -> AsyncIterator[Started]:
    one = Started(settings)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def world(started: Started) -> World:
    return started.world


Reply = tuple[int, dict[str, Any]]


class Partner:
    """An independent platform: a server that records what it is told, and a client."""

    def __init__(self, world: World, role: str, *parties: str) -> None:
        self.world = world
        self.role = role
        self.parties = [parse_party(p) for p in parties]
        self.own_token = f"own-{uuid.uuid4().hex}"
        self.token = ""
        self.heard: list[tuple[str, str, dict[str, str], Any]] = []
        self.answers: dict[
            tuple[str, str], Callable[[web.Request, Any], Awaitable[web.Response]]
        ] = {}
        self.version = VERSION

    @property
    def party(self) -> PartyId:
        return self.parties[0]

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        sock = free_socket()
        self.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        await web.SockSite(self._runner, sock).start()
        self.session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await self._runner.cleanup()

    def modules(self) -> list[tuple[str, str]]:
        supply = [
            ("locations", "SENDER"),
            ("tariffs", "SENDER"),
            ("sessions", "SENDER"),
            ("cdrs", "SENDER"),
            ("tokens", "RECEIVER"),
            ("commands", "RECEIVER"),
            ("chargingprofiles", "RECEIVER"),
        ]
        flip = {"SENDER": "RECEIVER", "RECEIVER": "SENDER"}
        mine = supply if self.role == "CPO" else [(m, flip[r]) for m, r in supply]
        return [
            ("credentials", "SENDER"),
            ("credentials", "RECEIVER"),
            ("hubclientinfo", "RECEIVER"),
            *mine,
        ]

    async def _serve(self, request: web.Request) -> web.Response:
        raw = await request.read()
        body = json.loads(raw) if raw else None
        assert len(request.headers.getall("Authorization")) == 1
        token = base64.b64decode(request.headers["Authorization"].removeprefix("Token ")).decode()
        if token != self.own_token:
            return web.json_response({"status_code": 2000, "timestamp": NOW}, status=401)
        if request.path == "/versions":
            return self.envelope([{"version": self.version, "url": f"{self.url}/v"}])
        if request.path == "/v":
            endpoints = [
                {"identifier": m, "role": r, "url": f"{self.url}/{r.lower()}/{m}"}
                for m, r in self.modules()
            ]
            return self.envelope({"version": self.version, "endpoints": endpoints})
        self.heard.append((request.method, request.path_qs, dict(request.headers), body))
        for (method, prefix), answer in self.answers.items():
            if request.method == method and request.path.startswith(prefix):
                return await answer(request, body)
        return self.envelope(None)

    def envelope(
        self, data: Any, code: int = 1000, status: int = 200, **headers: str
    ) -> web.Response:
        body = {"status_code": code, "timestamp": NOW}
        if data is not None:
            body["data"] = data
        return web.json_response(body, status=status, headers=headers)

    def credentials(self) -> dict[str, Any]:
        roles = [
            {
                "role": self.role,
                "country_code": p.country_code,
                "party_id": p.party_id,
                "business_details": {"name": f"{self.role} {p}"},
            }
            for p in self.parties
        ]
        return {"token": self.own_token, "url": f"{self.url}/versions", "roles": roles}

    async def register(self) -> Reply:
        first: PartyId | None = None
        for party in self.parties:
            invitation = await self.world.invite(str(party), self.role, beside=first)
            first = party
        self.token = invitation.token_a
        status, body = await self.call("POST", "/credentials", self.credentials())
        if status == 200 and body["status_code"] == 1000:
            self.token = body["data"]["token"]
        return status, body

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        token: str | None = None,
        root: str | None = None,
    ) -> Reply:
        status, answer, _ = await self.call_all(
            method, path, body, raw=raw, headers=headers, token=token, root=root
        )
        return status, answer

    async def call_all(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        token: str | None = None,
        root: str | None = None,
    ) -> tuple[int, dict[str, Any], Any]:
        sent = {
            "Authorization": "Token " + base64.b64encode((token or self.token).encode()).decode(),
            "X-Request-ID": uuid.uuid4().hex,
            "X-Correlation-ID": uuid.uuid4().hex,
            "Content-Type": "application/json",
        } | (headers or {})
        data = raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
        url = (
            path
            if path.startswith("http")
            else f"{root or self.world.url + '/ocpi/' + VERSION}{path}"
        )
        body_sent = io.BytesIO(data) if data is not None else None
        async with self.session.request(method, url, data=body_sent, headers=sent) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else {}, answer.headers

    def routing(self, to: PartyId | None = None, from_: PartyId | None = None) -> dict[str, str]:
        headers = {}
        if to is not None:
            headers |= {"OCPI-to-country-code": to.country_code, "OCPI-to-party-id": to.party_id}
        who = from_ or self.party
        return headers | {
            "OCPI-from-country-code": who.country_code,
            "OCPI-from-party-id": who.party_id,
        }

    async def hears(
        self, method: str, prefix: str, timeout_s: float = 5.0
    ) -> tuple[str, str, dict[str, str], Any]:
        """Waits until the partner was told something at this path; returns it and forgets it."""
        async with asyncio.timeout(timeout_s):
            while True:
                for index, entry in enumerate(self.heard):
                    if entry[0] == method and entry[1].startswith(prefix):
                        return self.heard.pop(index)
                await asyncio.sleep(0.01)


Join = Callable[..., Awaitable[Partner]]


@pytest.fixture
async def join(world: World) -> AsyncIterator[Join]:
    """Registers a partner with the hub: `await join("CPO", "DE-AAA")`."""
    joined: list[Partner] = []

    async def make(role: str, *parties: str, register: bool = True) -> Partner:
        one = await Partner(world, role, *parties).__aenter__()
        joined.append(one)
        if register:
            status, body = await one.register()
            assert (status, body["status_code"]) == (200, 1000), body
        return one

    yield make
    for one in joined:
        await one.__aexit__()


def stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def location(party: PartyId, id_: str = "LOC1", updated: str = NOW, **more: Any) -> dict[str, Any]:
    return {
        "country_code": party.country_code, "party_id": party.party_id, "id": id_, "publish": True,
        "name": "Somewhere", "address": "Street 1", "city": "Town", "country": "DEU",
        "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
        "time_zone": "Europe/Berlin",
        "evses": [
            {
                "uid": "E1", "evse_id": "DE*AAA*E1", "status": "AVAILABLE",
                "connectors": [
                    {
                        "id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE",
                        "max_voltage": 230, "max_amperage": 32, "tariff_ids": ["T1"], "last_updated": updated,
                    }
                ],
                "last_updated": updated,
            }
        ],
        "last_updated": updated,
    } | more  # fmt: skip


def tariff(
    party: PartyId, id_: str = "T1", updated: str = NOW, price: str = "0.25"
) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": float(price), "vat": 19.0, "step_size": 1}
    return {
        "country_code": party.country_code, "party_id": party.party_id, "id": id_, "currency": "EUR",
        "elements": [{"price_components": [component]}], "last_updated": updated,
    }  # fmt: skip


def token(party: PartyId, uid: str = "TOK1", updated: str = NOW, **more: Any) -> dict[str, Any]:
    return {
        "country_code": party.country_code, "party_id": party.party_id, "uid": uid, "type": "RFID",
        "contract_id": f"{party.country_code}-{party.party_id}-C12345678-X", "issuer": "Somebody",
        "valid": True, "whitelist": "ALWAYS", "last_updated": updated,
    } | more  # fmt: skip


def cdr_token(party: PartyId, uid: str = "TOK1") -> dict[str, Any]:
    return {
        "country_code": party.country_code, "party_id": party.party_id, "uid": uid, "type": "RFID",
        "contract_id": f"{party.country_code}-{party.party_id}-C12345678-X",
    }  # fmt: skip


def session(
    cpo: PartyId, emsp: PartyId, id_: str = "S1", updated: str = NOW, **more: Any
) -> dict[str, Any]:
    return {
        "country_code": cpo.country_code, "party_id": cpo.party_id, "id": id_,
        "start_date_time": "2026-11-20T09:00:00Z", "kwh": 1.5, "cdr_token": cdr_token(emsp),
        "auth_method": "AUTH_REQUEST", "location_id": "LOC1", "evse_uid": "E1", "connector_id": "1",
        "currency": "EUR", "status": "ACTIVE", "last_updated": updated,
    } | more  # fmt: skip


def cdr(cpo: PartyId, emsp: PartyId, id_: str = "CDR1", **more: Any) -> dict[str, Any]:
    return {
        "country_code": cpo.country_code, "party_id": cpo.party_id, "id": id_,
        "start_date_time": "2026-11-20T09:00:00Z", "end_date_time": "2026-11-20T09:30:00Z",
        "session_id": "S1", "cdr_token": cdr_token(emsp), "auth_method": "AUTH_REQUEST",
        "cdr_location": {
            "id": "LOC1", "address": "Street 1", "city": "Town", "country": "DEU",
            "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
            "evse_uid": "E1", "evse_id": "DE*AAA*E1", "connector_id": "1",
            "connector_standard": "IEC_62196_T2", "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "EUR", "tariffs": [tariff(cpo)],
        "charging_periods": [
            {"start_date_time": "2026-11-20T09:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 10.0}]}
        ],
        "total_cost": {"excl_vat": 2.5, "incl_vat": 2.975}, "total_energy": 10.0, "total_time": 0.5,
        "last_updated": NOW,
    } | more  # fmt: skip


@pytest.fixture
def make() -> Any:
    """The objects that tests push, as a CPO or an eMSP would write them."""

    class Make:
        pass

    for function in (location, tariff, token, session, cdr, cdr_token, stamp):
        setattr(Make, function.__name__, staticmethod(function))
    return Make


SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "hostile"


class Hostile:
    """The hostile inputs beside the project, read as their README says."""

    def lines(self, name: str) -> list[str]:
        return (SHARED / name).read_text(encoding="utf-8").split("\n")

    def json(self, name: str) -> Any:
        return json.loads((SHARED / name).read_text(encoding="utf-8"))


@pytest.fixture
def hostile() -> Hostile:
    if not SHARED.exists():
        pytest.skip("the data folder is not beside the project")
    return Hostile()
