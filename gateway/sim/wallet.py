"""A demand partner without OCPI: everything it knows of the network it knows from /api/v1."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec
from aiohttp import ClientSession, ClientTimeout

from gateway.sim.partner import CALL_TIMEOUT_S, decode, encode
from gateway.sim.profile import Profile


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the plain API answered, and how long it took."""

    status: int
    body: Any
    raw: bytes
    elapsed_us: int


class Wallet:
    """A small app back end with one bearer token."""

    def __init__(self, profile: Profile, api_url: str, token: str) -> None:
        self.profile = profile
        self.api_url = api_url
        self.token = token
        self._session: ClientSession | None = None

    async def start(self) -> None:
        """Opens the connection to the hub."""
        headers = {"Authorization": f"Bearer {self.token}"}
        self._session = ClientSession(timeout=ClientTimeout(total=CALL_TIMEOUT_S), headers=headers)

    async def stop(self) -> None:
        """Closes it."""
        if self._session is not None:
            await self._session.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        accept: str = "application/json",
    ) -> Answer:
        """One call; `key` is the Idempotency-Key."""
        if self._session is None:
            raise RuntimeError("start() first")
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if method == "POST":
            headers["Idempotency-Key"] = key or uuid.uuid4().hex
        began = time.perf_counter_ns()
        data = encode(body) if body is not None else None
        async with self._session.request(
            method, self.api_url + path, data=data, headers=headers
        ) as response:
            raw = await response.read()
            elapsed_us = (time.perf_counter_ns() - began) // 1000
            is_json = "json" in response.headers.get("Content-Type", "")
            parsed = decode(raw) if is_json and raw else None
            return Answer(status=response.status, body=parsed, raw=raw, elapsed_us=elapsed_us)

    async def near(self, latitude: str, longitude: str, radius_m: int = 5000) -> Answer:
        """Where could I charge around here?"""
        query = f"latitude={latitude}&longitude={longitude}&radius_m={radius_m}"
        return await self.ask("GET", f"/locations?{query}")

    async def quote(self, place: dict[str, Any], energy_kwh: str) -> Answer:
        """What would it cost?"""
        return await self.ask("POST", "/quotes", {**place, "energy_kwh": energy_kwh})

    async def begin(self, place: dict[str, Any], contract_id: str, key: str) -> Answer:
        """Start charging there."""
        return await self.ask("POST", "/sessions", {**place, "contract_id": contract_id}, key=key)

    async def status(self, session_id: str) -> Answer:
        """How is it going?"""
        return await self.ask("GET", f"/sessions/{session_id}")

    async def end(self, session_id: str) -> Answer:
        """Stop charging."""
        return await self.ask("POST", f"/sessions/{session_id}/stop", {})

    async def receipt(self, session_id: str, accept: str = "application/json") -> Answer:
        """What did it cost?"""
        return await self.ask("GET", f"/sessions/{session_id}/receipt", accept=accept)
