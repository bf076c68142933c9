"""What every use case is handed: the stores, the clock, the wire and the way out.

`gateway.wiring` builds one `Hub` per process. The hub room imports neither `gateway.push` nor
`ocpi.wire`; it gets both as values: `outbound` is `gateway.push.client.PeerClient.send`, `wire` is
`gateway.http.wire.WIRE`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Protocol, TypeVar

import msgspec

from gateway.cache.hot import HotSet
from gateway.hub.network import Directory
from gateway.hub.seal import Seal
from gateway.settings import Clock, Settings
from gateway.store.database import Database
from gateway.store.exchange import Exchange
from ocpi.model.party import PartyId

T = TypeVar("T")
Headers = tuple[tuple[str, str], ...]


class Failure(Enum):
    """Why there is no answer from a partner. One word each: nothing of its body travels on."""

    REFUSED_URL = "refused_url"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    BUSY = "busy"


class OutboundCall(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request to a partner. `platform_id` picks its bulkhead, breaker and rate."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = None
    timeout_s: float = 10.0
    platform_id: int | None = None
    rate_per_s: float | None = None
    from_party: str | None = None
    to_party: str | None = None
    module: str | None = None
    version: str | None = None


class OutboundReply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back; `failure` says why nothing did (then `http_status` is 0)."""

    http_status: int = 0
    headers: Headers = ()
    body: bytes = b""
    failure: Failure | None = None
    url: str = ""

    def header(self, name: str) -> str | None:
        """The first header of this name, compared without case."""
        return next((v for k, v in self.headers if k.casefold() == name.casefold()), None)


Outbound = Callable[[OutboundCall], Awaitable[OutboundReply]]


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """The codecs and the catalogue, handed in: only the edges know version numbers.

    `decode(version, kind, raw)`, `encode(version, value) -> (bytes, losses)`,
    `endpoints(version, base_url) -> ((module, role, url), …)`; `versions` newest last.
    """

    decode: Callable[[str, str, bytes], Any]
    encode: Callable[[str, Any], tuple[bytes, tuple[Any, ...]]]
    endpoints: Callable[[str, str], list[tuple[str, str, str]]]
    versions: tuple[str, ...]
    preferred: str


class Record(Protocol):
    """Takes one line of the exchange log without waiting; drops (and counts) when it is full."""

    def __call__(self, exchange: Exchange, /) -> None:
        """Keep the line for the next batch."""


class Commit(Protocol):
    """Runs a write inside a transaction that it may share with others; returns after the commit."""

    async def __call__(self, topic: str, write: Callable[[Any], Awaitable[T]], /) -> T:
        """What `write(connection)` returned, once it is durable."""


class Hub(msgspec.Struct, frozen=True, kw_only=True):
    """One process's hub: everything a use case may touch.

    `wake` tells the pusher that something waits to be told, `seen(platform_id)` that a platform
    spoke; `token_changed(uid_key, type)` is called after the commit of a token's change and returns
    when the hot set knows of it; `network_changed()` tells the other processes of a change to
    platforms, parties, credentials, endpoints or relations (use `refresh_network`).
    """

    settings: Settings
    clock: Clock
    db: Database
    directory: Directory
    hot: HotSet
    seal: Seal
    wire: Wire
    outbound: Outbound
    record: Record
    commit: Commit
    wake: Callable[[], None]
    seen: Callable[[int], None]
    token_changed: Callable[[str, str], Awaitable[None]]
    network_changed: Callable[[], Awaitable[None]]

    async def refresh_network(self) -> None:
        """After the commit of a change to the network: seen here at once, told to the others."""
        await self.directory.reload()
        await self.network_changed()

    @property
    def party(self) -> PartyId:
        """The hub's own party id."""
        return PartyId(self.settings.hub_country, self.settings.hub_party)

    def root(self, version: str) -> str:
        """Where this version's interfaces begin, as partners see it."""
        return f"{self.settings.public_url}/ocpi/{version}"

    @property
    def versions_url(self) -> str:
        """What partners are told to start from."""
        return f"{self.settings.public_url}/ocpi/versions"
