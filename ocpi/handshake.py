"""Registration: who may do what to credentials in which state (OCPI 2.2.1 credentials).

    state       GET    POST       PUT      DELETE
    INVITED     show   register   405      405        TOKEN_A: versions, credentials, no more
    REGISTERED  show   405        update   remove     TOKEN_C: everything
    SUSPENDED   show   405        update   remove     TOKEN_C: versions, credentials, no more
    (none)      401 for everything

Registering fetches the partner's versions and endpoints while its request is open; so does an
update, which is also how a partner changes its version or its token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from ocpi import envelope
from ocpi.errors import (
    CLIENT_ERROR,
    NO_MATCHING_ENDPOINTS,
    UNSUPPORTED_VERSION,
    UNUSABLE_API,
    OcpiError,
    invalid,
)
from ocpi.model.credentials import Credentials, Endpoint, ModuleID, Version, VersionDetails
from ocpi.model.party import PartyId, Role, party


class State(Enum):
    """Where a partner's platform stands."""

    INVITED = "INVITED"
    REGISTERED = "REGISTERED"
    SUSPENDED = "SUSPENDED"


class Step(Enum):
    """What a credentials request makes happen."""

    SHOW = "show"
    REGISTER = "register"
    UPDATE = "update"
    REMOVE = "remove"


STEPS: Final[Mapping[tuple[State, str], Step]] = {
    (State.INVITED, "GET"): Step.SHOW,
    (State.INVITED, "POST"): Step.REGISTER,
    (State.REGISTERED, "GET"): Step.SHOW,
    (State.REGISTERED, "PUT"): Step.UPDATE,
    (State.REGISTERED, "DELETE"): Step.REMOVE,
    (State.SUSPENDED, "GET"): Step.SHOW,
    (State.SUSPENDED, "PUT"): Step.UPDATE,
    (State.SUSPENDED, "DELETE"): Step.REMOVE,
}

Decode = Callable[[str, bytes], Any]
"""A codec bound to the version that both answers are written in: (kind, body) → value."""
OPEN_MODULES: Final = frozenset({ModuleID.VERSIONS, ModuleID.CREDENTIALS})
"""All that a platform which is not fully registered may call."""

_S, _R = "SENDER", "RECEIVER"

USABLE: Final[Mapping[str, frozenset[tuple[str, str]]]] = {
    Role.CPO: frozenset(
        {
            *(("locations", _S), ("tariffs", _S), ("sessions", _S), ("cdrs", _S)),
            *(("tokens", _R), ("commands", _R), ("chargingprofiles", _R)),
        }
    ),
    Role.EMSP: frozenset(
        {
            *(("tokens", _S), ("commands", _S), ("chargingprofiles", _S)),
            *(("locations", _R), ("tariffs", _R), ("sessions", _R), ("cdrs", _R)),
        }
    ),
    Role.NSP: frozenset({("locations", _R), ("tariffs", _R)}),
    Role.NAP: frozenset({("locations", _R), ("tariffs", _R)}),
    Role.SCSP: frozenset({("chargingprofiles", _S), ("sessions", _R)}),
}
"""Endpoints a role is there for; a platform must offer at least one for each role it claims."""

ADVISED: Final[Mapping[str, frozenset[tuple[str, str]]]] = {
    Role.CPO: frozenset({("locations", _S), ("tokens", _R), ("commands", _R), ("tariffs", _S)}),
    Role.EMSP: frozenset({("tokens", _S), ("locations", _R), ("sessions", _R), ("cdrs", _R)}),
}
"""Endpoints whose absence is worth a word to the operator, and no refusal."""


def step(state: State, method: str) -> Step:
    """Give what the request makes happen, or 405 (OCPI 2.2.1 credentials §POST, §PUT, §DELETE)."""
    found = STEPS.get((state, method))
    if found is None:
        registered = state is not State.INVITED
        hint = "already registered: use PUT" if registered else "not registered yet: use POST"
        raise OcpiError(CLIENT_ERROR, 405, f"{method} credentials is not allowed: {hint}")
    return found


def check_module(state: State, module: str) -> None:
    """Refuse with 401 what TOKEN_A (or a suspended platform) may not call."""
    if state is not State.REGISTERED and module not in OPEN_MODULES:
        what = "registration is not complete" if state is State.INVITED else "access is suspended"
        raise OcpiError(CLIENT_ERROR, 401, f"{module}: {what}")


def pick_version(
    decode: Decode, answer: bytes, ours: Sequence[str], wanted: str | None = None
) -> Version:
    """Give the newest version that both sides speak; 3001 or 3002 where that fails."""
    versions: tuple[Version, ...] = _read(decode, answer, "versions", is_list=True)
    spoken = {version.version: version for version in versions}
    for candidate in reversed(ours) if wanted is None else (wanted,):
        if candidate in spoken and candidate in ours:
            return spoken[candidate]
    offered = ", ".join(sorted(spoken)) or "none"
    message = f"no common version: the partner offers {offered}, the hub {', '.join(ours)}"
    raise OcpiError(UNSUPPORTED_VERSION, 200, message)


def pick_endpoints(decode: Decode, answer: bytes, roles: Iterable[str]) -> tuple[Endpoint, ...]:
    """Give the partner's endpoints; 3001 if they cannot be read, 3003 if a role has none."""
    details: VersionDetails = _read(decode, answer, "version_details", is_list=False)
    offered = {(endpoint.identifier, endpoint.role) for endpoint in details.endpoints}
    if not any(identifier == ModuleID.CREDENTIALS for identifier, _ in offered):
        raise OcpiError(NO_MATCHING_ENDPOINTS, 200, "endpoints: credentials is missing")
    for role in sorted(set(roles)):
        usable = USABLE.get(role)
        if usable is not None and usable.isdisjoint(offered):
            named = ", ".join(f"{module} {side}" for module, side in sorted(usable))
            message = f"endpoints: role {role} needs at least one of {named}"
            raise OcpiError(NO_MATCHING_ENDPOINTS, 200, message)
    return details.endpoints


def advised_missing(
    endpoints: Iterable[Endpoint], roles: Iterable[str]
) -> tuple[tuple[str, str], ...]:
    """Give the endpoints a partner of these roles usually has and this one has not."""
    offered = {(endpoint.identifier, endpoint.role) for endpoint in endpoints}
    wanted = {pair for role in roles for pair in ADVISED.get(role, frozenset())}
    return tuple(sorted(wanted - offered))


def parties(credentials: Credentials, hub: PartyId) -> dict[PartyId, frozenset[str]]:
    """Give the roles of each party on a platform; the hub's own id and doubles are refused."""
    found: dict[PartyId, frozenset[str]] = {}
    for index, role in enumerate(credentials.roles):
        who = party(role.country_code, role.party_id)
        if who == hub:
            raise invalid(f"roles[{index}].party_id", f"{who} is the hub itself")
        if role.role in found.get(who, frozenset()):
            raise invalid(f"roles[{index}]", f"{role.role} {who} is named twice")
        found[who] = found.get(who, frozenset()) | {role.role}
    return found


def _read(decode: Decode, answer: bytes, kind: str, *, is_list: bool) -> Any:
    try:
        return decode(kind, _data(answer, is_list=is_list))
    except OcpiError as error:
        message = f"the partner's {kind.replace('_', ' ')} cannot be used: {error.message}"
        raise OcpiError(UNUSABLE_API, 200, message) from None


def _data(answer: bytes, *, is_list: bool) -> bytes:
    read = envelope.read(answer)
    if not read.is_success:
        text = f"status {read.status_code} {read.status_message or ''}".rstrip()
        raise OcpiError(UNUSABLE_API, 200, text)
    data = read.data if is_list else envelope.single(read.data)
    if data is None:
        raise OcpiError(UNUSABLE_API, 200, "no data")
    return data
