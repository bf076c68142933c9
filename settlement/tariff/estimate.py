"""What a session would cost before it starts: the same engine, given a plan instead of a CDR."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import msgspec

from ocpi.model.tariff import Tariff
from settlement.errors import Held, MoneyError, Reason
from settlement.tariff.adapt import compile_tariff
from settlement.tariff.engine import price
from settlement.tariff.number import volume
from settlement.tariff.table import Priced, PricePolicy, PriceRequest, Usage

SLICE_S = 300  # a price that changes during the session is met at most this late
SLICES_MAX = 2000
SECONDS_PER_HOUR = 3600


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver means to do: so much energy evenly over so long, then stand for a while."""

    start: datetime
    energy_kwh: Decimal
    charging_s: int
    parking_s: int = 0


def estimate(
    tariff: Tariff, zone: str, plan: Plan, policy: PricePolicy | None = None
) -> Priced | Held:
    """The explained price of the plan at this tariff, or why it cannot be told."""
    try:
        table = compile_tariff(tariff)
        energy = volume(plan.energy_kwh)
    except MoneyError as wrong:
        return Held(reason=Reason.TARIFF_UNUSABLE, detail=str(wrong), field="tariffs")
    charged_at = plan.start + timedelta(seconds=plan.charging_s)
    usages = _slices(plan.start, plan.charging_s, energy) + _slices(charged_at, plan.parking_s)
    return price(
        PriceRequest(
            start=plan.start,
            end=charged_at + timedelta(seconds=plan.parking_s),
            usages=tuple(usages),
            tables=(table,),
            zone=zone,
            policy=policy or PricePolicy(),
            is_forced=True,
        )
    )


def _slices(start: datetime, seconds: int, energy: Fraction | None = None) -> list[Usage]:
    """Periods short enough that every restriction is looked at in time; volumes sum exactly."""
    if seconds <= 0:
        return []
    length = max(SLICE_S, -(-seconds // SLICES_MAX))
    found = []
    for begin in range(0, seconds, length):
        span = min(length, seconds - begin)
        hours = Fraction(span, SECONDS_PER_HOUR)
        found.append(
            Usage(
                start=start + timedelta(seconds=begin),
                end=start + timedelta(seconds=begin + span),
                energy=None if energy is None else energy * span / seconds,
                time=None if energy is None else hours,
                parking=hours if energy is None else None,
            )
        )
    return found
