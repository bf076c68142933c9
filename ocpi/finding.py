"""What is odd in partner input that was taken all the same: values to show, never exceptions.

OCPI is permissive: unknown fields, empty lists and open enums are no reason to refuse. They are a
reason to tell the partner, before a driver or an invoice finds out.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from itertools import chain, islice
from typing import Any, Final

import msgspec

from ocpi.model.cdr import Cdr
from ocpi.model.location import EVSE, GeoLocation, Location
from ocpi.model.party import fold
from ocpi.model.tariff import PriceComponent, Tariff, TariffDimensionType, TariffElement
from ocpi.wire.codec import wire_type

FINDINGS_MAX: Final = 100
ENERGY_KWH_MAX: Final = Decimal(1000)
AHEAD_MAX: Final = timedelta(minutes=5)
AGE_MAX: Final = timedelta(days=90)

_ANY: Final = msgspec.json.Decoder(Any)
_DIMENSIONS: Final = frozenset(
    {
        TariffDimensionType.ENERGY,
        TariffDimensionType.FLAT,
        TariffDimensionType.PARKING_TIME,
        TariffDimensionType.TIME,
    }
)


class Severity(Enum):
    """How much it matters."""

    NOTE = "NOTE"
    WARNING = "WARNING"
    ERROR = "ERROR"


class Finding(msgspec.Struct, frozen=True):
    """One oddity: where, how bad, what, in words for the partner."""

    field: str
    severity: Severity
    message: str


def lint(version: str, kind: str, raw: bytes, value: object, now: datetime) -> tuple[Finding, ...]:
    """Give what is odd about a message that was decoded from ``raw`` to ``value``."""
    odd = chain(unknown_fields(version, kind, raw), _judged(value, now))
    return tuple(islice(odd, FINDINGS_MAX))


def _judged(value: object, now: datetime) -> Iterator[Finding]:
    match value:
        case Tariff():
            yield from lint_tariff(value)
        case Location():
            yield from lint_location(value)
        case EVSE():
            yield from _evse(value, "")
        case Cdr():
            yield from lint_cdr(value, now)
        case _:
            pass


def unknown_fields(version: str, kind: str, raw: bytes) -> Iterator[Finding]:
    """Give the fields the version does not have, and the one that was probably meant."""
    try:
        value = _ANY.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    yield from _unknown(wire_type(version, kind), value, "")


def _unknown(type_: Any, value: Any, path: str) -> Iterator[Finding]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(type_, item, f"{path}[{index}]")
    struct = _struct_in(type_)
    if struct is None or not isinstance(value, dict):
        return
    known = {info.encode_name: info.type for info in msgspec.structs.fields(struct)}
    for name, inner in value.items():
        here = f"{path}.{name[:60]}" if path else name[:60]
        if name in known:
            yield from _unknown(known[name], inner, here)
        else:
            yield Finding(here, Severity.NOTE, "unknown field" + _meant(name, known, value))


def _meant(name: str, known: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    missing = [field for field in known if field not in given]
    close = (
        difflib.get_close_matches(name.lower(), missing, n=1, cutoff=0.8) if len(name) < 60 else []
    )
    return f": is {close[0]} meant?" if close else ""


def _struct_in(type_: Any) -> type[msgspec.Struct] | None:
    """Give the struct inside an optional, annotated or list type."""
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return type_
    if isinstance(type_, types.UnionType) or typing.get_origin(type_) is not None:
        for part in typing.get_args(type_):
            found = _struct_in(part)
            if found is not None:
                return found
    return None


def lint_tariff(tariff: Tariff) -> Iterator[Finding]:
    """Give what would price wrongly or not at all (OCPI 2.2.1 mod_tariffs)."""
    if not tariff.elements:
        yield Finding("elements", Severity.ERROR, "no element: every session would be free")
    low, high = tariff.min_price, tariff.max_price
    if low is not None and high is not None and low.before_taxes > high.before_taxes:
        yield Finding("min_price", Severity.ERROR, "above max_price")
    start, end = tariff.start_date_time, tariff.end_date_time
    if start is not None and end is not None and start >= end:
        yield Finding("end_date_time", Severity.ERROR, "not after start_date_time")
    settled: set[tuple[str, str | None]] = set()
    for index, element in enumerate(tariff.elements):
        yield from _element(element, f"elements[{index}]", settled)
    yield from _gaps(tariff, settled)


def _element(
    element: TariffElement, path: str, settled: set[tuple[str, str | None]]
) -> Iterator[Finding]:
    if not element.price_components:
        yield Finding(f"{path}.price_components", Severity.WARNING, "empty: prices nothing")
    limits = element.restrictions
    reservation = limits.reservation if limits else None
    for index, part in enumerate(element.price_components):
        here = f"{path}.price_components[{index}]"
        yield from _component(part, here)
        if (part.type, reservation) in settled:
            message = f"never reached: an earlier element prices {part.type} without conditions"
            yield Finding(here, Severity.WARNING, message)
    if limits is None or not _conditions(limits):
        settled.update((part.type, reservation) for part in element.price_components)
    for low, high in (("min_kwh", "max_kwh"), ("min_current", "max_current")):
        yield from _order(limits, low, high, path)
    for low, high in (("min_power", "max_power"), ("min_duration", "max_duration")):
        yield from _order(limits, low, high, path)


def _conditions(limits: msgspec.Struct) -> bool:
    """Tell whether anything but ``reservation`` restricts the element."""
    fields = msgspec.structs.asdict(limits)
    fields.pop("reservation")
    return any(value not in (None, ()) for value in fields.values())


def _component(part: PriceComponent, path: str) -> Iterator[Finding]:
    if part.type not in _DIMENSIONS:
        yield Finding(f"{path}.type", Severity.ERROR, f"{part.type[:40]!r} cannot be priced")
    if part.price < 0:
        yield Finding(f"{path}.price", Severity.WARNING, "negative")
    if part.step_size == 0:
        yield Finding(f"{path}.step_size", Severity.WARNING, "0 is read as 1")
    if part.vat is not None and not 0 <= part.vat <= 100:
        yield Finding(f"{path}.vat", Severity.ERROR, "not a percentage")


def _order(limits: object, low: str, high: str, path: str) -> Iterator[Finding]:
    least, most = getattr(limits, low, None), getattr(limits, high, None)
    if least is not None and most is not None and least >= most:
        yield Finding(
            f"{path}.restrictions.{low}", Severity.WARNING, f"not below {high}: never true"
        )


def _gaps(tariff: Tariff, settled: set[tuple[str, str | None]]) -> Iterator[Finding]:
    """A dimension priced only under conditions is free whenever none of them holds."""
    priced = {
        (part.type, element.restrictions.reservation if element.restrictions else None)
        for element in tariff.elements
        for part in element.price_components
    }
    for dimension, reservation in sorted(priced - settled, key=str):
        if reservation is None:
            message = f"{dimension} is priced only under conditions: free when none of them holds"
            yield Finding("elements", Severity.NOTE, message)


def lint_location(location: Location) -> Iterator[Finding]:
    """Give what keeps drivers from finding or using a location (OCPI 2.2.1 mod_locations)."""
    if not location.evses:
        yield Finding("evses", Severity.NOTE, "no EVSE")
    if len(location.country) != 3:
        yield Finding("country", Severity.WARNING, "an ISO 3166-1 alpha-3 code is expected")
    if "/" not in location.time_zone and location.time_zone != "UTC":
        yield Finding("time_zone", Severity.ERROR, "an IANA name such as Europe/Oslo is expected")
    if location.publish and location.publish_allowed_to:
        yield Finding("publish_allowed_to", Severity.WARNING, "only meant for publish = false")
    yield from _point(location.coordinates, "coordinates")
    yield from _doubles("evses", [evse.uid for evse in location.evses])
    for index, evse in enumerate(location.evses):
        yield from _evse(evse, f"evses[{index}].")


def _evse(evse: EVSE, path: str) -> Iterator[Finding]:
    if not evse.connectors:
        yield Finding(f"{path}connectors", Severity.WARNING, "empty: nothing to plug into")
    yield from _doubles(f"{path}connectors", [plug.id for plug in evse.connectors])
    for index, plug in enumerate(evse.connectors):
        if plug.max_voltage == 0 or plug.max_amperage == 0:
            yield Finding(f"{path}connectors[{index}]", Severity.WARNING, "delivers no power")


def _doubles(path: str, ids: list[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for id_ in ids:
        key = fold(id_)
        if key in seen:
            yield Finding(path, Severity.ERROR, f"{id_[:40]!r} is there twice")
        seen.add(key)


def _point(point: GeoLocation, path: str) -> Iterator[Finding]:
    for name, text, most in (("latitude", point.latitude, 90), ("longitude", point.longitude, 180)):
        try:
            value = float(text) if text.isascii() else float("nan")
        except ValueError:
            value = float("nan")
        if not -most <= value <= most:
            yield Finding(f"{path}.{name}", Severity.ERROR, "not a decimal degree on this planet")


def lint_cdr(cdr: Cdr, now: datetime) -> Iterator[Finding]:
    """Give what makes a CDR implausible; whoever settles decides whether it waits."""
    if cdr.end_date_time < cdr.start_date_time:
        yield Finding("end_date_time", Severity.ERROR, "before start_date_time")
    if cdr.end_date_time > now + AHEAD_MAX:
        yield Finding("end_date_time", Severity.ERROR, "in the future")
    if now - cdr.end_date_time > AGE_MAX:
        yield Finding("end_date_time", Severity.WARNING, "older than 90 days")
    if not 0 <= cdr.total_energy <= ENERGY_KWH_MAX:
        yield Finding("total_energy", Severity.ERROR, f"not between 0 and {ENERGY_KWH_MAX} kWh")
    if cdr.total_time < 0:
        yield Finding("total_time", Severity.ERROR, "negative")
    if not cdr.charging_periods:
        yield Finding("charging_periods", Severity.ERROR, "empty: nothing can be priced")
    starts = [period.start_date_time for period in cdr.charging_periods]
    if starts != sorted(starts):
        yield Finding("charging_periods", Severity.WARNING, "not in order of time")
    if cdr.credit and cdr.credit_reference_id is None:
        yield Finding("credit_reference_id", Severity.ERROR, "required for a credit CDR")
    if not cdr.credit and cdr.total_cost.before_taxes < 0:
        yield Finding("total_cost", Severity.ERROR, "negative without credit")
