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
    above, below = value.as_integer_ratio()
    if below == 1:
        return str(above)
    decimals, factor = _scale(below)
    if factor:
        digits = str(abs(above) * factor)
    else:
        doubled = abs(above) * 10**decimals * 2 // below
        digits = str((doubled + 1) // 2)
    digits = digits.zfill(decimals + 1)
    text = f"{digits[:-decimals]}.{digits[-decimals:]}"
    if not factor:
        text = text.rstrip("0").rstrip(".")
    return text if above >= 0 or text == "0" else f"-{text}"


@lru_cache(maxsize=4096)
def _scale(denominator: int) -> tuple[int, int]:
    """Decimals to show, and the factor that makes a numerator of them; 0 = they never end."""
    rest, twos, fives = denominator, 0, 0
    while rest % 2 == 0 and twos <= DECIMALS_EXACT:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0 and fives <= DECIMALS_EXACT:
        rest, fives = rest // 5, fives + 1
    needed = max(twos, fives)
    if rest != 1 or needed > DECIMALS_EXACT:
        return DECIMALS_SHOWN, 0
    return needed, 10**needed // denominator
