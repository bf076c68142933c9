"""The CDR's own totals beside ours: equal at the decimals the CDR shows, or named."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec

from ocpi.model.cdr import Cdr
from ocpi.model.price import Price
from settlement.money import Rounding, exponent, is_currency, round_to_decimals
from settlement.tariff.number import decimal_text, rational
from settlement.tariff.table import Amounts, Group, Priced

DECIMALS_MAX = 6


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    field: str
    cdr: str
    computed: str


_PARTS = (
    ("total_fixed_cost", Group.FIXED),
    ("total_energy_cost", Group.ENERGY),
    ("total_time_cost", Group.TIME),
    ("total_parking_cost", Group.PARKING),
    ("total_reservation_cost", Group.RESERVATION),
)


def differences(
    cdr: Cdr, priced: Priced, mode: Rounding = Rounding.HALF_UP, tolerance_minor: int = 0
) -> tuple[Difference, ...]:
    """Every cost field of the CDR that our price does not explain, the total first."""
    found = list(total_differences(cdr, priced, mode, tolerance_minor))
    if priced.adjustment is None:
        for field, group in _PARTS:
            stated: Price | None = getattr(cdr, field)
            if stated is not None:
                ours = priced.group(group)
                judge = _Judge(currency=cdr.currency, mode=mode, tolerance_minor=tolerance_minor)
                found += _compare(field, stated, ours, judge)
    return tuple(found)


def total_differences(
    cdr: Cdr, priced: Priced, mode: Rounding = Rounding.HALF_UP, tolerance_minor: int = 0
) -> tuple[Difference, ...]:
    """Only what concerns currency and total_cost."""
    if cdr.currency != priced.currency:
        return (Difference(field="currency", cdr=cdr.currency, computed=priced.currency),)
    judge = _Judge(currency=cdr.currency, mode=mode, tolerance_minor=tolerance_minor)
    return tuple(_compare("total_cost", cdr.total_cost, priced.total, judge))


def _compare(field: str, stated: Price, ours: Amounts, judge: _Judge) -> list[Difference]:
    sign = -1 if field == "total_cost" and stated.before_taxes < 0 else 1  # a credit CDR
    pairs = (
        ("before_taxes", stated.before_taxes, ours.before_taxes),
        ("after_taxes", stated.after_taxes, ours.after_taxes),
    )
    return [
        Difference(field=f"{field}.{name}", cdr=str(theirs), computed=decimal_text(sign * value))
        for name, theirs, value in pairs
        if theirs is not None and value is not None and not judge.fits(theirs, sign * value)
    ]


class _Judge(msgspec.Struct, frozen=True, kw_only=True):
    currency: str
    mode: Rounding
    tolerance_minor: int

    def fits(self, theirs: Decimal, exact: Fraction) -> bool:
        """Whether `theirs` is our exact amount, rounded at the currency's or its own decimals."""
        stated = rational(theirs)
        least = exponent(self.currency) if is_currency(self.currency) else 2
        if self.tolerance_minor:
            allowed = Fraction(self.tolerance_minor, 10**least)
            if abs(stated - exact) <= allowed:
                return True
        scale = theirs.as_tuple().exponent
        shown = -scale if isinstance(scale, int) else 0
        decimals = min(max(least, shown), DECIMALS_MAX)
        return stated == exact or stated == Fraction(round_to_decimals(exact, decimals, self.mode))
