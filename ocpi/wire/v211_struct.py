"""The structs of OCPI 2.1.1 that differ from the model: flat, without owners, without VAT."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

from ocpi.model import command
from ocpi.model.cdr import CdrDimension
from ocpi.model.credentials import Credentials
from ocpi.model.location import (
    EVSE,
    BusinessDetails,
    EnergyMix,
    Hours,
    Location,
)
from ocpi.model.scalar import (
    CountryCode,
    Currency,
    DisplayText,
    Id,
    Moment,
    Number,
    PartyCode,
    Url,
    Value,
    Whole,
)
from ocpi.model.tariff import PriceComponent, Tariff, TariffElement, TariffRestrictions
from ocpi.model.token import LocationReferences
from ocpi.wire.shape import variant

OldId = Annotated[str, Meta(min_length=1, max_length=39)]
"""Locations and EVSEs had three characters more than later."""

_OWNER: Final = frozenset({"country_code", "party_id"})


class Connector(Value, frozen=True, kw_only=True):
    """OCPI 2.1.1 mod_locations Connector."""

    id: Id
    standard: str
    format: str
    power_type: str
    voltage: Whole
    amperage: Whole
    tariff_id: Id | None = None
    terms_and_conditions: Url | None = None
    last_updated: Moment


class EnvironmentalImpact(Value, frozen=True, kw_only=True):
    """OCPI 2.1.1 mod_locations EnvironmentalImpact: what is now ``category`` was ``source``."""

    source: str
    amount: Number


EvseWire: Final[Any] = variant(
    EVSE,
    {"uid": OldId, "connectors": tuple[Connector, ...]},
    without=frozenset({"parking", "accepted_service_providers"}),
)
EnergyMixWire: Final[Any] = variant(EnergyMix, {"environ_impact": tuple[EnvironmentalImpact, ...]})
HoursWire: Final[Any] = variant(
    Hours, {"twentyfourseven": bool | None}, absent=frozenset({"twentyfourseven"})
)
LocationWire: Final[Any] = variant(
    Location,
    {
        "id": OldId,
        "postal_code": str,
        "evses": tuple[EvseWire, ...],
        "time_zone": str | None,
        "opening_times": HoursWire | None,
        "energy_mix": EnergyMixWire | None,
    },
    without=_OWNER
    | {"publish", "publish_allowed_to", "state", "parking_type", "parking_places", "help_phone"},
    more={"type": str},
    absent=frozenset({"time_zone"}),
)

PriceComponentWire: Final[Any] = variant(PriceComponent, {}, without=frozenset({"vat"}))
RestrictionsWire: Final[Any] = variant(
    TariffRestrictions, {}, without=frozenset({"min_current", "max_current", "reservation"})
)
ElementWire: Final[Any] = variant(
    TariffElement,
    {
        "price_components": tuple[PriceComponentWire, ...],
        "restrictions": RestrictionsWire | None,
    },
)
TariffWire: Final[Any] = variant(
    Tariff,
    {"elements": tuple[ElementWire, ...], "energy_mix": EnergyMixWire | None},
    without=_OWNER
    | {"type", "min_price", "max_price", "preauthorize_amount", "tax_included"}
    | {"start_date_time", "end_date_time"},
)


class Token(Value, frozen=True, kw_only=True):
    """OCPI 2.1.1 mod_tokens Token."""

    uid: Id
    type: str
    auth_id: Id
    visual_number: str | None = None
    issuer: str
    valid: bool
    whitelist: str
    language: str | None = None
    last_updated: Moment


class ChargingPeriod(Value, frozen=True, kw_only=True):
    """OCPI 2.1.1 mod_cdrs ChargingPeriod."""

    start_date_time: Moment
    dimensions: tuple[CdrDimension, ...]


class Cdr(Value, frozen=True, kw_only=True):
    """OCPI 2.1.1 mod_cdrs CDR."""

    id: Id
    start_date_time: Moment
    stop_date_time: Moment
    auth_id: Id
    auth_method: str
    location: LocationWire
    meter_id: str | None = None
    currency: Currency
    tariffs: tuple[TariffWire, ...] = ()
    charging_periods: tuple[ChargingPeriod, ...]
    total_cost: Number
    total_energy: Number
    total_time: Number
    total_parking_time: Number | None = None
    remark: str | None = None
    last_updated: Moment


class Session(Value, frozen=True, kw_only=True):
    """OCPI 2.1.1 mod_sessions Session; its two times are spelt unlike those of a CDR."""

    id: Id
    start_datetime: Moment
    end_datetime: Moment | None = None
    kwh: Number
    auth_id: Id
    auth_method: str
    location: LocationWire
    meter_id: str | None = None
    currency: Currency
    charging_periods: tuple[ChargingPeriod, ...] = ()
    total_cost: Number | None = None
    status: str
    last_updated: Moment


class AuthorizationInfo(Value, frozen=True, kw_only=True):
    """OCPI 2.1.1 mod_tokens AuthorizationInfo: without the token."""

    allowed: str
    location: LocationReferences | None = None
    info: DisplayText | None = None


CredentialsWire: Final[Any] = variant(
    Credentials,
    {},
    without=frozenset({"hub_party_id", "roles"}),
    more={
        "business_details": BusinessDetails,
        "party_id": PartyCode,
        "country_code": CountryCode,
    },
)

_AUTHORIZED: Final = frozenset({"authorization_reference"})
StartSessionWire: Final[Any] = variant(
    command.StartSession,
    {"token": Token, "location_id": OldId, "evse_uid": OldId | None},
    without=_AUTHORIZED | {"connector_id"},
)
ReserveNowWire: Final[Any] = variant(
    command.ReserveNow,
    {"token": Token, "location_id": OldId, "evse_uid": OldId | None, "reservation_id": int},
    without=_AUTHORIZED,
)


class CommandAnswer(Value, frozen=True, kw_only=True):
    """OCPI 2.1.1 mod_commands CommandResponse: the answer at once and the outcome alike."""

    result: str
