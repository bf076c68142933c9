"""The model written as OCPI 2.1.1, and every loss named.

Left out is what a partner can do without. What would say something else without the missing part
is refused: a credit as a bill, a hidden location as a public one, a conditional price as a general
one. The owner is not lost: it stands in the URL and in the credentials.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import asdict, replace

from ocpi.errors import NOT_ENOUGH_INFORMATION, OcpiError, invalid
from ocpi.model import command, credentials
from ocpi.model.cdr import AuthMethod, Cdr, CdrDimensionType, ChargingPeriod
from ocpi.model.location import EVSE, Connector, EnergyMix, Hours, Location, PowerType
from ocpi.model.party import same
from ocpi.model.price import Price
from ocpi.model.session import Session, SessionStatus
from ocpi.model.tariff import Tariff, TariffElement, TaxIncluded
from ocpi.model.token import AuthorizationInfo, Token, TokenType
from ocpi.wire import v211_struct as old
from ocpi.wire.loss import Loss
from ocpi.wire.v221 import untaxed

LEFT_OUT: Final = "left out"
CDR_ID_CHARS_MAX: Final = 36
ADDRESS_CHARS_MAX: Final = 45

UNKNOWN_PLACE: Final = "UNKNOWN"
OTHER_PLACE: Final = "OTHER"
NO_PARKING_TYPE: Final = frozenset({OTHER_PLACE, UNKNOWN_PLACE})
"""Types of a location that say nothing about parking."""

_NEWER_PLACES: Final = frozenset({"ALONG_MOTORWAY", "ON_DRIVEWAY"})
_NEWER_POWER: Final = frozenset({PowerType.AC_2_PHASE, PowerType.AC_2_PHASE_SPLIT})
_NEWER_CONNECTORS: Final = frozenset(
    {"CHAOJI", "DOMESTIC_M", "DOMESTIC_N", "DOMESTIC_O", "GBT_AC", "GBT_DC"}
    | {"NEMA_5_20", "NEMA_6_30", "NEMA_6_50", "NEMA_10_30", "NEMA_10_50", "NEMA_14_30"}
    | {"NEMA_14_50", "PANTOGRAPH_BOTTOM_UP", "PANTOGRAPH_TOP_DOWN", "MCS", "SAE_J3400"}
)
_NEWER_CAPABILITIES: Final = frozenset(
    {"CHARGING_PREFERENCES_CAPABLE", "CHIP_CARD_SUPPORT", "CONTACTLESS_CARD_SUPPORT"}
    | {"DEBIT_CARD_PAYABLE", "PED_TERMINAL", "START_SESSION_CONNECTOR_REQUIRED"}
    | {"TOKEN_GROUP_CAPABLE"}
)
_NEWER_FACILITIES: Final = frozenset({"BIKE_SHARING", "TRAM_STOP", "METRO_STATION", "PARKING_LOT"})
_NEWER_RESTRICTIONS: Final = frozenset({"EMPLOYEES", "TAXIS", "TENANTS"})
_NEWER_DIMENSIONS: Final = frozenset(
    {
        CdrDimensionType.CURRENT,
        CdrDimensionType.ENERGY_EXPORT,
        CdrDimensionType.ENERGY_IMPORT,
        CdrDimensionType.MAX_POWER,
        CdrDimensionType.MIN_POWER,
        CdrDimensionType.POWER,
        CdrDimensionType.RESERVATION_TIME,
        CdrDimensionType.STATE_OF_CHARGE,
    }
)
_NEWER_RESULTS: Final = frozenset(
    {
        command.CommandResultType.CANCELED_RESERVATION,
        command.CommandResultType.EVSE_OCCUPIED,
        command.CommandResultType.EVSE_INOPERATIVE,
        command.CommandResultType.FAILED,
        command.CommandResultType.UNKNOWN_RESERVATION,
    }
)
"""Outcomes without an equivalent: each of them means that the command was not carried out."""
_TOKEN_TYPES: Final = frozenset({TokenType.RFID, TokenType.OTHER})


def from_model(
    value: Any, *, location: Location | None = None, **_: Any
) -> tuple[Any, tuple[Loss, ...]]:
    """Give the value as this version writes it, and what was lost on the way.

    A session or CDR carries its ``location``, as it was then.
    """
    losses: list[Loss] = []
    if isinstance(value, Session | Cdr):
        if location is None:
            reason = "location: this version wants the whole location, and it was not given"
            raise OcpiError(NOT_ENOUGH_INFORMATION, 200, reason, field="location")
        if isinstance(value, Session):
            return _session(value, location, losses), tuple(losses)
        return _cdr(value, location, losses), tuple(losses)
    writer = _WRITERS.get(type(value))
    return (value if writer is None else writer(value, losses)), tuple(losses)


def _drop(fields: dict[str, Any], losses: list[Loss], *names: str, where: str = "") -> None:
    """Take fields out; those that said something are lost."""
    for name in names:
        if fields.pop(name) not in {None, ()}:
            _lose(losses, where + name, LEFT_OUT)


def _lose(losses: list[Loss], field: str, reason: str) -> None:
    loss = Loss(field, reason)
    if loss not in losses:
        losses.append(loss)


def _known(
    values: tuple[str, ...], newer: frozenset[str], field: str, losses: list[Loss]
) -> tuple[str, ...]:
    for value in values:
        if value in newer:
            _lose(losses, field, f"{value} left out")
    return tuple(value for value in values if value not in newer)


# Locations


def _obstacle(plug: Connector) -> str | None:
    """Give what keeps a connector from being written: a word this version does not have."""
    if plug.standard in _NEWER_CONNECTORS:
        return plug.standard
    return plug.power_type if plug.power_type in _NEWER_POWER else None


def _connector(plug: Connector, losses: list[Loss]) -> old.Connector:
    obstacle = _obstacle(plug)
    if obstacle is not None:
        raise invalid("connector", f"{obstacle} does not exist in this version")
    fields = asdict(plug)
    _drop(fields, losses, "max_electric_power", "capabilities")
    tariff_ids = fields.pop("tariff_ids")
    if len(tariff_ids) > 1:
        _lose(losses, "tariff_ids", "only the first was written")
    return old.Connector(
        voltage=fields.pop("max_voltage"),
        amperage=fields.pop("max_amperage"),
        tariff_id=tariff_ids[0] if tariff_ids else None,
        **fields,
    )


def _evse(evse: EVSE, losses: list[Loss]) -> Any:
    fields = asdict(evse)
    _drop(fields, losses, "parking", "accepted_service_providers")
    plugs = [plug for plug in evse.connectors if _obstacle(plug) is None]
    for plug in evse.connectors:
        if plug not in plugs:
            _lose(losses, "connectors", f"{_obstacle(plug)} left out")
    if evse.connectors and not plugs:
        raise invalid("connectors", "none of them exists in this version")
    fields["connectors"] = tuple(_connector(plug, losses) for plug in plugs)
    fields["capabilities"] = _known(evse.capabilities, _NEWER_CAPABILITIES, "capabilities", losses)
    fields["parking_restrictions"] = _known(
        evse.parking_restrictions, _NEWER_RESTRICTIONS, "parking_restrictions", losses
    )
    return old.EvseWire(**fields)


def _evses(evses: tuple[EVSE, ...], losses: list[Loss]) -> tuple[Any, ...]:
    kept = []
    for evse in evses:
        if evse.connectors and all(map(_obstacle, evse.connectors)):
            _lose(losses, "evses", "an EVSE without a connector of this version left out")
        else:
            kept.append(_evse(evse, losses))
    return tuple(kept)


def _energy_mix(mix: EnergyMix | None) -> Any:
    if mix is None:
        return None
    impacts = (
        old.EnvironmentalImpact(source=i.category, amount=i.amount) for i in mix.environ_impact
    )
    return old.EnergyMixWire(**asdict(mix) | {"environ_impact": tuple(impacts)})


def _hours(hours: Hours | None) -> Any:
    """Give the opening times: either around the clock or regular hours, never both."""
    if hours is None:
        return None
    around = None if hours.regular_hours and not hours.twentyfourseven else hours.twentyfourseven
    return old.HoursWire(**asdict(hours) | {"twentyfourseven": around})


def _place_type(kind: str | None, losses: list[Loss]) -> str:
    if kind in _NEWER_PLACES:
        _lose(losses, "parking_type", f"{kind} became {OTHER_PLACE}")
        return OTHER_PLACE
    return kind or UNKNOWN_PLACE


def _location(value: Location, losses: list[Loss]) -> Any:
    if not value.publish:
        raise invalid("publish", "this version would show a location that is not to be published")
    return _place(value, losses)


def _place(value: Location, losses: list[Loss]) -> Any:
    fields = asdict(value)
    for name in ("country_code", "party_id", "publish"):
        del fields[name]
    _drop(fields, losses, "publish_allowed_to", "state", "parking_places", "help_phone")
    if len(value.address) > ADDRESS_CHARS_MAX:
        _lose(losses, "address", f"cut to {ADDRESS_CHARS_MAX} characters")
        fields["address"] = value.address[:ADDRESS_CHARS_MAX]
    fields["type"] = _place_type(fields.pop("parking_type"), losses)
    fields["postal_code"] = value.postal_code or ""
    fields["evses"] = _evses(value.evses, losses)
    fields["facilities"] = _known(value.facilities, _NEWER_FACILITIES, "facilities", losses)
    fields["opening_times"] = _hours(value.opening_times)
    fields["energy_mix"] = _energy_mix(value.energy_mix)
    return old.LocationWire(**fields)


def _used_place(location: Location, evse_uid: str, connector_id: str) -> Any:
    """Give the location with nothing but the EVSE and connector that were used."""
    for evse in location.evses:
        plugs = tuple(plug for plug in evse.connectors if same(plug.id, connector_id))
        if same(evse.uid, evse_uid) and plugs:
            used = replace(location, evses=(replace(evse, connectors=plugs),))
            return _place(used, [])  # what the location's own PUT lost is no loss of the session
    raise invalid("location", f"it has no EVSE {evse_uid} with a connector {connector_id}")


# Tariffs


def _element(index: int, element: TariffElement, losses: list[Loss]) -> Any:
    parts = []
    for part in element.price_components:
        fields = asdict(part)
        _drop(fields, losses, "vat", where="elements.price_components.")
        parts.append(old.PriceComponentWire(**fields))
    limits = element.restrictions
    if limits is None:
        return old.ElementWire(price_components=tuple(parts))
    fields = asdict(limits)
    for name in ("min_current", "max_current"):
        if fields.pop(name) is not None:
            reason = f"{name} does not exist in this version; without it the price is another one"
            raise invalid(f"elements[{index}].restrictions", reason)
    del fields["reservation"]
    return old.ElementWire(
        price_components=tuple(parts), restrictions=old.RestrictionsWire(**fields)
    )


def _tariff(tariff: Tariff, losses: list[Loss]) -> Any:
    fields = asdict(tariff)
    for name in ("country_code", "party_id"):
        del fields[name]
    _drop(fields, losses, "type", "min_price", "max_price", "preauthorize_amount")
    _drop(fields, losses, "start_date_time", "end_date_time")
    included = fields.pop("tax_included")
    if included != TaxIncluded.NO:
        _lose(losses, "tax_included", f"{included} cannot be said: prices are without tax")
    elements = [
        (index, element)
        for index, element in enumerate(tariff.elements)
        if element.restrictions is None or element.restrictions.reservation is None
    ]
    if len(elements) < len(tariff.elements):
        _lose(losses, "elements", "prices of reservations left out")
    if not elements:
        raise invalid("elements", "only reservations are priced, which this version cannot do")
    if included == TaxIncluded.YES:
        elements = [(index, untaxed(element)) for index, element in elements]
    fields["elements"] = tuple(_element(index, element, losses) for index, element in elements)
    fields["energy_mix"] = _energy_mix(tariff.energy_mix)
    return old.TariffWire(**fields)


# Tokens, sessions, CDRs


def _token(token: Token, losses: list[Loss]) -> old.Token:
    fields = asdict(token)
    for name in ("country_code", "party_id"):
        del fields[name]
    _drop(fields, losses, "group_id", "default_profile_type", "energy_contract")
    if token.type not in _TOKEN_TYPES:
        _lose(losses, "type", f"{token.type} became {TokenType.OTHER}")
        fields["type"] = TokenType.OTHER
    return old.Token(auth_id=fields.pop("contract_id"), **fields)


def _auth(value: Session | Cdr, losses: list[Loss]) -> tuple[str, str]:
    """Give auth_id and auth_method: the contract is all that stays of a token."""
    _lose(losses, "cdr_token", "only its contract_id stays, as auth_id")
    method = value.auth_method
    if method == AuthMethod.COMMAND:
        _lose(losses, "auth_method", f"{method} became {AuthMethod.AUTH_REQUEST}")
        method = AuthMethod.AUTH_REQUEST
    return value.cdr_token.contract_id, method


def _periods(
    periods: tuple[ChargingPeriod, ...], losses: list[Loss]
) -> tuple[old.ChargingPeriod, ...]:
    kept = []
    for period in periods:
        if period.tariff_id is not None:
            _lose(losses, "charging_periods.tariff_id", LEFT_OUT)
        said = tuple(part for part in period.dimensions if part.type not in _NEWER_DIMENSIONS)
        if len(said) < len(period.dimensions):
            gone = sorted({part.type for part in period.dimensions} & _NEWER_DIMENSIONS)
            _lose(losses, "charging_periods.dimensions", f"{', '.join(gone)} left out")
        if period.dimensions and not said:
            _lose(losses, "charging_periods", "a period that measures nothing else left out")
            continue
        kept.append(old.ChargingPeriod(start_date_time=period.start_date_time, dimensions=said))
    return tuple(kept)


def _amount(price: Price, field: str, losses: list[Loss]) -> Any:
    if price.taxes:
        _lose(losses, f"{field}.taxes", LEFT_OUT)
    return price.before_taxes


def _session(value: Session, location: Location, losses: list[Loss]) -> old.Session:
    if value.status == SessionStatus.RESERVATION:
        raise invalid("status", "a reservation is no session in this version")
    fields = asdict(value)
    for name in ("country_code", "party_id", "cdr_token", "location_id", "evse_uid"):
        del fields[name]
    del fields["connector_id"]
    _drop(fields, losses, "authorization_reference")
    auth_id, fields["auth_method"] = _auth(value, losses)
    fields["charging_periods"] = _periods(value.charging_periods, losses)
    if value.total_cost is not None:
        fields["total_cost"] = _amount(value.total_cost, "total_cost", losses)
    return old.Session(
        auth_id=auth_id,
        start_datetime=fields.pop("start_date_time"),
        end_datetime=fields.pop("end_date_time"),
        location=_used_place(location, value.evse_uid, value.connector_id),
        **fields,
    )


_CDR_ONLY_NEWER: Final = (
    *("session_id", "authorization_reference", "signed_data", "total_fixed_cost"),
    *("total_energy_cost", "total_time_cost", "total_parking_cost", "total_reservation_cost"),
    *("invoice_reference_id", "home_charging_compensation", "booking_id", "credit"),
)


def _cdr(value: Cdr, location: Location, losses: list[Loss]) -> old.Cdr:
    if value.credit or value.credit_reference_id is not None:
        raise invalid("credit", "a credit has no equivalent in this version: it would be a bill")
    if len(value.id) > CDR_ID_CHARS_MAX:
        raise invalid("id", f"longer than the {CDR_ID_CHARS_MAX} characters of this version")
    fields = asdict(value)
    for name in ("country_code", "party_id", "cdr_token", "cdr_location", "credit_reference_id"):
        del fields[name]
    _drop(fields, losses, *_CDR_ONLY_NEWER)
    auth_id, fields["auth_method"] = _auth(value, losses)
    place = value.cdr_location
    _drop({"state": place.state}, losses, "state", where="cdr_location.")
    fields["charging_periods"] = _periods(value.charging_periods, losses)
    fields["tariffs"] = tuple(_tariff(tariff, losses) for tariff in value.tariffs)
    fields["total_cost"] = _amount(value.total_cost, "total_cost", losses)
    return old.Cdr(
        auth_id=auth_id,
        stop_date_time=fields.pop("end_date_time"),
        location=_used_place(location, place.evse_uid, place.connector_id),
        **fields,
    )


# The rest


def _authorization_info(value: AuthorizationInfo, losses: list[Loss]) -> old.AuthorizationInfo:
    fields = asdict(value)
    del fields["token"]  # the asker has it: it asked for it
    _drop(fields, losses, "authorization_reference")
    return old.AuthorizationInfo(**fields)


def _start_session(value: command.StartSession, losses: list[Loss]) -> Any:
    fields = asdict(value)
    _drop(fields, losses, "authorization_reference", "connector_id")
    return old.StartSessionWire(**fields | {"token": _token(value.token, losses)})


def _reserve_now(value: command.ReserveNow, losses: list[Loss]) -> Any:
    text = value.reservation_id
    if not text.isascii() or not text.isdigit() or str(int(text)) != text:
        raise invalid("reservation_id", "this version has only whole numbers here")
    fields = asdict(value) | {"reservation_id": int(text), "token": _token(value.token, losses)}
    _drop(fields, losses, "authorization_reference")
    return old.ReserveNowWire(**fields)


def _cancel_reservation(value: command.CancelReservation, _: list[Loss]) -> Any:
    raise invalid("command", f"{type(value).__name__} does not exist in this version")


def _command_answer(
    value: command.CommandResponse | command.CommandResult, losses: list[Loss]
) -> old.CommandAnswer:
    fields = asdict(value)
    _drop(fields, losses, *(fields.keys() - {"result"}))
    if value.result in _NEWER_RESULTS:
        refused = command.CommandResultType.REJECTED
        _lose(losses, "result", f"{value.result} became {refused}")
        return old.CommandAnswer(result=refused)
    return old.CommandAnswer(result=value.result)


def _credentials(value: credentials.Credentials, losses: list[Loss]) -> Any:
    first = value.roles[0]
    _drop({"hub_party_id": value.hub_party_id}, losses, "hub_party_id")
    _lose(losses, "roles.role", LEFT_OUT)
    if len(value.roles) > 1:
        name = f"{first.country_code}-{first.party_id}"
        _lose(losses, "roles", f"only the first, {name}, was written")
    return old.CredentialsWire(
        token=value.token,
        url=value.url,
        business_details=first.business_details,
        party_id=first.party_id,
        country_code=first.country_code,
    )


_WRITERS: Final[dict[type, Callable[[Any, list[Loss]], Any]]] = {
    Location: _location,
    EVSE: _evse,
    Connector: _connector,
    Tariff: _tariff,
    Token: _token,
    AuthorizationInfo: _authorization_info,
    command.StartSession: _start_session,
    command.ReserveNow: _reserve_now,
    command.CommandResponse: _command_answer,
    command.CommandResult: _command_answer,
    command.CancelReservation: _cancel_reservation,
    credentials.Credentials: _credentials,
}
