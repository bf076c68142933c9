"""When an element applies: bounds judged at one moment of a session (OCPI 2.2.1 §11.4.6)."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

import msgspec

from settlement.tariff.table import Restriction


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The session at one moment. Minima are inclusive, maxima exclusive."""

    local: datetime  # wall clock of the location
    energy: Fraction  # kWh so far
    elapsed_s: Fraction | int  # since the session's start, a reservation before it not counted
    min_current: Fraction | None
    max_current: Fraction | None
    min_power: Fraction | None
    max_power: Fraction | None


def matches(restriction: Restriction, state: State) -> bool:
    """Whether every bound holds. A current or power nobody measured counts as holding."""
    if restriction.never:
        return False
    if restriction.is_local and not _in_calendar(restriction, state.local):
        return False
    if restriction.is_metered and not _within(
        restriction.min_kwh, restriction.max_kwh, state.energy
    ):
        return False
    if restriction.is_timed and not _within(
        restriction.min_duration_s, restriction.max_duration_s, state.elapsed_s
    ):
        return False
    return not restriction.is_measured or _is_measured_within(restriction, state)


def _is_measured_within(restriction: Restriction, state: State) -> bool:
    return _measured(
        restriction.min_current, restriction.max_current, state.min_current, state.max_current
    ) and _measured(restriction.min_power, restriction.max_power, state.min_power, state.max_power)


def unknown_measures(restriction: Restriction, state: State) -> tuple[str, ...]:
    """The bounds that were taken as holding because the CDR does not carry their measure."""
    if not restriction.is_measured:
        return ()
    pairs = (
        ("min_current", restriction.min_current, state.min_current),
        ("max_current", restriction.max_current, state.max_current),
        ("min_power", restriction.min_power, state.min_power),
        ("max_power", restriction.max_power, state.max_power),
    )
    return tuple(name for name, bound, measured in pairs if bound is not None and measured is None)


def _within(
    least: Fraction | int | None, below: Fraction | int | None, value: Fraction | int
) -> bool:
    return (least is None or value >= least) and (below is None or value < below)


def _measured(
    least: Fraction | None,
    below: Fraction | None,
    measured_min: Fraction | None,
    measured_max: Fraction | None,
) -> bool:
    above = least is None or measured_min is None or measured_min >= least
    return above and (below is None or measured_max is None or measured_max < below)


def _in_calendar(restriction: Restriction, local: datetime) -> bool:
    if restriction.days is not None and local.weekday() not in restriction.days:
        return False
    if restriction.start_date is not None and local.date() < restriction.start_date:
        return False
    if restriction.end_date is not None and local.date() >= restriction.end_date:
        return False
    return _in_time_window(restriction.start_time_s, restriction.end_time_s, local)


def _in_time_window(start: int | None, end: int | None, local: datetime) -> bool:
    if start is None and end is None:
        return True
    now = local.hour * 3600 + local.minute * 60 + local.second
    start = start or 0
    end = end or 86_400  # 00:00 as an end is the end of the day
    if start == end:  # undefined in the text; the whole day fails safe
        return True
    if start < end:
        return start <= now < end
    return now >= start or now < end
