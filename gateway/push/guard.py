"""Which addresses the hub may be talked into calling (reliability §5.1).

Partners name URLs in versions documents, credentials and response_url. Every one of them passes
`check_url` before it is stored or called, and every connection goes only to an address that
`is_public` (or, with private peers allowed, `is_private_peer`) has seen: the resolver handed to the
HTTP client returns checked addresses, so a second DNS answer cannot slip in between.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from pnc.revocation.address import is_public_address

URL_LENGTH_MAX = 2048
HOST_LENGTH_MAX = 253
PORTS = frozenset({443, 8443})
RESOLVE_TIMEOUT_S = 3.0
ADDRESSES_MAX = 16

# Wrappings of an IPv4 address: the address inside is the one that is reached.
WRAPPED_V4 = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
    (IPv6Network("::/96"), 0),
)
# What a partner on the same machine or container network looks like; never link-local (metadata).
PRIVATE_V4 = tuple(
    IPv4Network(n) for n in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
PRIVATE_V6 = (IPv6Network("::1/128"), IPv6Network("fc00::/7"))

Address = IPv4Address | IPv6Address


class UrlRefused(ValueError):  # noqa: N818 - an outcome, not a fault
    """A URL the hub does not call. The text names the rule, never what lives at the address."""


class GuardPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`own_origins` are the hub's own addresses: calling them would be a loop."""

    allow_private: bool = False
    ports: frozenset[int] = PORTS
    own_origins: frozenset[str] = frozenset()


def unwrap(address: Address) -> Address:
    """The IPv4 address inside a mapped, NAT64, 6to4 or compatible one; else the address itself."""
    if isinstance(address, IPv4Address) or address == IPv6Address("::1"):
        return address
    for network, shift in WRAPPED_V4:
        if address in network:
            return IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    return is_public_address(unwrap(address))


def is_private_peer(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return any(address in network for network in PRIVATE_V4)
    return any(address in network for network in PRIVATE_V6)


def is_allowed(policy: GuardPolicy, address: Address) -> bool:
    return is_public(address) or (policy.allow_private and is_private_peer(address))


def check_url(policy: GuardPolicy, text: str) -> URL:
    """The parsed URL, which reads back as exactly what was sent; raises UrlRefused.

    One parser only (yarl, the one the client uses): what does not round-trip is refused, so two
    parsers can never disagree about the host.
    """
    _check_text(text)
    try:
        url = URL(text, encoded=True)
        host, port = url.raw_host, url.port
    except ValueError as error:
        raise UrlRefused("not a URL") from error
    if url.scheme not in {"https", "http"} or host is None or not host:
        raise UrlRefused("not an https URL with a host")
    if url.scheme == "http" and not policy.allow_private:
        raise UrlRefused("plain http is not allowed")
    if url.user is not None or url.password is not None or "@" in url.raw_authority:
        raise UrlRefused("credentials in a URL are not allowed")
    if not policy.allow_private and port not in policy.ports:
        raise UrlRefused("this port is not allowed")
    _check_host(policy, host, _authority_host(text))
    if str(url.origin()).casefold() in policy.own_origins:
        raise UrlRefused("this is the hub's own address")
    return url


def _check_text(text: str) -> None:
    if len(text) > URL_LENGTH_MAX:
        raise UrlRefused("longer than a URL may be")
    if not all("!" <= c <= "~" for c in text) or "\\" in text or "#" in text:
        raise UrlRefused("a character that a URL may not have")


def _authority_host(text: str) -> str:
    """The host as it is spelt, cut out without a parser: to compare with what the parser found."""
    _, _, rest = text.partition("://")
    for stop in "/?":
        rest = rest.partition(stop)[0]
    if rest.startswith("["):
        return rest[1:].partition("]")[0]
    return rest.partition(":")[0]


def _check_host(policy: GuardPolicy, host: str, spelt: str) -> None:
    if len(host) > HOST_LENGTH_MAX or host.casefold() != spelt.casefold():
        raise UrlRefused("a host that does not read back as it was sent")
    if "%" in host:
        raise UrlRefused("a host with a zone or an escape is not allowed")
    address = _literal(host)
    if address is not None:
        if not is_allowed(policy, address):
            raise UrlRefused("this address is not allowed")
        return
    if ":" in host:
        raise UrlRefused("not an IPv6 address")
    _check_name(policy, host.casefold())


def _check_name(policy: GuardPolicy, name: str) -> None:
    labels = name.removesuffix(".").split(".")
    if not all(label and label.replace("-", "").replace("_", "").isalnum() for label in labels):
        raise UrlRefused("not a host name")
    last = labels[-1]
    # 127.1, 0x7f.1, 2130706433: resolvers read these as addresses (WHATWG: "ends in a number").
    if last.isdigit() or last.startswith("0x"):
        raise UrlRefused("a number is not a host name")
    if not policy.allow_private and (
        len(labels) == 1 or last in {"localhost", "local", "internal"}
    ):
        raise UrlRefused("a host name without a public domain is not allowed")


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


class GuardResolver(AbstractResolver):
    """Resolves once, and only when *every* answer is allowed: the client connects to these."""

    def __init__(self, policy: GuardPolicy) -> None:
        self._policy = policy

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - the interface is aiohttp's
    ) -> list[ResolveResult]:
        answers = await asyncio.wait_for(self.look_up(host, port), RESOLVE_TIMEOUT_S)
        if not answers or not all(is_allowed(self._policy, a) for a in answers):
            raise OSError("the name has no allowed address")
        return [_result(host, a, port) for a in list(answers)[:ADDRESSES_MAX]]

    async def look_up(self, host: str, port: int) -> Iterable[Address]:
        """All addresses of a name; tests put their own DNS here."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(ip_address(str(info[4][0]).partition("%")[0]) for info in found))

    async def close(self) -> None:
        """Nothing is kept open."""


def _result(host: str, address: Address, port: int) -> ResolveResult:
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    return ResolveResult(
        hostname=host,
        host=str(address),
        port=port,
        family=family,
        proto=0,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
