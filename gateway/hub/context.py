"""What every use case is handed: the stores, the clock, the wire and the way out.

`gateway.wiring` builds one `Hub` per process. The hub room imports neither `gateway.push` nor
`ocpi.wire`; it gets both as values: `outbound` is `gateway.push.client.PeerClient.send`, `wire` is
`gateway.http.wire.WIRE`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Protocol

import msgspec

from gateway.hub.seal import Seal
from gateway.store.exchange import Exchange

Headers = tuple[tuple[str, str], ...]


class Failure(Enum):
    """Why there is no answer from a partner. One word each: nothing of the peer's body travels on."""

    REFUSED_URL = "refused_url"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    BUSY = "busy"


class OutboundCall(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request to a partner. `platform_id` picks the partner's bulkhead, breaker and rate."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = None
    timeout_s: float = 10.0
    platform_id: int | None = None
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
    endpoints: Callable[[str, str], tuple[tuple[str, str, str], ...]]
    versions: tuple[str, ...]
    preferred: str


class Events(Protocol):
    """What the hub tells the machines about itself; implemented over the metrics registry."""

    def count(self, name: str, **labels: str) -> None: ...


class Record(Protocol):
    """Takes one line of the exchange log without waiting; drops (and counts) when it is full."""

    def __call__(self, exchange: Exchange, /) -> None: ...
