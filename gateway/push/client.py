"""The one HTTP client that speaks to partners: guarded, bounded in time and size, recorded.

No redirect is followed, except a 307/308 on the same origin, once, with method and body
(ocpi.md §9.3: partners redirect to the form with a trailing slash). The token never goes elsewhere.
"""

from __future__ import annotations

import asyncio
import time

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict
from yarl import URL

from gateway.hub.context import Failure, Headers, OutboundCall, OutboundReply, Record
from gateway.push.gate import Gate, GateClosed
from gateway.push.guard import GuardPolicy, GuardResolver, UrlRefused, check_url
from gateway.settings import Clock
from gateway.store.exchange import Exchange, envelope_status

ANSWER_BYTES_MAX = 4 << 20
CONNECT_TIMEOUT_S = 3.0
CONNECTIONS_MAX = 512
CONNECTIONS_PER_PARTNER = 16
SAME_ORIGIN_REDIRECTS = frozenset({307, 308})
CHUNK_BYTES = 1 << 16


class PeerClient:
    """`await client.send(call)` always returns: an answer, or a reply that says why not."""

    def __init__(
        self,
        *,
        policy: GuardPolicy,
        clock: Clock,
        record: Record,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._record = record
        self._gates: dict[int, Gate] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=resolver or GuardResolver(policy),
                use_dns_cache=False,
                limit=CONNECTIONS_MAX,
                limit_per_host=CONNECTIONS_PER_PARTNER,
                enable_cleanup_closed=False,
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            max_line_size=8190,
        )

    async def close(self) -> None:
        await self._session.close()

    def gate(self, platform_id: int) -> Gate:
        """The partner's gate; made at its first call."""
        gate = self._gates.get(platform_id)
        if gate is None:
            gate = self._gates[platform_id] = Gate()
        return gate

    async def send(self, call: OutboundCall) -> OutboundReply:
        """One request to a partner, within its gate and its deadline."""
        started = time.monotonic()
        if call.platform_id is None:
            reply = await self._bounded(call)
        else:
            gate = self.gate(call.platform_id)
            if call.rate_per_s is not None:
                gate.limit(call.rate_per_s)
            reply = await self._through_gate(call, gate)
        self._record(_exchange(call, reply, self._clock, time.monotonic() - started))
        return reply

    async def _through_gate(self, call: OutboundCall, gate: Gate) -> OutboundReply:
        try:
            async with asyncio.timeout(call.timeout_s), gate.entered():
                reply = await self._bounded(call)
        except GateClosed:
            return OutboundReply(failure=Failure.BUSY, url=call.url)
        except TimeoutError:  # waited its whole deadline for a slot
            return OutboundReply(failure=Failure.TIMEOUT, url=call.url)
        if reply.failure in {Failure.UNREACHABLE, Failure.TIMEOUT, Failure.TOO_LARGE}:
            gate.breaker.failed(time.monotonic())
        elif reply.failure is None:
            gate.breaker.succeeded()
        return reply

    async def _bounded(self, call: OutboundCall) -> OutboundReply:
        try:
            url = check_url(self._policy, call.url)
        except UrlRefused:
            return OutboundReply(failure=Failure.REFUSED_URL, url=call.url)
        try:
            async with asyncio.timeout(call.timeout_s):
                return await self._follow(call, url)
        except TimeoutError:
            return OutboundReply(failure=Failure.TIMEOUT, url=call.url)
        except (aiohttp.ClientError, OSError, ValueError):
            return OutboundReply(failure=Failure.UNREACHABLE, url=call.url)

    async def _follow(self, call: OutboundCall, url: URL) -> OutboundReply:
        reply = await self._once(call, url)
        target = reply.header("Location")
        if reply.http_status not in SAME_ORIGIN_REDIRECTS or target is None:
            return reply
        try:
            onward = check_url(self._policy, str(url.join(URL(target, encoded=True))))
        except (UrlRefused, ValueError):
            return reply
        if onward.origin() != url.origin():
            return reply
        return await self._once(call, onward)

    async def _once(self, call: OutboundCall, url: URL) -> OutboundReply:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
        async with self._session.request(
            call.method,
            url,
            headers=_headers(call),
            data=call.body,
            allow_redirects=False,
            timeout=timeout,
        ) as answer:
            body = await _read(answer)
            if body is None:
                return OutboundReply(failure=Failure.TOO_LARGE, url=str(url))
            headers: Headers = tuple((k, v) for k, v in answer.headers.items())
            return OutboundReply(
                http_status=answer.status, headers=headers, body=body, url=str(url)
            )


def _headers(call: OutboundCall) -> CIMultiDict[str]:
    headers = CIMultiDict(call.headers)
    headers.setdefault("Accept", "application/json")
    headers.setdefault("Accept-Encoding", "identity")
    headers.setdefault("User-Agent", "NetworkCore")
    if call.body is not None:
        headers.setdefault("Content-Type", "application/json")
    return headers


async def _read(answer: aiohttp.ClientResponse) -> bytes | None:
    """The body, or None when it is larger than any answer may be."""
    parts: list[bytes] = []
    size = 0
    async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
        size += len(chunk)
        if size > ANSWER_BYTES_MAX:
            answer.close()
            return None
        parts.append(chunk)
    return b"".join(parts)


def _exchange(
    call: OutboundCall, reply: OutboundReply, clock: Clock, duration_s: float
) -> Exchange:
    sent = {k.casefold(): v for k, v in call.headers}
    return Exchange(
        at=clock.now(),
        direction="OUT",
        platform_id=call.platform_id,
        from_party=call.from_party,
        to_party=call.to_party,
        method=call.method,
        path=call.url[:512],
        module=call.module,
        version=call.version,
        request_id=sent.get("x-request-id"),
        correlation_id=sent.get("x-correlation-id"),
        http_status=reply.http_status or None,
        ocpi_status=envelope_status(reply.body),
        duration_us=int(duration_s * 1_000_000),
        request=call.body,
        response=reply.body,
        note=reply.failure.value if reply.failure else None,
    )
