"""Commands to a CPO, their answers and results (OCPI 2.3.0 mod_commands)."""

from __future__ import annotations

from typing import Final, TypeAlias

from ocpi.model.scalar import DisplayText, Id, Moment, Url, Value, Whole
from ocpi.model.token import Token


class CommandType:
    """The commands."""

    CANCEL_RESERVATION: Final = "CANCEL_RESERVATION"
    RESERVE_NOW: Final = "RESERVE_NOW"
    START_SESSION: Final = "START_SESSION"
    STOP_SESSION: Final = "STOP_SESSION"
    UNLOCK_CONNECTOR: Final = "UNLOCK_CONNECTOR"


class CommandResponseType:
    """The CPO's immediate answer."""

    ACCEPTED: Final = "ACCEPTED"
    NOT_SUPPORTED: Final = "NOT_SUPPORTED"
    REJECTED: Final = "REJECTED"
    UNKNOWN_SESSION: Final = "UNKNOWN_SESSION"


class CommandResultType:
    """What the station did in the end."""

    ACCEPTED: Final = "ACCEPTED"
    CANCELED_RESERVATION: Final = "CANCELED_RESERVATION"
    EVSE_OCCUPIED: Final = "EVSE_OCCUPIED"
    EVSE_INOPERATIVE: Final = "EVSE_INOPERATIVE"
    FAILED: Final = "FAILED"
    NOT_SUPPORTED: Final = "NOT_SUPPORTED"
    REJECTED: Final = "REJECTED"
    TIMEOUT: Final = "TIMEOUT"
    UNKNOWN_RESERVATION: Final = "UNKNOWN_RESERVATION"


class StartSession(Value, frozen=True, kw_only=True):
    """Start charging for a token."""

    response_url: Url
    token: Token
    location_id: Id
    evse_uid: Id | None = None
    connector_id: Id | None = None
    authorization_reference: Id | None = None


class StopSession(Value, frozen=True, kw_only=True):
    """End a session."""

    response_url: Url
    session_id: Id


class ReserveNow(Value, frozen=True, kw_only=True):
    """Hold an EVSE for a token."""

    response_url: Url
    token: Token
    expiry_date: Moment
    reservation_id: Id
    location_id: Id
    evse_uid: Id | None = None
    authorization_reference: Id | None = None


class CancelReservation(Value, frozen=True, kw_only=True):
    """Give a held EVSE free."""

    response_url: Url
    reservation_id: Id


class UnlockConnector(Value, frozen=True, kw_only=True):
    """Release a stuck plug."""

    response_url: Url
    location_id: Id
    evse_uid: Id
    connector_id: Id


Command: TypeAlias = StartSession | StopSession | ReserveNow | CancelReservation | UnlockConnector


class CommandResponse(Value, frozen=True, kw_only=True):
    """The CPO's answer at once."""

    result: str
    timeout: Whole
    message: tuple[DisplayText, ...] = ()


class CommandResult(Value, frozen=True, kw_only=True):
    """The outcome, sent later to the ``response_url``."""

    result: str
    message: tuple[DisplayText, ...] = ()
