"""What the clients know: the only truth that the system is compared with (reliability §11).

Outcomes are three-valued. Acknowledged: the hub said yes. Refused: it said no, in its own words.
Unknown: no answer, or one that promises nothing; such a write may be there or not, never twice.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import aiohttp
from ordeal.cluster import Cluster, Gateway

from gateway.sim.partner import Partner, decode, encode

ANSWER_S = 2.0


class Outcome(StrEnum):
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    outcome: Outcome
    http_status: int
    status_code: int
    message: str
    data: Any
    sent_at: float
    done_at: float
    links: str = ""


@dataclass
class CdrRecord:
    """Every content that was posted under one id, and which of them were acknowledged."""

    cdr_id: str
    bodies: dict[bytes, bytes] = field(default_factory=dict)
    acknowledged: set[bytes] = field(default_factory=set)


@dataclass
class History:
    """One object's updates in order; `steps[n]` is (last_updated, mark, outcome)."""

    key: str
    is_direct: bool
    steps: list[tuple[str, str, Outcome]] = field(default_factory=list)

    def possible(self) -> set[tuple[str, str]] | None:
        """What may be stored now; None: perhaps nothing at all."""
        last = max(
            (n for n, s in enumerate(self.steps) if s[2] is Outcome.ACKNOWLEDGED), default=None
        )
        if last is None:
            return None
        after = [s for s in self.steps[last + 1 :] if s[2] is Outcome.UNKNOWN]
        return {(at, mark) for at, mark, _ in (self.steps[last], *after)}


@dataclass
class Block:
    """A token that was charged with, then blocked; probes are (gateway, sent, done, allowed)."""

    uid: str
    was_allowed: bool = False
    acknowledged_at: float | None = None
    probes: list[tuple[str, float, float, str]] = field(default_factory=list)


@dataclass
class Truth:
    cdrs: dict[str, CdrRecord] = field(default_factory=dict)
    sessions: list[History] = field(default_factory=list)
    tokens: list[History] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)

    def count(self, what: str, outcome: Outcome) -> None:
        key = f"{what} {outcome}"
        self.counts[key] = self.counts.get(key, 0) + 1

    @property
    def acknowledged_cdrs(self) -> list[CdrRecord]:
        return [c for c in self.cdrs.values() if c.acknowledged]


class Client:
    """One partner's requests to any gateway; counts what is on its way to each."""

    def __init__(self, cluster: Cluster, truth: Truth) -> None:
        self.cluster = cluster
        self.truth = truth
        self.in_flight: dict[str, int] = {g.name: 0 for g in cluster.gateways}
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def close(self) -> None:
        await self._session.close()

    async def ask(
        self, partner: Partner, gateway: Gateway, method: str, module: str, role: str,
        path: str = "", *, body: bytes | None = None, to: str | None = None,
    ) -> Answer:  # fmt: skip
        """One request, once; whatever becomes of it is an answer."""
        profile = partner.profile
        url = partner.hub_endpoints[module, role]
        url = gateway.root + url.removeprefix(self.cluster.settings.public_url) + path
        headers = {
            "Authorization": "Token " + base64.b64encode(partner.token_at_hub.encode()).decode(),
            "OCPI-from-country-code": profile.country_code,
            "OCPI-from-party-id": profile.party_id,
        }
        if to is not None:
            country, party = to.split("-")
            headers |= {"OCPI-to-country-code": country, "OCPI-to-party-id": party}
        if body is not None:
            headers["Content-Type"] = "application/json"
        self.in_flight[gateway.name] += 1
        sent_at = time.monotonic()
        try:
            async with self._session.request(method, url, data=body, headers=headers) as response:
                raw = await response.read()
                status, links = response.status, response.headers.get("Link", "")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            done_at = time.monotonic()
            text = f"{type(error).__name__}: {error}"
            return Answer(Outcome.UNKNOWN, 0, 0, text, None, sent_at, done_at)
        finally:
            self.in_flight[gateway.name] -= 1
        return self._judged(status, raw, links, sent_at, f"{method} {module}{path}")

    def _judged(self, status: int, raw: bytes, links: str, sent_at: float, what: str) -> Answer:
        done_at = time.monotonic()
        said: dict[str, Any] = {}
        with contextlib.suppress(ValueError):
            said = decode(raw)
        code = int(said.get("status_code", 0))
        if status >= 500 or code >= 3000 or code < 1000:
            outcome = Outcome.UNKNOWN
        else:
            outcome = Outcome.ACKNOWLEDGED if status < 400 and code < 2000 else Outcome.REFUSED
        if status == 401 or (status >= 500 and status != 503):
            self.truth.surprises.append(f"{what}: HTTP {status} {raw[:200]!r}")
        message = str(said.get("status_message", ""))
        return Answer(outcome, status, code, message, said.get("data"), sent_at, done_at, links)

    async def all_pages(
        self, partner: Partner, gateway: Gateway, module: str
    ) -> list[dict[str, Any]]:
        """A sender's whole list, page by page."""
        items: list[dict[str, Any]] = []
        path = "?limit=500"
        while True:
            answer = await self.ask(partner, gateway, "GET", module, "SENDER", path)
            if answer.outcome is not Outcome.ACKNOWLEDGED:
                raise RuntimeError(f"{module}: {answer.message}")
            items += answer.data
            if 'rel="next"' not in answer.links:
                return items
            url = answer.links.partition("<")[2].partition(">")[0]
            path = "?" + url.partition("?")[2]


def body_hash(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def to_bytes(value: Any) -> bytes:
    return encode(value)


async def pause(seconds: float) -> None:
    await asyncio.sleep(seconds)
