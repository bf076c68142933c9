"""Charge detail records and the parts they share with sessions (OCPI 2.3.0 mod_cdrs)."""

from __future__ import annotations

from typing import Final

import msgspec

from ocpi.model.location import GeoLocation
from ocpi.model.price import Price
from ocpi.model.scalar import (
    CdrId,
    CountryCode,
    Currency,
    EvseId,
    Id,
    Moment,
    Number,
    PartyCode,
    Value,
)
from ocpi.model.tariff import Tariff


class AuthMethod:
    """How a session was authorised."""

    AUTH_REQUEST: Final = "AUTH_REQUEST"
    COMMAND: Final = "COMMAND"
    WHITELIST: Final = "WHITELIST"


class CdrDimensionType:
    """What a charging period measures; FLAT only in 2.1.1."""

    CURRENT: Final = "CURRENT"
    ENERGY: Final = "ENERGY"
    ENERGY_EXPORT: Final = "ENERGY_EXPORT"
    ENERGY_IMPORT: Final = "ENERGY_IMPORT"
    FLAT: Final = "FLAT"
    MAX_CURRENT: Final = "MAX_CURRENT"
    MIN_CURRENT: Final = "MIN_CURRENT"
    MAX_POWER: Final = "MAX_POWER"
    MIN_POWER: Final = "MIN_POWER"
    PARKING_TIME: Final = "PARKING_TIME"
    POWER: Final = "POWER"
    RESERVATION_TIME: Final = "RESERVATION_TIME"
    STATE_OF_CHARGE: Final = "STATE_OF_CHARGE"
    TIME: Final = "TIME"


class CdrDimension(Value, frozen=True, kw_only=True):
    """One measured quantity of a period."""

    type: str
    volume: Number


class ChargingPeriod(Value, frozen=True, kw_only=True):
    """A stretch of a session; it ends where the next one starts."""

    start_date_time: Moment
    dimensions: tuple[CdrDimension, ...]
    tariff_id: Id | None = None


class CdrToken(Value, frozen=True, kw_only=True):
    """The token a session was started with, as it was then."""

    country_code: CountryCode
    party_id: PartyCode
    uid: Id
    type: str
    contract_id: Id


NOT_AVAILABLE: Final = "#NA"
"""What stands for an EVSE that a CDR does not name (mod_cdrs "CdrLocation")."""


def _unnamed() -> str:
    return NOT_AVAILABLE  # made, not a default: it is written out again where it is required


class CdrLocation(Value, frozen=True, kw_only=True):
    """Where a session took place, as it was then.

    Two widespread implementations have no ``evse_uid`` here although it is required. A CDR is
    money: it is read as not available.
    """

    id: Id
    name: str | None = None
    address: str
    city: str
    postal_code: str | None = None
    state: str | None = None
    country: str
    coordinates: GeoLocation
    evse_uid: Id = msgspec.field(default_factory=_unnamed)
    evse_id: EvseId
    connector_id: Id
    connector_standard: str
    connector_format: str
    connector_power_type: str


class SignedValue(Value, frozen=True, kw_only=True):
    """A meter value with its signature."""

    nature: str
    plain_data: str
    signed_data: str


class SignedData(Value, frozen=True, kw_only=True):
    """Signed meter values and what is needed to check them."""

    encoding_method: str
    encoding_method_version: int | None = None
    public_key: str | None = None
    signed_values: tuple[SignedValue, ...]
    url: str | None = None


class Cdr(Value, frozen=True, kw_only=True):
    """The record of a finished session; it never changes, corrections are credit CDRs."""

    country_code: CountryCode
    party_id: PartyCode
    id: CdrId
    start_date_time: Moment
    end_date_time: Moment
    session_id: Id | None = None
    cdr_token: CdrToken
    auth_method: str
    authorization_reference: Id | None = None
    cdr_location: CdrLocation
    meter_id: str | None = None
    currency: Currency
    tariffs: tuple[Tariff, ...] = ()
    charging_periods: tuple[ChargingPeriod, ...]
    signed_data: SignedData | None = None
    total_cost: Price
    total_fixed_cost: Price | None = None
    total_energy: Number
    total_energy_cost: Price | None = None
    total_time: Number
    total_time_cost: Price | None = None
    total_parking_time: Number | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None
    remark: str | None = None
    invoice_reference_id: CdrId | None = None
    credit: bool | None = None
    credit_reference_id: CdrId | None = None
    home_charging_compensation: bool | None = None
    booking_id: Id | None = None
    last_updated: Moment
