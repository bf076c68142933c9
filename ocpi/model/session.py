"""Sessions and charging preferences (OCPI 2.3.0 mod_sessions)."""

from __future__ import annotations

from typing import Final

from ocpi.model.cdr import CdrToken, ChargingPeriod
from ocpi.model.price import Price
from ocpi.model.scalar import CountryCode, Currency, Id, Moment, Number, PartyCode, Value


class SessionStatus:
    """The life of a session."""

    ACTIVE: Final = "ACTIVE"
    COMPLETED: Final = "COMPLETED"
    INVALID: Final = "INVALID"
    PENDING: Final = "PENDING"
    RESERVATION: Final = "RESERVATION"


class ChargingPreferencesResponse:
    """Answers to charging preferences; the answer's ``data`` is this bare string."""

    ACCEPTED: Final = "ACCEPTED"
    DEPARTURE_REQUIRED: Final = "DEPARTURE_REQUIRED"
    ENERGY_NEED_REQUIRED: Final = "ENERGY_NEED_REQUIRED"
    NOT_POSSIBLE: Final = "NOT_POSSIBLE"
    PROFILE_TYPE_NOT_SUPPORTED: Final = "PROFILE_TYPE_NOT_SUPPORTED"


class ChargingPreferences(Value, frozen=True, kw_only=True):
    """What the driver wishes for the running session."""

    profile_type: str
    departure_time: Moment | None = None
    energy_need: Number | None = None
    discharge_allowed: bool | None = None


class Session(Value, frozen=True, kw_only=True):
    """A charging session as the CPO sees it."""

    country_code: CountryCode
    party_id: PartyCode
    id: Id
    start_date_time: Moment
    end_date_time: Moment | None = None
    kwh: Number
    cdr_token: CdrToken
    auth_method: str
    authorization_reference: Id | None = None
    location_id: Id
    evse_uid: Id
    connector_id: Id
    meter_id: str | None = None
    currency: Currency
    charging_periods: tuple[ChargingPeriod, ...] = ()
    total_cost: Price | None = None
    status: str
    last_updated: Moment
