"""OCPI 2.2.1 on the wire: prices as ``excl_vat`` and ``incl_vat``, tariffs always without VAT."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from msgspec.structs import asdict, replace

from ocpi.errors import INVALID_PARAMETERS, OcpiError
from ocpi.model import charging_profile, command, credentials, session, token
from ocpi.model.cdr import Cdr, CdrDimensionType, ChargingPeriod
from ocpi.model.client_info import ClientInfo
from ocpi.model.location import EVSE, Connector, EnergyMix, Hours, Location
from ocpi.model.price import EXACT, PriceLimit, with_vat
from ocpi.model.price import Price as ModelPrice
from ocpi.model.scalar import DisplayText, Number, Value
from ocpi.model.session import Session
from ocpi.model.tariff import Tariff, TariffElement, TariffRestrictions, TaxIncluded
from ocpi.model.token import AuthorizationInfo, Token, TokenType
from ocpi.wire.loss import Loss
from ocpi.wire.shape import Kind, variant

RATE_DIGITS: Final = 20
"""A price that contains tax is divided by 1 + rate; the quotient keeps this many digits."""

RATE_MAX: Final = 100

EMAID_AS: Final = TokenType.OTHER
"""What an EMAID token becomes where the type does not exist, unless chosen otherwise."""


class Price(Value, frozen=True, kw_only=True):
    """OCPI 2.2.1 types Price."""

    excl_vat: Number
    incl_vat: Number | None = None


_CDR_PRICES: Final = (
    "total_cost",
    "total_fixed_cost",
    "total_energy_cost",
    "total_time_cost",
    "total_parking_cost",
    "total_reservation_cost",
)

TariffWire: Final[Any] = variant(
    Tariff,
    {"min_price": Price | None, "max_price": Price | None},
    without=frozenset({"tax_included", "preauthorize_amount"}),
)
SessionWire: Final[Any] = variant(Session, {"total_cost": Price | None})
CdrWire: Final[Any] = variant(
    Cdr,
    dict.fromkeys(_CDR_PRICES, Price | None)
    | {"total_cost": Price, "tariffs": tuple[TariffWire, ...]},
    without=frozenset({"booking_id"}),
)


def _price(price: Price) -> ModelPrice:
    return with_vat(price.excl_vat, price.incl_vat)


def _limit(price: Price | None) -> PriceLimit | None:
    if price is None:
        return None
    return PriceLimit(before_taxes=price.excl_vat, after_taxes=price.incl_vat)


def tariff_to_model(wire: Any) -> Tariff:
    """Give the tariff; VAT counts as applicable as soon as one component states a rate."""
    fields = asdict(wire)
    fields["min_price"] = _limit(wire.min_price)
    fields["max_price"] = _limit(wire.max_price)
    fields["tax_included"] = TaxIncluded.NO if _has_rate(wire) else TaxIncluded.NOT_APPLICABLE
    return Tariff(**fields)


def _has_rate(tariff: Any) -> bool:
    parts = (part for element in tariff.elements for part in element.price_components)
    return any(part.vat is not None for part in parts)


def session_to_model(wire: Any) -> Session:
    """Give the session with its running cost."""
    fields = asdict(wire)
    if wire.total_cost is not None:
        fields["total_cost"] = _price(wire.total_cost)
    return Session(**fields)


def cdr_to_model(wire: Any) -> Cdr:
    """Give the CDR with its costs and its tariff snapshots."""
    fields = asdict(wire)
    for name in _CDR_PRICES:
        if fields[name] is not None:
            fields[name] = _price(fields[name])
    fields["tariffs"] = tuple(tariff_to_model(tariff) for tariff in wire.tariffs)
    return Cdr(**fields)


KINDS: Final[dict[str, Kind]] = {
    "location": Kind(Location),
    "evse": Kind(EVSE),
    "connector": Kind(Connector),
    "tariff": Kind(TariffWire, tariff_to_model),
    "token": Kind(Token),
    "session": Kind(SessionWire, session_to_model),
    "cdr": Kind(CdrWire, cdr_to_model),
    "command.START_SESSION": Kind(command.StartSession),
    "command.STOP_SESSION": Kind(command.StopSession),
    "command.RESERVE_NOW": Kind(command.ReserveNow),
    "command.CANCEL_RESERVATION": Kind(command.CancelReservation),
    "command.UNLOCK_CONNECTOR": Kind(command.UnlockConnector),
    "command_response": Kind(command.CommandResponse),
    "command_result": Kind(command.CommandResult),
    "authorization_info": Kind(AuthorizationInfo),
    "location_references": Kind(token.LocationReferences),
    "credentials": Kind(credentials.Credentials),
    "versions": Kind(tuple[credentials.Version, ...]),
    "version_details": Kind(credentials.VersionDetails),
    "client_info": Kind(ClientInfo),
    "charging_preferences": Kind(session.ChargingPreferences),
    "charging_preferences_response": Kind(str),
    "set_charging_profile": Kind(charging_profile.SetChargingProfile),
    "active_charging_profile": Kind(charging_profile.ActiveChargingProfile),
    "charging_profile_response": Kind(charging_profile.ChargingProfileResponse),
    "active_charging_profile_result": Kind(charging_profile.ActiveChargingProfileResult),
    "charging_profile_result": Kind(charging_profile.ChargingProfileResult),
    "clear_profile_result": Kind(charging_profile.ClearProfileResult),
    "display_text": Kind(DisplayText),
    "energy_mix": Kind(EnergyMix),
    "hours": Kind(Hours),
    "tariff_restrictions": Kind(TariffRestrictions),
}

NEWER_FIELDS: Final = frozenset(
    {
        "accepted_service_providers",
        "booking_id",
        "help_phone",
        "hub_party_id",
        "parking",
        "parking_places",
    }
)
"""Fields the shared structs have and this version does not: never a reason to refuse here."""

TOLERANT: Final[dict[str, Kind]] = {}
"""Kinds that are read differently from partners known to leave out what is required."""

PATCH_REQUIRED: Final = frozenset({"last_updated"})


def from_model(value: Any, *, emaid_as: str = EMAID_AS, **_: Any) -> tuple[Any, tuple[Loss, ...]]:
    """Give the value as this version writes it, and what was lost on the way."""
    losses: list[Loss] = []
    writer = _WRITERS.get(type(value))
    if writer is None:
        return value, ()
    return writer(value, losses, emaid_as), tuple(losses)


def _write_price(price: ModelPrice, field: str, losses: list[Loss]) -> Price:
    if with_vat(price.before_taxes, price.after_taxes) != price:
        losses.append(Loss(f"{field}.taxes", "the taxes became one incl_vat"))
    return Price(excl_vat=price.before_taxes, incl_vat=price.after_taxes)


def _write_limit(limit: PriceLimit | None) -> Price | None:
    if limit is None:
        return None
    return Price(excl_vat=limit.before_taxes, incl_vat=limit.after_taxes)


def _write_tariff(tariff: Tariff, losses: list[Loss], _: str) -> Any:
    fields = asdict(tariff)
    if fields.pop("preauthorize_amount") is not None:
        losses.append(Loss("preauthorize_amount", "left out"))
    included = fields.pop("tax_included")
    if included == TaxIncluded.YES:
        losses.append(Loss("tax_included", "prices were converted to prices without VAT"))
        fields["elements"] = tuple(untaxed(element) for element in tariff.elements)
    elif _has_rate(tariff) != (included == TaxIncluded.NO):
        losses.append(Loss("tax_included", f"{included} cannot be said: a rate is the only sign"))
    fields["min_price"] = _write_limit(tariff.min_price)
    fields["max_price"] = _write_limit(tariff.max_price)
    return TariffWire(**fields)


def untaxed(element: TariffElement) -> TariffElement:
    """Give an element whose prices contain tax with prices that do not, exactly divided."""
    parts = []
    for part in element.price_components:
        if part.vat is None:
            reason = "elements.price_components.vat: prices contain tax, but the rate is not stated"
            raise OcpiError(INVALID_PARAMETERS, 200, reason, field="elements")
        if not 0 <= part.vat <= RATE_MAX:
            reason = f"elements.price_components.vat: {part.vat} is not a percentage"
            raise OcpiError(INVALID_PARAMETERS, 200, reason, field="elements")
        parts.append(replace(part, price=_without_vat(part.price, part.vat)))
    return replace(element, price_components=tuple(parts))


def _without_vat(price: Decimal, rate: Decimal) -> Decimal:
    context = EXACT.copy()
    context.prec = RATE_DIGITS
    return context.divide(EXACT.multiply(price, Decimal(100)), EXACT.add(Decimal(100), rate))


def _write_session(value: Session, losses: list[Loss], emaid_as: str) -> Any:
    fields = asdict(value)
    if value.total_cost is not None:
        fields["total_cost"] = _write_price(value.total_cost, "total_cost", losses)
    fields["charging_periods"] = without_flat(value.charging_periods, losses)
    fields["cdr_token"] = _retype(value.cdr_token, "cdr_token.type", losses, emaid_as)
    return SessionWire(**fields)


def _write_cdr(value: Cdr, losses: list[Loss], emaid_as: str) -> Any:
    fields = asdict(value)
    for name in _CDR_PRICES:
        if fields[name] is not None:
            fields[name] = _write_price(fields[name], name, losses)
    if fields.pop("booking_id") is not None:
        losses.append(Loss("booking_id", "left out"))
    fields["tariffs"] = tuple(_write_tariff(tariff, losses, emaid_as) for tariff in value.tariffs)
    fields["charging_periods"] = without_flat(value.charging_periods, losses)
    fields["cdr_token"] = _retype(value.cdr_token, "cdr_token.type", losses, emaid_as)
    return CdrWire(**fields)


def without_flat(
    periods: tuple[ChargingPeriod, ...], losses: list[Loss]
) -> tuple[ChargingPeriod, ...]:
    """Give the periods without FLAT, a dimension only OCPI 2.1.1 has: it measures nothing."""
    flat = CdrDimensionType.FLAT
    if all(part.type != flat for period in periods for part in period.dimensions):
        return periods
    losses.append(Loss("charging_periods.dimensions", "FLAT left out: it became a fixed cost"))
    return tuple(
        replace(period, dimensions=tuple(p for p in period.dimensions if p.type != flat))
        for period in periods
    )


def _retype(value: Any, field: str, losses: list[Loss], emaid_as: str) -> Any:
    if value.type != TokenType.EMAID:
        return value
    losses.append(Loss(field, f"EMAID became {emaid_as}"))
    return replace(value, type=emaid_as)


def _write_token(value: Token, losses: list[Loss], emaid_as: str) -> Any:
    return _retype(value, "type", losses, emaid_as)


def _write_holder(value: Any, losses: list[Loss], emaid_as: str) -> Any:
    return replace(value, token=_retype(value.token, "token.type", losses, emaid_as))


def _emptied(value: Any, empty: dict[str, Any], losses: list[Loss]) -> Any:
    """Give the value without the fields this version does not have; unchanged if none is set."""
    given = {name: gone for name, gone in empty.items() if getattr(value, name) != gone}
    losses.extend(Loss(name, "left out") for name in given)
    return replace(value, **given) if given else value


def _write_connector(value: Connector, losses: list[Loss], _: str) -> Connector:
    return _emptied(value, {"capabilities": ()}, losses)  # type: ignore[no-any-return]  # same type


def _write_evse(value: EVSE, losses: list[Loss], emaid_as: str) -> EVSE:
    slim: EVSE = _emptied(value, {"parking": (), "accepted_service_providers": ()}, losses)
    plugs = tuple(_write_connector(plug, losses, emaid_as) for plug in value.connectors)
    return slim if plugs == value.connectors else replace(slim, connectors=plugs)


def _write_location(value: Location, losses: list[Loss], emaid_as: str) -> Location:
    slim: Location = _emptied(value, {"parking_places": (), "help_phone": None}, losses)
    evses = tuple(_write_evse(evse, losses, emaid_as) for evse in value.evses)
    return slim if evses == value.evses else replace(slim, evses=evses)


def _write_credentials(value: credentials.Credentials, losses: list[Loss], _: str) -> Any:
    return _emptied(value, {"hub_party_id": None}, losses)


_WRITERS: Final[dict[type, Callable[[Any, list[Loss], str], Any]]] = {
    Tariff: _write_tariff,
    Session: _write_session,
    Cdr: _write_cdr,
    Token: _write_token,
    AuthorizationInfo: _write_holder,
    command.StartSession: _write_holder,
    command.ReserveNow: _write_holder,
    Connector: _write_connector,
    EVSE: _write_evse,
    Location: _write_location,
    credentials.Credentials: _write_credentials,
}
