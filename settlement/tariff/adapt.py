"""From OCPI objects to a price request: the one place where their shape is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from ocpi.model.cdr import Cdr, CdrDimensionType, ChargingPeriod
from ocpi.model.party import fold
from ocpi.model.price import PriceLimit
from ocpi.model.tariff import (
    DayOfWeek,
    PriceComponent,
    ReservationRestrictionType,
    Tariff,
    TariffElement,
    TariffRestrictions,
)
from settlement.errors import Held, MoneyError, OutOfBoundsError, Reason
from settlement.tariff.number import rational, volume
from settlement.tariff.table import (
    Component,
    Dimension,
    Limit,
    Note,
    NoteCode,
    PricePolicy,
    PriceRequest,
    PriceTable,
    ReservationState,
    Restriction,
    Slot,
    Slots,
    TaxMode,
    Usage,
    VatMissing,
)

PERIODS_MAX = 5_000
ELEMENTS_MAX = 500
COMPONENTS_MAX = 50
TARIFFS_MAX = 50

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_DAYS = {
    DayOfWeek.MONDAY: 0,
    DayOfWeek.TUESDAY: 1,
    DayOfWeek.WEDNESDAY: 2,
    DayOfWeek.THURSDAY: 3,
    DayOfWeek.FRIDAY: 4,
    DayOfWeek.SATURDAY: 5,
    DayOfWeek.SUNDAY: 6,
}
_MEASURES = {
    CdrDimensionType.ENERGY: "energy",
    CdrDimensionType.TIME: "time",
    CdrDimensionType.PARKING_TIME: "parking",
    CdrDimensionType.RESERVATION_TIME: "reservation",
    CdrDimensionType.MIN_CURRENT: "min_current",
    CdrDimensionType.MAX_CURRENT: "max_current",
    CdrDimensionType.MIN_POWER: "min_power",
    CdrDimensionType.MAX_POWER: "max_power",
}
_SUMMED = frozenset({"energy", "time", "parking", "reservation"})
_SESSION = frozenset({"energy", "time", "parking"})
_ONE = Fraction(1)
_HUNDRED = 100
_SLOT_NAMES = {
    Dimension.ENERGY: "energy",
    Dimension.TIME: "time",
    Dimension.PARKING_TIME: "parking",
    Dimension.FLAT: "flat",
}


def request(
    cdr: Cdr,
    tariffs: Sequence[Tariff],
    zone: str,
    policy: PricePolicy | None = None,
    *,
    vat_missing: VatMissing = VatMissing.UNKNOWN,
    is_forced: bool = False,
    preference: str | None = None,
    at_terminal: bool = False,
    reservation: ReservationState | None = None,
) -> PriceRequest | Held:
    """What the engine needs to price `cdr`; held where a tariff or a number cannot be used."""
    try:
        tables = compile_all(tariffs, vat_missing)
    except MoneyError as wrong:
        return Held(reason=Reason.TARIFF_UNUSABLE, detail=str(wrong), field="tariffs")
    try:
        usages, derived = _usages(cdr)
    except MoneyError as wrong:
        return Held(reason=Reason.CDR_OUT_OF_BOUNDS, detail=str(wrong), field="charging_periods")
    return PriceRequest(
        start=cdr.start_date_time,
        end=cdr.end_date_time,
        usages=usages,
        tables=tables,
        zone=zone,
        policy=policy or PricePolicy(),
        reservation=derived if reservation is None else reservation,
        preference=preference,
        at_terminal=at_terminal,
        is_forced=is_forced,
    )


def compile_all(tariffs: Sequence[Tariff], vat_missing: VatMissing) -> tuple[PriceTable, ...]:
    if len(tariffs) > TARIFFS_MAX:
        raise OutOfBoundsError(f"more than {TARIFFS_MAX} tariffs")
    return tuple(compile_tariff(tariff, vat_missing) for tariff in tariffs)


@lru_cache(maxsize=4096)
def compile_tariff(tariff: Tariff, vat_missing: VatMissing = VatMissing.UNKNOWN) -> PriceTable:
    """The tariff as slots per dimension; raises MoneyError for one that cannot be calculated."""
    if len(tariff.elements) > ELEMENTS_MAX:
        raise OutOfBoundsError(f"more than {ELEMENTS_MAX} elements")
    vats = [c.vat is not None for e in tariff.elements for c in e.price_components]
    unnamed = _ONE if any(vats) or vat_missing is VatMissing.NONE else None
    notes: list[Note] = []
    if any(vats) and not all(vats):
        detail = "a component without vat is taken as not taxed"
        notes.append(Note(code=NoteCode.VAT_MISSING_ON_SOME, detail=detail))
    kinds: dict[str | None, dict[Dimension, list[Slot]]] = {None: {}}
    restrictions: list[TariffRestrictions] = []
    for index, element in enumerate(tariff.elements):
        restriction = _restriction(index, element.restrictions, notes)
        if element.restrictions is not None:
            restrictions.append(element.restrictions)
        kind = element.restrictions.reservation if element.restrictions else None
        slots = kinds.setdefault(kind, {})
        for slot in _element(index, element, restriction, unnamed, notes):
            slots.setdefault(slot.component.dimension, []).append(slot)
    return PriceTable(
        tariff_id=tariff.id,
        tariff_key=fold(tariff.id),
        currency=tariff.currency,
        type=tariff.type,
        tax=_tax_mode(tariff.tax_included),
        session=_slots(kinds[None]),
        reservation=_slots(kinds.get(ReservationRestrictionType.RESERVATION, {})),
        expiry=_slots(kinds.get(ReservationRestrictionType.RESERVATION_EXPIRES, {})),
        min_price=_limit(tariff.min_price),
        max_price=_limit(tariff.max_price),
        starts=tariff.start_date_time,
        ends=tariff.end_date_time,
        is_moving=any(map(_is_moving, restrictions)),
        is_local=any(map(_is_local, restrictions)),
        is_metered=any(map(_is_metered, restrictions)),
        notes=tuple(notes),
    )


def _tax_mode(text: str) -> TaxMode:
    try:
        return TaxMode(text)
    except ValueError:
        raise MoneyError(f"tax_included {text[:20]!r} is not YES, NO or N/A") from None


def _slots(found: dict[Dimension, list[Slot]]) -> Slots:
    return Slots(**{_SLOT_NAMES[dimension]: tuple(slots) for dimension, slots in found.items()})


def _element(
    index: int,
    element: TariffElement,
    restriction: Restriction | None,
    unnamed: Fraction | None,
    notes: list[Note],
) -> Iterable[Slot]:
    if len(element.price_components) > COMPONENTS_MAX:
        raise OutOfBoundsError(f"element {index} has more than {COMPONENTS_MAX} components")
    for stated in element.price_components:
        component = _component(stated, unnamed)
        if component is None:
            detail = f"element {index} prices {stated.type[:40]!r}, which is not a dimension"
            notes.append(Note(code=NoteCode.DIMENSION_UNKNOWN, detail=detail))
            continue
        yield Slot(element=index, component=component, restriction=restriction)


def _component(stated: PriceComponent, unnamed: Fraction | None) -> Component | None:
    try:
        dimension = Dimension(stated.type)
    except ValueError:
        return None
    if dimension is Dimension.RESERVATION_TIME:
        return None
    vat = None if stated.vat is None else rational(stated.vat)
    if vat is not None and not 0 <= vat <= _HUNDRED:
        raise MoneyError(f"a vat of {stated.vat} percent is not one")
    return Component(
        dimension=dimension,
        price=rational(stated.price),
        step_size=stated.step_size,
        vat=vat,
        tax_factor=unnamed if vat is None else _ONE + vat / _HUNDRED,
    )


def _limit(stated: PriceLimit | None) -> Limit | None:
    if stated is None:
        return None
    after = None if stated.after_taxes is None else rational(stated.after_taxes)
    return Limit(before_taxes=rational(stated.before_taxes), after_taxes=after)


def _restriction(
    index: int, stated: TariffRestrictions | None, notes: list[Note]
) -> Restriction | None:
    if stated is None:
        return None
    never = _unknown_words(index, stated, notes)
    made = Restriction(
        text=_text(stated),
        start_time_s=_clock(stated.start_time),
        end_time_s=_clock(stated.end_time),
        start_date=_date(stated.start_date),
        end_date=_date(stated.end_date),
        days=frozenset(_DAYS[day] for day in stated.day_of_week if day in _DAYS)
        if stated.day_of_week
        else None,
        min_kwh=_bound(stated.min_kwh),
        max_kwh=_bound(stated.max_kwh),
        min_current=_bound(stated.min_current),
        max_current=_bound(stated.max_current),
        min_power=_bound(stated.min_power),
        max_power=_bound(stated.max_power),
        min_duration_s=stated.min_duration,
        max_duration_s=stated.max_duration,
        never=never,
        is_local=_is_local(stated),
        is_metered=_is_metered(stated),
        is_timed=_is_timed(stated),
        is_measured=_is_measured(stated),
        is_moving=_is_moving(stated),
    )
    if made.start_time_s is not None and made.start_time_s == made.end_time_s:
        detail = f"element {index} starts and ends at {stated.start_time}: read as the whole day"
        notes.append(Note(code=NoteCode.TIME_WINDOW_UNDEFINED, detail=detail))
    return made if made.text else None


def _is_local(stated: TariffRestrictions) -> bool:
    dates = (stated.start_time, stated.end_time, stated.start_date, stated.end_date)
    return bool(stated.day_of_week) or any(bound is not None for bound in dates)


def _is_metered(stated: TariffRestrictions) -> bool:
    return stated.min_kwh is not None or stated.max_kwh is not None


def _is_timed(stated: TariffRestrictions) -> bool:
    return stated.min_duration is not None or stated.max_duration is not None


def _is_measured(stated: TariffRestrictions) -> bool:
    bounds = (stated.min_current, stated.max_current, stated.min_power, stated.max_power)
    return any(bound is not None for bound in bounds)


def _is_moving(stated: TariffRestrictions) -> bool:
    return _is_timed(stated) or _is_local(stated) or _is_metered(stated)


def _unknown_words(index: int, stated: TariffRestrictions, notes: list[Note]) -> bool:
    words = [day for day in stated.day_of_week if day not in _DAYS]
    known = (
        None,
        ReservationRestrictionType.RESERVATION,
        ReservationRestrictionType.RESERVATION_EXPIRES,
    )
    if stated.reservation not in known:
        words.append(str(stated.reservation))
    for word in words:
        detail = f"element {index} is restricted to {word[:40]!r}, which is not known"
        notes.append(Note(code=NoteCode.RESTRICTION_UNKNOWN, detail=detail))
    return stated.reservation not in known


def _text(stated: TariffRestrictions) -> str:
    """The restrictions as a person reads them, without the reservation word."""
    parts = []
    for name in TariffRestrictions.__struct_fields__:
        value = getattr(stated, name)
        if name == "reservation" or value is None or value == ():
            continue
        shown = ",".join(value) if isinstance(value, tuple) else value
        parts.append(f"{name} {shown}")
    return "; ".join(parts)


def _bound(value: Decimal | None) -> Fraction | None:
    return None if value is None else rational(value)


def _clock(text: str | None) -> int | None:
    if text is None:
        return None
    found = _CLOCK.match(text)
    if found is None:
        raise MoneyError(f"time {text[:20]!r} is not like 08:30")
    return int(found[1]) * 3600 + int(found[2]) * 60


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    if not _DATE.match(text):
        raise MoneyError(f"date {text[:20]!r} is not like 2026-01-31")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise MoneyError(f"date {text!r} does not exist") from None


def _usages(cdr: Cdr) -> tuple[tuple[Usage, ...], ReservationState]:
    """One usage per period; each ends where the next begins, the last with the session."""
    periods = cdr.charging_periods
    if len(periods) > PERIODS_MAX:
        raise OutOfBoundsError(f"more than {PERIODS_MAX} charging periods")
    usages = []
    reserved = used = False
    for position, period in enumerate(periods, start=1):
        is_last = position == len(periods)
        end = cdr.end_date_time if is_last else periods[position].start_date_time
        measured = _measured(period)
        reserved = reserved or "reservation" in measured
        used = used or not _SESSION.isdisjoint(measured)
        usages.append(
            Usage(
                start=period.start_date_time,
                end=end,
                tariff_key=fold(period.tariff_id) if period.tariff_id else "",
                **measured,
            )
        )
    if not reserved:
        return tuple(usages), ReservationState.NONE
    return tuple(usages), ReservationState.USED if used else ReservationState.EXPIRED


def _measured(period: ChargingPeriod) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for dimension in period.dimensions:
        name = _MEASURES.get(dimension.type)
        if name is None:
            continue
        value = volume(dimension.volume) if name in _SUMMED else rational(dimension.volume)
        found[name] = found[name] + value if name in found and name in _SUMMED else value
    return found
