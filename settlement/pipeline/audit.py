"""What must be true of a CDR before it is priced (settlement reference §1.5, reliability §5.3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from ocpi.model.cdr import Cdr, CdrDimensionType
from ocpi.model.price import Price
from settlement.errors import Held, OutOfBoundsError, Reason
from settlement.money import bounded_amount, is_currency
from settlement.pipeline.item import MeterState, SettlementItem, SettlementPolicy
from settlement.tariff.number import decimal_text, volume

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOT_AVAILABLE = "#NA"
LAST_DECIMAL = Fraction(1, 10_000)
COSTS = (
    "total_cost",
    "total_fixed_cost",
    "total_energy_cost",
    "total_time_cost",
    "total_parking_cost",
    "total_reservation_cost",
)
METER_REASONS = {
    MeterState.SIGNATURE_INVALID: Reason.METER_SIGNATURE_INVALID,
    MeterState.KEY_UNKNOWN: Reason.METER_KEY_UNKNOWN,
    MeterState.ENERGY_DIFFERS: Reason.METER_ENERGY_DIFFERS,
}


def audit(item: SettlementItem, policy: SettlementPolicy, now: datetime) -> Held | None:
    """The first thing that keeps the CDR from being priced."""
    for check in CHECKS:
        if held := check(item, policy, now):
            return held
    return None


def _conflict(item: SettlementItem, _policy: SettlementPolicy, _now: datetime) -> Held | None:
    if item.has_conflict:
        return _held(Reason.CDR_CONFLICT, "the same CDR id arrived with other content", "id")
    if item.overlaps:
        shown = ", ".join(item.overlaps[:5])
        return _held(Reason.CDR_OVERLAPS, f"overlaps on the same EVSE with {shown}")
    return None


def _kind(item: SettlementItem, policy: SettlementPolicy, _now: datetime) -> Held | None:
    cdr = item.cdr
    if cdr.home_charging_compensation and not policy.allow_home_charging:
        return _held(
            Reason.HOME_CHARGING,
            "a reimbursement to the driver has other VAT and no contract here",
            "home_charging_compensation",
        )
    if not is_currency(cdr.currency):
        return _held(Reason.CURRENCY_UNKNOWN, f"{cdr.currency} is not in ISO 4217", "currency")
    place = cdr.cdr_location
    if NOT_AVAILABLE in (place.evse_uid, place.connector_id) and len(item.published) > 1:
        detail = "the reserved connector is not named and several tariffs are published"
        return _held(Reason.CONNECTOR_UNKNOWN, detail, "cdr_location.connector_id")
    return None


def _times(item: SettlementItem, policy: SettlementPolicy, now: datetime) -> Held | None:
    cdr = item.cdr
    if EPOCH in (cdr.start_date_time, cdr.end_date_time):
        return _held(Reason.TIME_UNKNOWN, "1970-01-01 stands for an unknown time")
    if cdr.end_date_time < cdr.start_date_time:
        return _held(Reason.CDR_INCONSISTENT, "the session ends before it starts", "end_date_time")
    if cdr.end_date_time - cdr.start_date_time > timedelta(days=policy.days_max):
        return _held(Reason.CDR_OUT_OF_BOUNDS, f"longer than {policy.days_max} days")
    if cdr.end_date_time > now + timedelta(seconds=policy.future_s_max):
        return _held(Reason.CDR_OUT_OF_BOUNDS, "the session ends in the future", "end_date_time")
    if item.received_at - cdr.end_date_time > timedelta(days=policy.age_days_max):
        return _held(Reason.CDR_TOO_OLD, f"ended more than {policy.age_days_max} days ago")
    return None


def _periods(item: SettlementItem, _policy: SettlementPolicy, _now: datetime) -> Held | None:
    cdr = item.cdr
    if not cdr.charging_periods:
        return _held(Reason.CDR_INCONSISTENT, "there is no charging period", "charging_periods")
    previous = cdr.start_date_time
    for period in cdr.charging_periods:
        if not previous <= period.start_date_time <= cdr.end_date_time:
            return _held(
                Reason.CDR_INCONSISTENT,
                "charging periods are not in order inside the session",
                "charging_periods.start_date_time",
            )
        previous = period.start_date_time
    return None


def _bounds(item: SettlementItem, policy: SettlementPolicy, _now: datetime) -> Held | None:
    cdr = item.cdr
    try:
        for period in cdr.charging_periods:
            for dimension in period.dimensions:
                volume(dimension.volume)
        energy = volume(cdr.total_energy)
        volume(cdr.total_time)
        volume(cdr.total_parking_time or Decimal(0))
        for cost in COSTS:
            _bounded_cost(getattr(cdr, cost))
    except OutOfBoundsError as wrong:
        return _held(Reason.CDR_OUT_OF_BOUNDS, str(wrong), "charging_periods")
    if abs(energy) > Fraction(policy.energy_kwh_max):
        return _held(Reason.CDR_OUT_OF_BOUNDS, "more energy than one session can take")
    if not policy.allow_negative_energy and _has_negative(cdr):
        return _held(Reason.NEGATIVE_QUANTITY, "a quantity is negative", "charging_periods")
    return None


def _sums(item: SettlementItem, _policy: SettlementPolicy, _now: datetime) -> Held | None:
    """Periods against totals; where a CDR gives no such dimension there is nothing to compare."""
    cdr = item.cdr
    energy, energy_parts = _sum(cdr, CdrDimensionType.ENERGY)
    charging, time_parts = _sum(cdr, CdrDimensionType.TIME)
    parking, parking_parts = _sum(cdr, CdrDimensionType.PARKING_TIME)
    compared = (
        ("total_energy", energy, energy_parts, cdr.total_energy),
        ("total_time", charging + parking, time_parts + parking_parts, cdr.total_time),
    )
    for field, ours, parts, stated in compared:
        if parts and abs(ours - volume(stated)) > LAST_DECIMAL * (parts + 1):
            detail = f"periods sum to {decimal_text(ours)}, {field} is {stated}"
            return _held(Reason.CDR_INCONSISTENT, detail, field)
    if cdr.total_parking_time is not None and cdr.total_parking_time > cdr.total_time:
        return _held(Reason.CDR_INCONSISTENT, "parked longer than it took", "total_parking_time")
    return None


def _meter(item: SettlementItem, policy: SettlementPolicy, _now: datetime) -> Held | None:
    reason = METER_REASONS.get(item.meter.state)
    if reason is not None:
        return _held(reason, item.meter.detail or reason, "signed_data")
    is_required = item.cpo is not None and item.cpo.country in policy.meter_required_in
    if is_required and item.meter.state is not MeterState.PROVEN:
        return _held(Reason.METER_PROOF_MISSING, "billed kWh need signed values", "signed_data")
    return None


def _parties(item: SettlementItem, policy: SettlementPolicy, _now: datetime) -> Held | None:
    if item.cpo is None or item.demand is None:
        side = "operator" if item.cpo is None else "demand partner"
        return _held(Reason.PARTY_MISSING, f"the {side} of this session is not known to the hub")
    if policy.require_payee_bank and not item.cpo.iban:
        return _held(Reason.PAYEE_BANK_MISSING, f"{item.cpo.key} has no account", "iban")
    if item.contract is None:
        return _held(Reason.COMMISSION_MISSING, f"no commission is agreed with {item.cpo.key}")
    return None


Check = Callable[[SettlementItem, SettlementPolicy, datetime], Held | None]
CHECKS: tuple[Check, ...] = (_conflict, _kind, _times, _periods, _bounds, _sums, _meter, _parties)


def _bounded_cost(cost: Price | None) -> None:
    if cost is not None:
        bounded_amount(cost.before_taxes)
        for tax in cost.taxes:
            bounded_amount(tax.amount)


def _sum(cdr: Cdr, kind: str) -> tuple[Fraction, int]:
    parts = [
        volume(dimension.volume)
        for period in cdr.charging_periods
        for dimension in period.dimensions
        if dimension.type == kind
    ]
    return sum(parts, Fraction(0)), len(parts)


def _has_negative(cdr: Cdr) -> bool:
    totals: tuple[Decimal | None, ...] = (cdr.total_energy, cdr.total_time, cdr.total_parking_time)
    if any(total is not None and total < 0 for total in totals):
        return True
    return any(d.volume < 0 for period in cdr.charging_periods for d in period.dimensions)


def _held(reason: Reason, detail: str, field: str = "") -> Held:
    return Held(reason=reason, detail=detail, field=field)
