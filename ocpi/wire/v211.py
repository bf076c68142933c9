"""OCPI 2.1.1 read into the model; what it does not say comes from an ``Origin``.

Its prices exclude VAT and its rates are nowhere, so taxes stay unknown: a price names none and a
tariff without rates is not an untaxed one.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import asdict

from ocpi.errors import invalid
from ocpi.model import command, credentials
from ocpi.model.cdr import Cdr, CdrLocation, CdrToken, ChargingPeriod
from ocpi.model.location import (
    EVSE,
    Connector,
    EnergyMix,
    EnvironmentalImpact,
    Hours,
    Location,
)
from ocpi.model.price import Price
from ocpi.model.scalar import DisplayText
from ocpi.model.session import Session
from ocpi.model.tariff import (
    PriceComponent,
    Tariff,
    TariffElement,
    TariffRestrictions,
    TaxIncluded,
)
from ocpi.model.token import AuthorizationInfo, LocationReferences, Token, TokenType
from ocpi.wire import v211_struct as old
from ocpi.wire.shape import Kind, Origin
from ocpi.wire.v211_write import NO_PARKING_TYPE, from_model

__all__ = ["KINDS", "NEWER_FIELDS", "PATCH_REQUIRED", "TOLERANT", "from_model"]


def _owner(origin: Origin) -> dict[str, Any]:
    owner = origin.need("owner")
    return {"country_code": owner.country_code, "party_id": owner.party_id}


def _connector(wire: old.Connector) -> Connector:
    fields = asdict(wire)
    tariff_id = fields.pop("tariff_id")
    return Connector(
        max_voltage=fields.pop("voltage"),
        max_amperage=fields.pop("amperage"),
        tariff_ids=() if tariff_id is None else (tariff_id,),
        **fields,
    )


def _evse(wire: Any) -> EVSE:
    return EVSE(**asdict(wire) | {"connectors": tuple(map(_connector, wire.connectors))})


def _energy_mix(wire: Any) -> EnergyMix | None:
    if wire is None:
        return None
    impacts = (EnvironmentalImpact(category=i.source, amount=i.amount) for i in wire.environ_impact)
    return EnergyMix(**asdict(wire) | {"environ_impact": tuple(impacts)})


def _hours(wire: Any) -> Hours | None:
    if wire is None:
        return None
    return Hours(**asdict(wire) | {"twentyfourseven": bool(wire.twentyfourseven)})


def _location(wire: Any, origin: Origin) -> Location:
    fields = asdict(wire)
    kind = fields.pop("type")
    fields["evses"] = tuple(map(_evse, wire.evses))
    fields["postal_code"] = wire.postal_code or None
    fields["opening_times"] = _hours(wire.opening_times)
    fields["energy_mix"] = _energy_mix(wire.energy_mix)
    fields["time_zone"] = wire.time_zone or origin.need("time_zone")
    return Location(
        **_owner(origin),
        **fields,
        publish=True,
        parking_type=None if kind in NO_PARKING_TYPE else kind,
    )


def _component(wire: Any) -> PriceComponent:
    return PriceComponent(**asdict(wire))


def _element(wire: Any) -> TariffElement:
    limits = wire.restrictions
    return TariffElement(
        price_components=tuple(map(_component, wire.price_components)),
        restrictions=None if limits is None else TariffRestrictions(**asdict(limits)),
    )


def _tariff(wire: Any, origin: Origin) -> Tariff:
    """Give the tariff; NO with no rate anywhere means without tax, and the tax unknown."""
    fields = asdict(wire)
    fields["elements"] = tuple(map(_element, wire.elements))
    fields["energy_mix"] = _energy_mix(wire.energy_mix)
    return Tariff(**_owner(origin), **fields, tax_included=TaxIncluded.NO)


def _token(wire: old.Token, origin: Origin) -> Token:
    fields = asdict(wire)
    return Token(**_owner(origin), contract_id=fields.pop("auth_id"), **fields)


def _cdr_token(auth_id: str, origin: Origin) -> CdrToken:
    """Give the token as far as it is known: an ``auth_id`` names a contract, not a card."""
    known = origin.token
    if known is not None and known.contract_id == auth_id:
        return CdrToken(
            country_code=known.country_code,
            party_id=known.party_id,
            uid=known.uid,
            type=known.type,
            contract_id=auth_id,
        )
    owner = origin.need("token_owner")
    return CdrToken(
        country_code=owner.country_code,
        party_id=owner.party_id,
        uid=auth_id,
        type=TokenType.OTHER,
        contract_id=auth_id,
    )


def _relevant(location: Any) -> tuple[Any, old.Connector]:
    """Give the one EVSE and connector that the location of a session or CDR holds."""
    if len(location.evses) != 1:
        raise invalid("location.evses", "only the EVSE that was used is expected")
    evse = location.evses[0]
    if len(evse.connectors) != 1:
        raise invalid("location.evses.connectors", "only the connector that was used is expected")
    return evse, evse.connectors[0]


def _cdr_location(location: Any) -> CdrLocation:
    """Give the place as later versions write it; an EVSE without an evse_id goes by its uid."""
    evse, plug = _relevant(location)
    return CdrLocation(
        id=location.id,
        name=location.name,
        address=location.address,
        city=location.city,
        postal_code=location.postal_code or None,
        country=location.country,
        coordinates=location.coordinates,
        evse_uid=evse.uid,
        evse_id=evse.evse_id or evse.uid,
        connector_id=plug.id,
        connector_standard=plug.standard,
        connector_format=plug.format,
        connector_power_type=plug.power_type,
    )


def _periods(wire: tuple[old.ChargingPeriod, ...]) -> tuple[ChargingPeriod, ...]:
    return tuple(
        ChargingPeriod(start_date_time=period.start_date_time, dimensions=period.dimensions)
        for period in wire
    )


def _cdr(wire: old.Cdr, origin: Origin) -> Cdr:
    fields = asdict(wire)
    fields["charging_periods"] = _periods(wire.charging_periods)
    fields["tariffs"] = tuple(_tariff(tariff, origin) for tariff in wire.tariffs)
    fields["total_cost"] = Price(before_taxes=wire.total_cost)
    return Cdr(
        **_owner(origin),
        end_date_time=fields.pop("stop_date_time"),
        cdr_token=_cdr_token(fields.pop("auth_id"), origin),
        cdr_location=_cdr_location(fields.pop("location")),
        **fields,
    )


def _session(wire: old.Session, origin: Origin) -> Session:
    evse, plug = _relevant(wire.location)
    fields = asdict(wire)
    fields["charging_periods"] = _periods(wire.charging_periods)
    if wire.total_cost is not None:
        fields["total_cost"] = Price(before_taxes=wire.total_cost)
    return Session(
        **_owner(origin),
        start_date_time=fields.pop("start_datetime"),
        end_date_time=fields.pop("end_datetime"),
        cdr_token=_cdr_token(fields.pop("auth_id"), origin),
        location_id=fields.pop("location").id,
        evse_uid=evse.uid,
        connector_id=plug.id,
        **fields,
    )


def _authorization_info(wire: old.AuthorizationInfo, origin: Origin) -> AuthorizationInfo:
    return AuthorizationInfo(**asdict(wire), token=origin.need("token"))


def _credentials(wire: Any, origin: Origin) -> credentials.Credentials:
    role = credentials.CredentialsRole(
        role=origin.need("role"),
        business_details=wire.business_details,
        party_id=wire.party_id,
        country_code=wire.country_code,
    )
    return credentials.Credentials(token=wire.token, url=wire.url, roles=(role,))


def _start_session(wire: Any, origin: Origin) -> command.StartSession:
    return command.StartSession(**asdict(wire) | {"token": _token(wire.token, origin)})


def _reserve_now(wire: Any, origin: Origin) -> command.ReserveNow:
    fields = asdict(wire) | {"reservation_id": str(wire.reservation_id)}
    return command.ReserveNow(**fields | {"token": _token(wire.token, origin)})


def _command_response(wire: old.CommandAnswer, origin: Origin) -> command.CommandResponse:
    return command.CommandResponse(result=wire.result, timeout=origin.need("timeout_s"))


def _command_result(wire: old.CommandAnswer) -> command.CommandResult:
    return command.CommandResult(result=wire.result)


KINDS: Final[dict[str, Kind]] = {
    "location": Kind(old.LocationWire, to_model_at=_location),
    "evse": Kind(old.EvseWire, _evse),
    "connector": Kind(old.Connector, _connector),
    "tariff": Kind(old.TariffWire, to_model_at=_tariff),
    "token": Kind(old.Token, to_model_at=_token),
    "session": Kind(old.Session, to_model_at=_session),
    "cdr": Kind(old.Cdr, to_model_at=_cdr),
    "command.START_SESSION": Kind(old.StartSessionWire, to_model_at=_start_session),
    "command.STOP_SESSION": Kind(command.StopSession),
    "command.RESERVE_NOW": Kind(old.ReserveNowWire, to_model_at=_reserve_now),
    "command.UNLOCK_CONNECTOR": Kind(command.UnlockConnector),
    "command_response": Kind(old.CommandAnswer, to_model_at=_command_response),
    "command_result": Kind(old.CommandAnswer, _command_result),
    "authorization_info": Kind(old.AuthorizationInfo, to_model_at=_authorization_info),
    "location_references": Kind(LocationReferences),
    "credentials": Kind(old.CredentialsWire, to_model_at=_credentials),
    "versions": Kind(tuple[credentials.Version, ...]),
    "display_text": Kind(DisplayText),
}
"""Not here: the endpoints of a version, which have no role yet."""

TOLERANT: Final[dict[str, Kind]] = {}
NEWER_FIELDS: Final[frozenset[str]] = frozenset()
PATCH_REQUIRED: Final[frozenset[str]] = frozenset()
"""A PATCH needed no ``last_updated`` yet."""
