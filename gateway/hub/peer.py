"""How the hub speaks to a partner: its token, its encoding, fresh request ids, one clear outcome.

A partner's answer is read with the tolerance of ocpi.md §9: a refusal may come without an envelope,
success may come as 200 or 201, single objects as lists of one. Nothing of a partner's error text is
passed on as the hub's own words.
"""

from __future__ import annotations

import uuid

import msgspec

from gateway.hub.context import Failure, Headers, Hub, OutboundCall, OutboundReply
from gateway.hub.network import Platform
from ocpi import envelope, header
from ocpi.envelope import Envelope
from ocpi.errors import (
    FORWARD_TIMEOUT,
    HUB_ERROR,
    NOT_CONNECTED,
    OcpiError,
)
from ocpi.header import MessageIds, Routing
from ocpi.model.party import PartyId

FORWARD_TIMEOUT_S = 10.0
HTTP_UNAUTHORISED = frozenset({401, 403})
WORDS = {
    Failure.REFUSED_URL: "the hub calls public https addresses only, unless"
    " NETWORKCORE_ALLOW_PRIVATE_PEERS=true is set",
    Failure.UNREACHABLE: "nobody answers at this address",
    Failure.TIMEOUT: "no answer came in time",
    Failure.TOO_LARGE: "the answer is too large",
    Failure.BUSY: "too many calls to it are open: try again",
}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One message to a partner; everything but the partner's own token."""

    method: str
    url: str
    body: bytes | None = None
    routing: Routing = Routing()
    correlation_id: str | None = None
    module: str | None = None
    timeout_s: float = FORWARD_TIMEOUT_S


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the partner said. `envelope` is None when it said nothing that is OCPI."""

    http_status: int = 0
    envelope: Envelope | None = None
    body: bytes = b""
    headers: Headers = ()
    failure: Failure | None = None
    url: str = ""

    @property
    def is_success(self) -> bool:
        return self.envelope is not None and self.envelope.is_success and self.http_status < 300

    @property
    def trouble(self) -> str:
        """Why it is no success, for the operator."""
        if self.failure is not None:
            return WORDS[self.failure]
        if self.http_status in HTTP_UNAUTHORISED:
            return f"it does not accept the token (HTTP {self.http_status})"
        if self.envelope is None:
            return f"the answer is not OCPI (HTTP {self.http_status})"
        return f"it answers with status {self.envelope.status_code} (HTTP {self.http_status})"

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.headers if k.casefold() == name.casefold()), None)


async def ask(hub: Hub, platform: Platform, request: Request) -> Answer:
    """Sends with the platform's own token and in the encoding it is known to take."""
    if platform.token_sealed is None:
        return Answer(failure=Failure.UNREACHABLE)
    token = open_token(hub, platform.platform_id, platform.token_sealed)
    is_raw = platform.quirks.get("token") == "raw"
    call = _call(request, header.encode_token(token, raw=is_raw), platform.platform_id)
    call = msgspec.structs.replace(call, version=platform.version, rate_per_s=_rate(platform))
    return read(await hub.outbound(call))


def _rate(platform: Platform) -> float | None:
    """Calls per second that the operator has noted for this partner (ocpi.md §9.14)."""
    rate = platform.quirks.get("rate_per_s")
    return float(rate) if isinstance(rate, int | float) and rate > 0 else None


async def ask_stranger(hub: Hub, request: Request, token: str, *, is_raw: bool) -> Answer:
    """Sends to somebody who is not registered yet, with a token that was given for this."""
    return read(await hub.outbound(_call(request, header.encode_token(token, raw=is_raw), None)))


def open_token(hub: Hub, platform_id: int, sealed: bytes) -> str:
    return hub.seal.open(sealed, context=seal_context(platform_id))


def seal_context(platform_id: int) -> str:
    """What a sealed token is bound to."""
    return f"platform:{platform_id}"


def read(reply: OutboundReply) -> Answer:
    """The reply with its envelope, if there is one in it."""
    if reply.failure is not None:
        return Answer(failure=reply.failure, url=reply.url)
    try:
        found = envelope.read(reply.body) if reply.body else None
    except OcpiError:
        found = None
    return Answer(
        http_status=reply.http_status,
        envelope=found,
        body=reply.body,
        headers=reply.headers,
        url=reply.url,
    )


def refusal(answer: Answer) -> OcpiError:
    """What the hub says in its own name when there is no envelope to pass on (4002, 4003, 4000)."""
    match answer.failure:
        case Failure.TIMEOUT:
            return OcpiError(FORWARD_TIMEOUT, 200, "the receiver did not answer in time")
        case Failure.UNREACHABLE | Failure.BUSY | Failure.REFUSED_URL | Failure.TOO_LARGE:
            return OcpiError(NOT_CONNECTED, 200, "the receiver cannot be reached")
        case None:
            return OcpiError(HUB_ERROR, 200, "the receiver's answer is not an OCPI answer")


def new_id() -> str:
    return str(uuid.uuid4())


def party_text(party: PartyId | None) -> str | None:
    return str(party) if party is not None else None


def _call(request: Request, authorization: str, platform_id: int | None) -> OutboundCall:
    ids = MessageIds(new_id(), request.correlation_id or new_id())
    headers = (
        (header.AUTHORIZATION, authorization),
        *header.write_ids(ids).items(),
        *header.write_routing(request.routing).items(),
    )
    return OutboundCall(
        method=request.method,
        url=request.url,
        headers=headers,
        body=request.body,
        timeout_s=request.timeout_s,
        platform_id=platform_id,
        from_party=party_text(request.routing.from_),
        to_party=party_text(request.routing.to),
        module=request.module,
    )
