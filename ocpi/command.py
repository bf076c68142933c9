"""Commands on their way: what they address, whose answer is awaited (OCPI 2.2.1 mod_commands)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

import msgspec

from ocpi.errors import invalid, not_json
from ocpi.model.command import (
    CancelReservation,
    Command,
    CommandResponseType,
    CommandType,
    ReserveNow,
    StartSession,
    StopSession,
    UnlockConnector,
)

TYPES: Final[Mapping[str, type[Command]]] = {
    CommandType.START_SESSION: StartSession,
    CommandType.STOP_SESSION: StopSession,
    CommandType.RESERVE_NOW: ReserveNow,
    CommandType.CANCEL_RESERVATION: CancelReservation,
    CommandType.UNLOCK_CONNECTOR: UnlockConnector,
}

TIMEOUT_S_MAX: Final = 600
"""No partner makes the hub wait longer for a result, whatever timeout it states."""

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a command is about; the owner of the first one given is its receiver."""

    location_id: str | None = None
    evse_uid: str | None = None
    connector_id: str | None = None
    session_id: str | None = None
    reservation_id: str | None = None


class State(Enum):
    """Where a forwarded command stands."""

    SENT = "SENT"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    ANSWERED = "ANSWERED"
    TIMED_OUT = "TIMED_OUT"


class Event(Enum):
    """What may happen to it."""

    RESPONSE_ACCEPTED = "RESPONSE_ACCEPTED"
    RESPONSE_OTHER = "RESPONSE_OTHER"
    RESULT = "RESULT"
    DEADLINE = "DEADLINE"


# A result may overtake the response on another connection; a late or second one changes nothing.
STEPS: Final[Mapping[tuple[State, Event], State]] = {
    (State.SENT, Event.RESPONSE_ACCEPTED): State.ACCEPTED,
    (State.SENT, Event.RESPONSE_OTHER): State.REFUSED,
    (State.SENT, Event.RESULT): State.ANSWERED,
    (State.SENT, Event.DEADLINE): State.TIMED_OUT,
    (State.ACCEPTED, Event.RESULT): State.ANSWERED,
    (State.ACCEPTED, Event.DEADLINE): State.TIMED_OUT,
}


def kind(command: str) -> str:
    """Give the codec's kind of a command in a URL, or refuse an unknown command."""
    if command not in TYPES:
        raise invalid("command", f"{command[:40]!r} is not a command of this version")
    return f"command.{command}"


def target(command: Command) -> Target:
    """Give what the command is about."""
    match command:
        case StartSession():
            if command.connector_id is not None and command.evse_uid is None:
                raise invalid("evse_uid", "the field is required when connector_id is given")
            return Target(
                location_id=command.location_id,
                evse_uid=command.evse_uid,
                connector_id=command.connector_id,
            )
        case ReserveNow():
            return Target(
                location_id=command.location_id,
                evse_uid=command.evse_uid,
                reservation_id=command.reservation_id,
            )
        case UnlockConnector():
            return Target(
                location_id=command.location_id,
                evse_uid=command.evse_uid,
                connector_id=command.connector_id,
            )
        case StopSession():
            return Target(session_id=command.session_id)
        case CancelReservation():
            return Target(reservation_id=command.reservation_id)


def response_event(result: str) -> Event:
    """Give the event of a CommandResponse; anything but ACCEPTED ends the command."""
    accepted = result == CommandResponseType.ACCEPTED
    return Event.RESPONSE_ACCEPTED if accepted else Event.RESPONSE_OTHER


def advance(state: State, event: Event) -> State:
    """Give the state after the event; what comes too late leaves it as it is."""
    return STEPS.get((state, event), state)


def wait_s(timeout: int) -> int:
    """Give how long to wait for the result, from the timeout the CPO stated."""
    return max(1, min(timeout, TIMEOUT_S_MAX))


def with_response_url(raw: bytes, url: str) -> bytes:
    """Give the body with the hub's own ``response_url`` in place, everything else untouched."""
    try:
        fields = _FIELDS.decode(raw)
    except msgspec.ValidationError:
        raise invalid("body", "an object is expected") from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise not_json(str(error)) from None
    fields["response_url"] = msgspec.Raw(msgspec.json.encode(url))
    return msgspec.json.encode(fields)
