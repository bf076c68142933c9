"""Charging profiles (OCPI 2.3.0 mod_charging_profiles)."""

from __future__ import annotations

from typing import Final

from ocpi.model.scalar import Moment, Number, Url, Value, Whole


class ChargingRateUnit:
    """The unit of a profile's limits."""

    W: Final = "W"
    A: Final = "A"


class ChargingProfileResponseType:
    """The CPO's immediate answer."""

    ACCEPTED: Final = "ACCEPTED"
    NOT_SUPPORTED: Final = "NOT_SUPPORTED"
    REJECTED: Final = "REJECTED"
    TOO_OFTEN: Final = "TOO_OFTEN"
    UNKNOWN_SESSION: Final = "UNKNOWN_SESSION"


class ChargingProfileResultType:
    """What the EVSE did in the end."""

    ACCEPTED: Final = "ACCEPTED"
    REJECTED: Final = "REJECTED"
    UNKNOWN: Final = "UNKNOWN"


class ChargingProfilePeriod(Value, frozen=True, kw_only=True):
    """A limit from ``start_period`` seconds on."""

    start_period: Whole
    limit: Number


class ChargingProfile(Value, frozen=True, kw_only=True):
    """Limits of power or current over time."""

    start_date_time: Moment | None = None
    duration: Whole | None = None
    charging_rate_unit: str
    min_charging_rate: Number | None = None
    charging_profile_period: tuple[ChargingProfilePeriod, ...] = ()


class SetChargingProfile(Value, frozen=True, kw_only=True):
    """The request to apply a profile."""

    charging_profile: ChargingProfile
    response_url: Url


class ActiveChargingProfile(Value, frozen=True, kw_only=True):
    """The profile a station really follows."""

    start_date_time: Moment
    charging_profile: ChargingProfile


class ChargingProfileResponse(Value, frozen=True, kw_only=True):
    """The CPO's answer at once."""

    result: str
    timeout: Whole


class ActiveChargingProfileResult(Value, frozen=True, kw_only=True):
    """The outcome of asking for the active profile."""

    result: str
    profile: ActiveChargingProfile | None = None


class ChargingProfileResult(Value, frozen=True, kw_only=True):
    """The outcome of setting a profile."""

    result: str


class ClearProfileResult(Value, frozen=True, kw_only=True):
    """The outcome of clearing a profile."""

    result: str
