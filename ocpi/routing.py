"""Where a message goes (OCPI 2.2.1 transport §Message routing): one table, one short interpreter.

A request names its receiver in the to-headers: a party (direct), the hub (broadcast push, or
GET-all on a Sender interface), or nobody (open routing: the content decides). ``decide`` looks at
no store: it gets the caller's parties and a way to ask how a receiver is connected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, TypeAlias

import msgspec

from ocpi.errors import INVALID_PARAMETERS, NOT_CONNECTED, UNKNOWN_RECEIVER, OcpiError, invalid
from ocpi.header import Routing
from ocpi.model.client_info import ConnectionStatus
from ocpi.model.party import PartyId, Role


class By(Enum):
    """What in the content names the receiver of an open request."""

    LOCATION = "the CPO that owns the location in the URL"
    SESSION = "the other side of the session in the URL"
    TOKEN = "the issuer of the token in the URL, else every candidate"  # noqa: S105 - prose
    CDR_TOKEN = "the owner of cdr_token"  # noqa: S105 - prose
    COMMAND = "the CPO that owns what the command is about"


class Answer(msgspec.Struct, frozen=True):
    """The hub answers by itself."""

    from_: PartyId | None


class Forward(msgspec.Struct, frozen=True):
    """One receiver, named by the sender; its answer is passed back unchanged."""

    to: PartyId
    from_: PartyId


class Broadcast(msgspec.Struct, frozen=True):
    """Every connected party in one of the roles that implements the module, but not the sender."""

    from_: PartyId
    roles: frozenset[str]


class OpenRoute(msgspec.Struct, frozen=True):
    """The hub finds the receiver in the content."""

    from_: PartyId
    by: By


class Refuse(msgspec.Struct, frozen=True):
    """The message goes nowhere."""

    error: OcpiError


Decision: TypeAlias = Answer | Forward | Broadcast | OpenRoute | Refuse


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What of a message matters for its way."""

    module: str
    interface: str
    method: str
    is_list: bool = False
    routing: Routing = Routing()
    owner: PartyId | None = None
    """The party in the URL, where the URL has one."""


class _All(Enum):
    """What the hub does with a message that names the hub or nobody."""

    ANSWER = 1
    BROADCAST = 2


_S, _R = "SENDER", "RECEIVER"
_ANSWER, _BROADCAST = _All.ANSWER, _All.BROADCAST

# (module, interface, method, is a list): to the hub or to nobody
UNADDRESSED: Final[Mapping[tuple[str, str, str, bool], _All | By]] = {
    ("locations", _S, "GET", True): _ANSWER,
    ("locations", _S, "GET", False): By.LOCATION,
    ("locations", _R, "GET", False): _ANSWER,
    ("locations", _R, "PUT", False): _BROADCAST,
    ("locations", _R, "PATCH", False): _BROADCAST,
    ("tariffs", _S, "GET", True): _ANSWER,
    ("tariffs", _R, "GET", False): _ANSWER,
    ("tariffs", _R, "PUT", False): _BROADCAST,
    ("tariffs", _R, "DELETE", False): _BROADCAST,
    ("tokens", _S, "GET", True): _ANSWER,
    ("tokens", _S, "POST", False): By.TOKEN,
    ("tokens", _R, "GET", False): _ANSWER,
    ("tokens", _R, "PUT", False): _BROADCAST,
    ("tokens", _R, "PATCH", False): _BROADCAST,
    ("sessions", _S, "GET", True): _ANSWER,
    ("sessions", _S, "PUT", False): By.SESSION,
    ("sessions", _R, "GET", False): _ANSWER,
    ("sessions", _R, "PUT", False): By.CDR_TOKEN,
    ("sessions", _R, "PATCH", False): By.SESSION,
    ("cdrs", _S, "GET", True): _ANSWER,
    ("cdrs", _R, "GET", False): _ANSWER,
    ("cdrs", _R, "POST", False): By.CDR_TOKEN,
    ("commands", _R, "POST", False): By.COMMAND,
    ("commands", _S, "POST", False): _ANSWER,
    ("chargingprofiles", _R, "GET", False): By.SESSION,
    ("chargingprofiles", _R, "PUT", False): By.SESSION,
    ("chargingprofiles", _R, "DELETE", False): By.SESSION,
    ("chargingprofiles", _S, "POST", False): _ANSWER,
    ("chargingprofiles", _S, "PUT", False): By.SESSION,
}

UNROUTED: Final = frozenset({"versions", "credentials", "hubclientinfo"})
"""Between platform and hub only; routing headers mean nothing there and are not looked at."""

OWNERS: Final[Mapping[str, frozenset[str]]] = {
    "locations": frozenset({Role.CPO}),
    "tariffs": frozenset({Role.CPO}),
    "sessions": frozenset({Role.CPO}),
    "cdrs": frozenset({Role.CPO}),
    "tokens": frozenset({Role.EMSP, Role.OTHER}),
}
"""Who may push a module's objects."""

AUDIENCE: Final[Mapping[str, frozenset[str]]] = {
    "locations": frozenset({Role.EMSP, Role.NAP, Role.NSP, Role.OTHER, Role.SCSP}),
    "tariffs": frozenset({Role.EMSP, Role.NAP, Role.NSP, Role.OTHER}),
    "tokens": frozenset({Role.CPO}),
}
"""Who hears a broadcast: the opposite roles; OTHER counts as a demand side. Sessions and CDRs
concern one party and are in no audience."""

_PUSHES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def decide(
    request: Request,
    caller: Mapping[PartyId, frozenset[str]],
    hub: PartyId,
    status_of: Callable[[PartyId], str | None],
) -> Decision:
    """Tell where a message goes; ``caller`` maps the platform's own parties to their roles."""
    if request.module in UNROUTED:
        return Answer(None)
    try:
        sender = requester(request, caller)
        _check_owner(request, caller, sender)
        _check_role(request, caller[sender])
        return _route(request, sender, hub, status_of)
    except OcpiError as error:
        return Refuse(error)


def requester(request: Request, caller: Mapping[PartyId, frozenset[str]]) -> PartyId:
    """Give the party that speaks: the from-headers, else the only or the URL's party of theirs."""
    named = request.routing.from_
    if named is not None:
        if named not in caller:
            raise invalid("OCPI-from-party-id", f"{named} is not a party of these credentials")
        return named
    if request.owner is not None and request.owner in caller:
        return request.owner
    if len(caller) == 1:
        return next(iter(caller))
    raise invalid("OCPI-from-party-id", "needed where credentials hold several parties")


def _check_owner(
    request: Request, caller: Mapping[PartyId, frozenset[str]], sender: PartyId
) -> None:
    """Refuse objects of others: the URL, the headers and the credentials must agree."""
    if request.owner is None or request.interface != _R:
        return
    if request.owner not in caller:
        message = f"country_code, party_id: {request.owner} is not a party of these credentials"
        raise OcpiError(INVALID_PARAMETERS, 404, message, field="party_id")
    if request.owner != sender:
        raise invalid("party_id", f"the URL says {request.owner}, the from-headers say {sender}")


def _check_role(request: Request, roles: frozenset[str]) -> None:
    owners = OWNERS.get(request.module)
    pushes = request.interface == _R and request.method in _PUSHES
    if pushes and owners is not None and roles.isdisjoint(owners):
        needed = " or ".join(sorted(owners))
        raise invalid("OCPI-from-party-id", f"only a {needed} publishes {request.module}")


def _route(
    request: Request,
    sender: PartyId,
    hub: PartyId,
    status_of: Callable[[PartyId], str | None],
) -> Decision:
    key = (request.module, request.interface, request.method, request.is_list)
    action = UNADDRESSED.get(key)
    if action is None:
        message = f"{request.method} is not defined on this side of {request.module}"
        raise OcpiError(INVALID_PARAMETERS, 405, message)
    receiver = request.routing.to
    if receiver is not None and receiver != hub:
        return _direct(receiver, sender, status_of)
    if isinstance(action, By):
        return OpenRoute(sender, action)
    if action is _All.BROADCAST:
        return Broadcast(sender, AUDIENCE[request.module])
    return Answer(sender)


def _direct(
    receiver: PartyId, sender: PartyId, status_of: Callable[[PartyId], str | None]
) -> Decision:
    status = status_of(receiver)
    if status is None:
        raise OcpiError(UNKNOWN_RECEIVER, 200, f"OCPI-to-party-id: {receiver} is not known here")
    if status != ConnectionStatus.CONNECTED:
        raise OcpiError(NOT_CONNECTED, 200, f"OCPI-to-party-id: {receiver} is {status}")
    return Forward(receiver, sender)


def onward(decision: Forward | Broadcast | OpenRoute, receiver: PartyId, hub: PartyId) -> Routing:
    """Give the routing headers of the message to a receiver: a broadcast comes from the hub."""
    return Routing(receiver, hub if isinstance(decision, Broadcast) else decision.from_)


def reply(decision: Decision, hub: PartyId, receiver: PartyId | None = None) -> Routing:
    """Give the routing headers of the answer: from whoever answered, else from the hub."""
    match decision:
        case Forward(to=to, from_=sender):
            return Routing(sender, to)
        case OpenRoute(from_=sender):
            return Routing(sender, receiver or hub)
        case Broadcast(from_=sender):
            return Routing(sender, hub)
        case Answer(from_=sender):
            return Routing() if sender is None else Routing(sender, hub)
        case Refuse():
            return Routing(None, hub)
