"""One OCPI 2.2.1 platform with its own address: it registers, is called back, and calls the hub."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from aiohttp import ClientSession, ClientTimeout, web

from gateway.sim.profile import Profile

VERSION: Final = "2.2.1"
CALL_TIMEOUT_S: Final = 10.0
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
Now = Callable[[], datetime]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RefusedError(Exception):
    """The hub answered, and the answer was no; the text is the hub's own."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub answered to one call, and how long it took."""

    http_status: int
    status_code: int
    status_message: str
    data: Any
    headers: dict[str, str]
    elapsed_us: int

    @property
    def is_success(self) -> bool:
        """The hub did what was asked (OCPI 1xxx)."""
        return self.http_status < 400 and 1000 <= self.status_code < 2000


def stamp(moment: datetime) -> str:
    """OCPI DateTime: UTC with milliseconds and a Z, so that two changes have an order."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode(body: Any) -> bytes:
    """JSON in which decimals are numbers with their own digits, never floats."""
    return _ENCODER.encode(body)


def decode(raw: bytes) -> Any:
    """JSON in which every fraction becomes a Decimal."""
    return json.loads(raw, parse_float=Decimal)


def envelope(data: Any, now: datetime, code: int = 1000, message: str = "OK") -> web.Response:
    """The OCPI response of a simulated partner."""
    body: dict[str, Any] = {"status_code": code, "status_message": message, "timestamp": stamp(now)}
    if data is not None:
        body["data"] = data
    return web.Response(body=encode(body), content_type="application/json")


class Partner:
    """A platform with one party. Subclasses add their modules to `routes()` and `endpoints()`."""

    def __init__(self, profile: Profile, now: Now) -> None:
        self.profile = profile
        self.now = now
        self.base_url = ""
        self.token_for_hub = ""  # TOKEN_B: what the hub presents to us
        self.token_at_hub = ""  # TOKEN_C: what we present to the hub
        self.hub_endpoints: dict[tuple[str, str], str] = {}
        self.reachable: dict[str, str] = {}
        self._session: ClientSession | None = None
        self._runner: web.AppRunner | None = None

    # -- life

    async def start(self) -> None:
        """Listens on an address of its own."""
        app = web.Application(middlewares=[self._authenticate])
        app.router.add_get("/ocpi/versions", self._versions)
        app.router.add_get(f"/ocpi/{VERSION}", self._details)
        app.router.add_get(f"/ocpi/{VERSION}/credentials", self._get_credentials)
        app.router.add_put(f"/ocpi/{VERSION}/credentials", self._put_credentials)
        app.router.add_put(
            f"/ocpi/{VERSION}/hubclientinfo/{{country_code}}/{{party_id}}", self._client_info
        )
        for method, path, handler in self.routes():
            app.router.add_route(method, f"/ocpi/{VERSION}{path}", handler)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/ocpi"
        self._session = ClientSession(timeout=ClientTimeout(total=CALL_TIMEOUT_S))

    async def stop(self) -> None:
        """Closes both directions."""
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def routes(self) -> list[tuple[str, str, Handler]]:
        """(method, path below the version, handler) of this role's modules."""
        return []

    def endpoints(self) -> list[tuple[str, str]]:
        """(module, interface role) of this role's modules."""
        return []

    # -- registration

    async def register(self, versions_url: str, token_a: str) -> int:
        """Runs the credentials handshake with TOKEN_A; returns the endpoints offered."""
        self.token_for_hub = secrets.token_urlsafe(24)
        await self._discover(versions_url, token_a)
        reply = await self._ask(
            "POST", self.hub_endpoints["credentials", "RECEIVER"], token_a, body=self.credentials()
        )
        if not reply.is_success:
            raise RefusedError(f"credentials: {reply.status_code} {reply.status_message}")
        self.token_at_hub = reply.data["token"]
        return len(self.hub_endpoints)

    async def renew(self, versions_url: str) -> None:
        """PUT of our credentials: a new address and a new token for the hub, a new one for us.

        The hub may have moved since: its endpoints are read again.
        """
        self.token_for_hub = secrets.token_urlsafe(24)
        await self._discover(versions_url, self.token_at_hub)
        url = self.hub_endpoints["credentials", "RECEIVER"]
        reply = await self._ask("PUT", url, self.token_at_hub, body=self.credentials())
        if not reply.is_success:
            raise RefusedError(f"credentials: {reply.status_code} {reply.status_message}")
        self.token_at_hub = reply.data["token"]

    async def _discover(self, versions_url: str, token: str) -> None:
        versions = await self._ask("GET", versions_url, token)
        url = next((v["url"] for v in versions.data or [] if v["version"] == VERSION), None)
        if url is None:
            raise RefusedError(f"{versions_url} offers no {VERSION}: {versions.status_message}")
        details = await self._ask("GET", url, token)
        if not details.is_success:
            raise RefusedError(f"{url}: {details.status_code} {details.status_message}")
        self._learn(details.data["endpoints"])

    def credentials(self) -> dict[str, Any]:
        """Our Credentials object (OCPI credentials §5.3.1)."""
        role = {
            "role": self.profile.role,
            "business_details": {"name": self.profile.name},
            "party_id": self.profile.party_id,
            "country_code": self.profile.country_code,
        }
        return {"token": self.token_for_hub, "url": f"{self.base_url}/versions", "roles": [role]}

    def _learn(self, endpoints: list[dict[str, str]]) -> None:
        for endpoint in endpoints:
            self.hub_endpoints[endpoint["identifier"], endpoint["role"]] = endpoint["url"]
            if endpoint["identifier"] == "credentials":
                self.hub_endpoints["credentials", "RECEIVER"] = endpoint["url"]

    # -- calling the hub

    async def call(
        self,
        method: str,
        module: str,
        role: str,
        path: str = "",
        *,
        body: Any = None,
        to: str | None = None,
        correlation_id: str | None = None,
    ) -> Reply:
        """One request to the hub; `to` ("NL-VLT") fills the routing headers."""
        headers = {
            "OCPI-from-country-code": self.profile.country_code,
            "OCPI-from-party-id": self.profile.party_id,
            "X-Correlation-ID": correlation_id or uuid.uuid4().hex,
        }
        if to is not None:
            country_code, party_id = to.split("-")
            headers |= {"OCPI-to-country-code": country_code, "OCPI-to-party-id": party_id}
        url = self.hub_endpoints[module, role] + path
        return await self._ask(method, url, self.token_at_hub, body=body, headers=headers)

    async def ask_plain(self, method: str, url: str, body: Any) -> tuple[dict[str, Any], float]:
        """A call outside OCPI's envelopes with our token; the body and the milliseconds."""
        if self._session is None:
            raise RuntimeError("start() first")
        authorization = "Token " + base64.b64encode(self.token_at_hub.encode()).decode()
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        began = time.perf_counter_ns()
        async with self._session.request(
            method, url, data=encode(body), headers=headers
        ) as response:
            answer = decode(await response.read())
        return answer, (time.perf_counter_ns() - began) / 1e6

    async def _ask(
        self,
        method: str,
        url: str,
        token: str,
        *,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        if self._session is None:
            raise RuntimeError("start() first")
        sent = {
            "Authorization": "Token " + base64.b64encode(token.encode()).decode(),
            "X-Request-ID": uuid.uuid4().hex,
            **(headers or {}),
        }
        payload = None
        if body is not None:
            payload = encode(body)
            sent["Content-Type"] = "application/json"
        began = time.perf_counter_ns()
        async with self._session.request(method, url, data=payload, headers=sent) as response:
            raw = await response.read()
            elapsed_us = (time.perf_counter_ns() - began) // 1000
            return _reply(response.status, raw, dict(response.headers), elapsed_us)

    # -- being called

    @web.middleware
    async def _authenticate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        expected = "Token " + base64.b64encode(self.token_for_hub.encode()).decode()
        given = request.headers.get("Authorization", "")
        if not self.token_for_hub or not secrets.compare_digest(given.encode(), expected.encode()):
            return web.json_response(
                {
                    "status_code": 2001,
                    "status_message": "unknown token",
                    "timestamp": stamp(self.now()),
                },
                status=401,
            )
        return await handler(request)

    async def _versions(self, _request: web.Request) -> web.Response:
        return envelope([{"version": VERSION, "url": f"{self.base_url}/{VERSION}"}], self.now())

    async def _details(self, _request: web.Request) -> web.Response:
        root = f"{self.base_url}/{VERSION}"
        modules = [("credentials", "RECEIVER"), ("hubclientinfo", "RECEIVER"), *self.endpoints()]
        endpoints = [{"identifier": m, "role": r, "url": f"{root}/{m}"} for m, r in modules]
        return envelope({"version": VERSION, "endpoints": endpoints}, self.now())

    async def _get_credentials(self, _request: web.Request) -> web.Response:
        return envelope(self.credentials(), self.now())

    async def _put_credentials(self, request: web.Request) -> web.Response:
        given = decode(await request.read())
        self.token_at_hub = given["token"]
        self.token_for_hub = secrets.token_urlsafe(24)
        return envelope(self.credentials(), self.now())

    async def _client_info(self, request: web.Request) -> web.Response:
        info = decode(await request.read())
        self.reachable[f"{info['country_code']}-{info['party_id']}"] = info["status"]
        return envelope(None, self.now())


def _reply(http_status: int, raw: bytes, headers: dict[str, str], elapsed_us: int) -> Reply:
    try:
        body = decode(raw) if raw else {}
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    return Reply(
        http_status=http_status,
        status_code=int(body.get("status_code", 0)),
        status_message=str(body.get("status_message", raw[:200].decode("utf-8", "replace"))),
        data=body.get("data"),
        headers=headers,
        elapsed_us=elapsed_us,
    )


async def until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Waits for something that the other side will make true; says what was missing otherwise."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {timeout_s:g} s")
        await asyncio.sleep(0.02)
