"""Between JSON numbers and exact rationals, bounded before any arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import lcm

from settlement.errors import OutOfBoundsError
from settlement.money import bounded_amount, bounded_volume

DECIMALS_SHOWN = 12  # of a value whose decimals never end
DECIMALS_EXACT = 30


def rational(value: Decimal) -> Fraction:
    """A price, percentage or bound; the same few return with every CDR."""
    if not value.is_finite():
        raise OutOfBoundsError("a number is not finite")
    return _rational(value)


@lru_cache(maxsize=16_384)
def _rational(value: Decimal) -> Fraction:
    return Fraction(bounded_amount(value))


def volume(value: Decimal) -> Fraction:
    """A quantity of a charging period."""
    return Fraction(bounded_volume(value))


def exact_sum(values: Iterable[Fraction]) -> Fraction:
    """The sum over one common denominator: one reduction instead of one per addition."""
    parts = [value.as_integer_ratio() for value in values]
    if len(parts) == 1:
        return Fraction(*parts[0])
    whole = lcm(*[below for _, below in parts])
    return Fraction(sum(above * (whole // below) for above, below in parts), whole)


def decimal_text(value: Fraction) -> str:
    """Plain decimal digits: exact where they end, else rounded half up after 12 of them."""
    decimals = _decimals(value.denominator)
    doubled, rest = divmod(abs(value.numerator) * 10**decimals * 2, value.denominator)
    digits = str((doubled + 1) // 2 if rest or doubled % 2 else doubled // 2)
    sign = "-" if value < 0 else ""
    if decimals == 0:
        return sign + digits
    digits = digits.rjust(decimals + 1, "0")
    text = f"{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0").rstrip(".")
    return text if text == "0" else sign + text


@lru_cache(maxsize=4096)
def _decimals(denominator: int) -> int:
    rest, twos, fives = denominator, 0, 0
    while rest % 2 == 0 and twos <= DECIMALS_EXACT:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0 and fives <= DECIMALS_EXACT:
        rest, fives = rest // 5, fives + 1
    needed = max(twos, fives)
    return needed if rest == 1 and needed <= DECIMALS_EXACT else DECIMALS_SHOWN
