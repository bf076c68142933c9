"""Locations, EVSEs and connectors (OCPI 2.3.0 mod_locations)."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from ocpi.model.scalar import (
    CountryCode,
    DisplayText,
    EvseId,
    Id,
    Moment,
    Number,
    PartyCode,
    Url,
    Value,
    Whole,
)

Latitude = Annotated[str, Meta(max_length=24)]
Weekday = Annotated[int, Meta(ge=1, le=7)]


class Status:
    """EVSE status (OCPI 2.2.1 mod_locations Status)."""

    AVAILABLE: Final = "AVAILABLE"
    BLOCKED: Final = "BLOCKED"
    CHARGING: Final = "CHARGING"
    INOPERATIVE: Final = "INOPERATIVE"
    OUTOFORDER: Final = "OUTOFORDER"
    PLANNED: Final = "PLANNED"
    REMOVED: Final = "REMOVED"
    RESERVED: Final = "RESERVED"
    UNKNOWN: Final = "UNKNOWN"


class Capability:
    """What an EVSE can do; the ones the hub itself looks at."""

    CHARGING_PREFERENCES_CAPABLE: Final = "CHARGING_PREFERENCES_CAPABLE"
    CHARGING_PROFILE_CAPABLE: Final = "CHARGING_PROFILE_CAPABLE"
    REMOTE_START_STOP_CAPABLE: Final = "REMOTE_START_STOP_CAPABLE"
    RESERVABLE: Final = "RESERVABLE"
    RFID_READER: Final = "RFID_READER"
    START_SESSION_CONNECTOR_REQUIRED: Final = "START_SESSION_CONNECTOR_REQUIRED"
    TOKEN_GROUP_CAPABLE: Final = "TOKEN_GROUP_CAPABLE"  # noqa: S105 - a capability's name
    UNLOCK_CAPABLE: Final = "UNLOCK_CAPABLE"


class ConnectorCapability:
    """What a connector can do (OCPI 2.3.0 mod_locations ConnectorCapability)."""

    ISO_15118_2_PLUG_AND_CHARGE: Final = "ISO_15118_2_PLUG_AND_CHARGE"
    ISO_15118_20_PLUG_AND_CHARGE: Final = "ISO_15118_20_PLUG_AND_CHARGE"


class PowerType:
    """How a connector delivers power."""

    AC_1_PHASE: Final = "AC_1_PHASE"
    AC_2_PHASE: Final = "AC_2_PHASE"
    AC_2_PHASE_SPLIT: Final = "AC_2_PHASE_SPLIT"
    AC_3_PHASE: Final = "AC_3_PHASE"
    DC: Final = "DC"


class GeoLocation(Value, frozen=True, kw_only=True):
    """A point; the decimals stay text, as they travel."""

    latitude: Latitude
    longitude: Latitude


class AdditionalGeoLocation(Value, frozen=True, kw_only=True):
    """A related point, such as an entrance."""

    latitude: Latitude
    longitude: Latitude
    name: DisplayText | None = None


class Image(Value, frozen=True, kw_only=True):
    """A picture of a location, or a logo."""

    url: Url
    thumbnail: Url | None = None
    category: str
    type: str
    width: Whole | None = None
    height: Whole | None = None


class BusinessDetails(Value, frozen=True, kw_only=True):
    """Who stands behind a party or a location."""

    name: str
    website: Url | None = None
    logo: Image | None = None


class EnergySource(Value, frozen=True, kw_only=True):
    """One source's share in an energy mix."""

    source: str
    percentage: Number


class EnvironmentalImpact(Value, frozen=True, kw_only=True):
    """What a kWh of the mix leaves behind."""

    category: str
    amount: Number


class EnergyMix(Value, frozen=True, kw_only=True):
    """Where the energy comes from."""

    is_green_energy: bool
    energy_sources: tuple[EnergySource, ...] = ()
    environ_impact: tuple[EnvironmentalImpact, ...] = ()
    supplier_name: str | None = None
    energy_product_name: str | None = None


class RegularHours(Value, frozen=True, kw_only=True):
    """Opening hours of one weekday (1 = Monday), local time."""

    weekday: Weekday
    period_begin: str
    period_end: str


class ExceptionalPeriod(Value, frozen=True, kw_only=True):
    """An exception from the regular hours."""

    period_begin: Moment
    period_end: Moment


class Hours(Value, frozen=True, kw_only=True):
    """When a location is open."""

    twentyfourseven: bool
    regular_hours: tuple[RegularHours, ...] = ()
    exceptional_openings: tuple[ExceptionalPeriod, ...] = ()
    exceptional_closings: tuple[ExceptionalPeriod, ...] = ()


class StatusSchedule(Value, frozen=True, kw_only=True):
    """A status planned ahead."""

    period_begin: Moment
    period_end: Moment | None = None
    status: str


class Connector(Value, frozen=True, kw_only=True):
    """A plug or socket; the smallest thing a driver can choose."""

    id: Id
    standard: str
    format: str
    power_type: str
    max_voltage: Whole
    max_amperage: Whole
    max_electric_power: Whole | None = None
    tariff_ids: tuple[Id, ...] = ()
    terms_and_conditions: Url | None = None
    capabilities: tuple[str, ...] = ()
    last_updated: Moment


class EVSEParking(Value, frozen=True, kw_only=True):
    """Which parking place an EVSE serves (OCPI 2.3.0)."""

    parking_id: Id
    evse_position: str | None = None


class EVSE(Value, frozen=True, kw_only=True):
    """What charges one car at a time."""

    uid: Id
    evse_id: EvseId | None = None
    status: str
    status_schedule: tuple[StatusSchedule, ...] = ()
    capabilities: tuple[str, ...] = ()
    connectors: tuple[Connector, ...]
    floor_level: str | None = None
    coordinates: GeoLocation | None = None
    physical_reference: str | None = None
    directions: tuple[DisplayText, ...] = ()
    parking_restrictions: tuple[str, ...] = ()
    parking: tuple[EVSEParking, ...] = ()
    images: tuple[Image, ...] = ()
    accepted_service_providers: tuple[str, ...] = ()
    last_updated: Moment


class Parking(Value, frozen=True, kw_only=True):
    """A parking place (OCPI 2.3.0 mod_locations Parking)."""

    id: Id
    physical_reference: str | None = None
    vehicle_types: tuple[str, ...]
    max_vehicle_weight: Number | None = None
    max_vehicle_height: Number | None = None
    max_vehicle_length: Number | None = None
    max_vehicle_width: Number | None = None
    parking_space_length: Number | None = None
    parking_space_width: Number | None = None
    dangerous_goods_allowed: bool | None = None
    direction: str | None = None
    drive_through: bool | None = None
    restricted_to_type: bool
    reservation_required: bool
    time_limit: Number | None = None
    roofed: bool | None = None
    images: tuple[Image, ...] = ()
    lighting: bool | None = None
    refrigeration_outlet: bool | None = None
    standards: tuple[str, ...] = ()
    apds_reference: str | None = None


class PublishTokenType(Value, frozen=True, kw_only=True):
    """A group of tokens an unpublished location may be shown to."""

    uid: Id | None = None
    type: str | None = None
    visual_number: str | None = None
    issuer: str | None = None
    group_id: Id | None = None


class Location(Value, frozen=True, kw_only=True):
    """A place with EVSEs."""

    country_code: CountryCode
    party_id: PartyCode
    id: Id
    publish: bool
    publish_allowed_to: tuple[PublishTokenType, ...] = ()
    name: str | None = None
    address: str
    city: str
    postal_code: str | None = None
    state: str | None = None
    country: str
    coordinates: GeoLocation
    related_locations: tuple[AdditionalGeoLocation, ...] = ()
    parking_type: str | None = None
    evses: tuple[EVSE, ...] = ()
    parking_places: tuple[Parking, ...] = ()
    directions: tuple[DisplayText, ...] = ()
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: tuple[str, ...] = ()
    time_zone: str
    opening_times: Hours | None = None
    charging_when_closed: bool | None = None
    images: tuple[Image, ...] = ()
    energy_mix: EnergyMix | None = None
    help_phone: str | None = None
    last_updated: Moment
