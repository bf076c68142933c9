"""Direct requests: the receiver's own answer, passed back unchanged (OCPI transport, "Direct").

Same version on both sides: the body travels as it came. Other versions: through the model, and an
object that cannot be said in the receiver's version is refused, never bent.
"""

from __future__ import annotations

import msgspec

from gateway.hub import peer
from gateway.hub.context import Hub
from gateway.hub.network import Network, Platform
from gateway.hub.peer import Answer, Request
from ocpi.errors import NO_MATCHING_ENDPOINTS, NOT_CONNECTED, UNKNOWN_RECEIVER, OcpiError
from ocpi.header import Routing
from ocpi.model.party import PartyId


class Onward(msgspec.Struct, frozen=True, kw_only=True):
    """A request that goes on to one party. `side`: whose interface it is meant for there."""

    method: str
    module: str
    side: str
    to: PartyId
    from_: PartyId
    version: str
    suffix: str = ""
    query_string: str = ""
    body: bytes | None = None
    body_kind: str | None = None
    correlation_id: str
    timeout_s: float = peer.FORWARD_TIMEOUT_S


def receiver_of(hub: Hub, network: Network, onward: Onward) -> Platform:
    """The platform that serves the receiver, or why there is none (4001, 4003, 3003)."""
    if not network.is_known(onward.to) or onward.to == hub.party:
        raise OcpiError(UNKNOWN_RECEIVER, 200, f"OCPI-to-party-id: {onward.to} is not known here")
    if not network.allows(onward.from_, onward.to, onward.module):
        raise OcpiError(
            UNKNOWN_RECEIVER, 200, f"{onward.to} does not take this from {onward.from_}"
        )
    platform = network.platform_of(onward.to, module=onward.module, side=onward.side)
    if platform is None or not platform.is_registered:
        raise OcpiError(NOT_CONNECTED, 200, f"OCPI-to-party-id: {onward.to} is not connected")
    return platform


async def send(hub: Hub, onward: Onward) -> Answer:
    """The receiver's answer; hub errors (4001-4003) are raised."""
    platform = receiver_of(hub, await hub.directory.current(), onward)
    endpoint = platform.endpoint(onward.module, onward.side)
    if endpoint is None:
        message = f"{onward.to} serves no {onward.module} {onward.side}"
        raise OcpiError(NO_MATCHING_ENDPOINTS, 200, message)
    answer = await peer.ask(
        hub,
        platform,
        Request(
            method=onward.method,
            url=address(endpoint, onward.suffix, onward.query_string),
            body=body_for(hub, onward, platform),
            routing=Routing(onward.to, onward.from_),
            correlation_id=onward.correlation_id,
            module=onward.module,
            timeout_s=onward.timeout_s,
        ),
    )
    if answer.envelope is None:
        raise peer.refusal(answer)
    return answer


def body_for(hub: Hub, onward: Onward, platform: Platform) -> bytes | None:
    """The raw body for the same version, else the same meaning in the receiver's version."""
    if onward.body is None or platform.version in {None, onward.version}:
        return onward.body
    if onward.body_kind is None or platform.version is None:
        return onward.body
    value = hub.wire.decode(onward.version, onward.body_kind, onward.body)
    body, _ = hub.wire.encode(platform.version, value)
    return body


def address(endpoint: str, suffix: str, query_string: str = "") -> str:
    """The advertised endpoint as it is, with what follows it."""
    url = endpoint.rstrip("/") + suffix if suffix else endpoint
    if not query_string:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query_string}"
