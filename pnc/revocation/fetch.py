"""Fetching CRLs and OCSP answers beforehand: the only socket of this package.

Addresses come from configuration and nowhere else; what a certificate under test claims as its
responder is never called. Size, time and redirects are bounded, and a name that resolves to
anything but public addresses is refused before a connection is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp.abc import ResolveResult

from pnc import pem
from pnc.errors import PncError, RequestError
from pnc.revocation import crl, ocsp
from pnc.revocation.address import is_public

TOTAL_S: Final = 10.0
CONNECT_S: Final = 3.0
_PORTS: Final = frozenset({80, 443, 8080, 8443})
_OCSP_TYPE: Final = "application/ocsp-request"


class FetchError(PncError):
    """What was asked for could not be had; the message says where and why."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One configured address and what it serves."""

    name: str
    url: str
    kind: Literal["crl", "ocsp"]
    allows_private: bool = False
    """For a responder in our own network, and for tests."""


class _PublicResolver(aiohttp.ThreadedResolver):
    """Resolves names, and refuses those of which any address is not public."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        found = await super().resolve(
            host,
            port,
            family,  # type: ignore[arg-type]  # an AddressFamily is an int; no socket module here
        )
        if not all(is_public(result["host"]) for result in found):
            raise OSError(None, "the name resolves to an address that is not public")
        return found


def configured(sources: tuple[Source, ...]) -> Mapping[str, Source]:
    """The sources by name, each address checked; raises RequestError naming the wrong one."""
    for source in sources:
        reason = _unfit(source)
        if reason is not None:
            raise RequestError(f"revocation source {source.name}: {reason}")
    return {source.name: source for source in sources}


def _unfit(source: Source) -> str | None:
    try:
        parts = urlsplit(source.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "the address is not a URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "the address is not http or https"
    if parts.username or parts.password or "\\" in source.url or not source.url.isascii():
        return "the address holds credentials or odd characters"
    return None if source.allows_private else _not_public(parts.hostname, port)


def _not_public(host: str, port: int) -> str | None:
    if port not in _PORTS:
        return f"port {port} is not one of {sorted(_PORTS)}"
    is_literal = ":" in host or host.replace(".", "").isdigit()
    if is_literal and not is_public(host):
        return "the address is not public"
    return None


class Fetcher:
    """Fetches from configured sources; use as an async context manager."""

    def __init__(self, sources: Mapping[str, Source], *, total_s: float = TOTAL_S) -> None:
        self._sources = sources
        self._total_s = total_s
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self._sessions.values():
            await session.close()

    async def fetch_crl(self, name: str) -> bytes:
        """The DER of the CRL that the named source serves, as PEM or DER; only read, not judged."""
        source = self._source(name, "crl")
        raw = await self._body(source, None, crl.BYTES_MAX)
        try:
            return pem.read(raw, pem.CRL)[0]
        except PncError as error:
            raise FetchError(f"{name}: {error}") from error

    async def fetch_ocsp(
        self, name: str, about: ocsp.CertId, *, nonce: bytes | None = None
    ) -> bytes:
        """The DER of the named responder's answer about one certificate; its nonce is checked."""
        source = self._source(name, "ocsp")
        raw = await self._body(source, ocsp.request(about, nonce), ocsp.BYTES_MAX)
        try:
            response = ocsp.parse(raw)
        except PncError as error:
            raise FetchError(f"{name}: {error}") from error
        if response.refusal is not None:
            raise FetchError(f"{name}: the responder answers {response.refusal}")
        if nonce is not None and (reason := ocsp.nonce_defect(response, nonce)):
            raise FetchError(f"{name}: {reason}")
        return raw

    def _source(self, name: str, kind: str) -> Source:
        source = self._sources.get(name)
        if source is None or source.kind != kind:
            raise FetchError(f"no {kind} source {name} is configured")
        return source

    def _session(self, source: Source) -> aiohttp.ClientSession:
        session = self._sessions.get(source.allows_private)
        if session is None:
            resolver = None if source.allows_private else _PublicResolver()
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=resolver, limit=16, limit_per_host=4),
                timeout=aiohttp.ClientTimeout(total=self._total_s, connect=CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
            self._sessions[source.allows_private] = session
        return session

    async def _body(self, source: Source, question: bytes | None, most: int) -> bytes:
        headers = {"Accept-Encoding": "identity"}
        if question is not None:
            headers["Content-Type"] = _OCSP_TYPE
        method = "GET" if question is None else "POST"
        try:
            async with self._session(source).request(
                method, source.url, data=question, headers=headers, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise FetchError(f"{source.name}: HTTP {response.status}")
                return await _bounded(source, response, most)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise FetchError(f"{source.name}: {type(error).__name__}") from error


async def _bounded(source: Source, response: aiohttp.ClientResponse, most: int) -> bytes:
    body = bytearray()
    async for part in response.content.iter_chunked(65536):
        body += part
        if len(body) > most:
            raise FetchError(f"{source.name}: more than {most} bytes")
    return bytes(body)
