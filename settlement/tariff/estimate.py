"""What a session would cost before it starts: the engine on an even charging curve.

AFIR art. 5: every component is shown before the start. An estimate, never a promise of energy.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ocpi.model.tariff import Tariff
from settlement.errors import Held, MoneyError, OutOfBoundsError, Reason
from settlement.tariff.adapt import compile_tariff
from settlement.tariff.engine import price
from settlement.tariff.number import volume
from settlement.tariff.table import (
    Priced,
    PricePolicy,
    PriceRequest,
    PriceTable,
    Restriction,
    Usage,
    VatMissing,
)

DAYS_MAX = 7
CUTS_MAX = 2_000
YEAR_MAX = 9_000
SECONDS_PER_HOUR = 3600


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the driver means to do: charge `energy_kwh` in `charging_s`, then stay `parking_s`."""

    start: datetime
    zone: str
    energy_kwh: Decimal
    charging_s: int
    parking_s: int = 0
    current_a: Decimal | None = None

    @property
    def end_of_charging(self) -> datetime:
        return self.start + timedelta(seconds=self.charging_s)

    @property
    def end(self) -> datetime:
        return self.end_of_charging + timedelta(seconds=self.parking_s)


def quote(
    tariff: Tariff,
    plan: Plan,
    policy: PricePolicy | None = None,
    *,
    vat_missing: VatMissing = VatMissing.UNKNOWN,
) -> Priced | Held:
    """The explained price of `plan`, with a period wherever a component of the tariff changes."""
    try:
        zone = ZoneInfo(plan.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return Held(reason=Reason.TIME_ZONE_MISSING, detail=f"no time zone {plan.zone[:64]!r}")
    try:
        _check(plan)
        table = compile_tariff(tariff, vat_missing)
        usages = tuple(_usages(plan, sorted(_cuts(plan, table, zone))))
    except MoneyError as wrong:
        return Held(reason=Reason.TARIFF_UNUSABLE, detail=str(wrong))
    return price(
        PriceRequest(
            start=plan.start,
            end=plan.end,
            usages=usages,
            tables=(table,),
            zone=plan.zone,
            policy=policy or PricePolicy(),
            is_forced=True,
        )
    )


def _check(plan: Plan) -> None:
    if plan.charging_s <= 0 or plan.parking_s < 0 or volume(plan.energy_kwh) < 0:
        raise OutOfBoundsError(
            "a plan charges for a while, and neither time nor energy is negative"
        )
    too_late = plan.start.year > YEAR_MAX
    if too_late or plan.charging_s + plan.parking_s > DAYS_MAX * 86_400:
        raise OutOfBoundsError(f"a plan is not longer than {DAYS_MAX} days")


def _usages(plan: Plan, cuts: list[datetime]) -> Iterator[Usage]:
    whole = volume(plan.energy_kwh)
    current = None if plan.current_a is None else volume(plan.current_a)
    power = whole * SECONDS_PER_HOUR / plan.charging_s if plan.charging_s else None
    for start, end in pairwise(cuts):
        hours = _hours(end - start)
        if start >= plan.end_of_charging:
            yield Usage(start=start, end=end, parking=hours)
            continue
        yield Usage(
            start=start,
            end=end,
            time=hours,
            energy=whole * hours * SECONDS_PER_HOUR / plan.charging_s,
            min_current=current,
            max_current=current,
            min_power=power,
            max_power=power,
        )


def _cuts(plan: Plan, table: PriceTable, zone: ZoneInfo) -> set[datetime]:
    """Start, end, and every moment between at which a restriction may change its answer."""
    found = {plan.start, plan.end_of_charging, plan.end}
    for restriction in _restrictions(table):
        moments = [*_durations(plan, restriction), *_energies(plan, restriction)]
        if restriction.is_local:
            moments += _clocks(plan, restriction, zone)
        found.update(moment for moment in moments if plan.start < moment < plan.end)
        if len(found) > CUTS_MAX:
            raise OutOfBoundsError("the tariff changes too often to be quoted")
    return found


def _restrictions(table: PriceTable) -> Iterator[Restriction]:
    slots = table.session
    for slot in (*slots.energy, *slots.time, *slots.parking, *slots.flat):
        if slot.restriction is not None and slot.restriction.is_moving:
            yield slot.restriction


def _durations(plan: Plan, restriction: Restriction) -> Iterator[datetime]:
    for seconds in (restriction.min_duration_s, restriction.max_duration_s):
        if seconds is not None and seconds <= DAYS_MAX * 86_400:
            yield plan.start + timedelta(seconds=seconds)


def _energies(plan: Plan, restriction: Restriction) -> Iterator[datetime]:
    whole = volume(plan.energy_kwh)
    for kwh in (restriction.min_kwh, restriction.max_kwh):
        if kwh is not None and 0 < kwh < whole:
            micros = kwh * plan.charging_s * 1_000_000 / whole
            yield plan.start + timedelta(microseconds=-(-micros.numerator // micros.denominator))


def _clocks(plan: Plan, restriction: Restriction, zone: ZoneInfo) -> Iterator[datetime]:
    """Midnights and the clock times of the restriction, on every local day of the plan."""
    clocks = {0, restriction.start_time_s or 0, restriction.end_time_s or 0}
    day = plan.start.astimezone(zone).date()
    last = plan.end.astimezone(zone).date()
    while day <= last:
        for seconds in clocks:
            clock = time(seconds // 3600, seconds % 3600 // 60)
            for fold in (0, 1):  # both, in the night that has the hour twice
                local = datetime.combine(day, clock, tzinfo=zone).replace(fold=fold)
                yield local.astimezone(plan.start.tzinfo)
        day += timedelta(days=1)


def _hours(span: timedelta) -> Fraction:
    return Fraction(span // timedelta(microseconds=1), 3_600_000_000)
