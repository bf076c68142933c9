"""Money is an integer of minor units and a currency; rounding is named where it happens."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cache

import msgspec
from iso4217 import Currency

from settlement.errors import MoneyError, OutOfBoundsError

MINOR_MAX = 2**62  # legs are stored as bigint; sums of a few legs must still fit
AMOUNT_DIGITS_MAX = 16
AMOUNT_EXPONENT_MIN = -6
AMOUNT_MAGNITUDE_MAX = 9
VOLUME_DIGITS_MAX = 24
VOLUME_EXPONENT_MIN = -18
NUMBER_TEXT_MAX = 40


class Rounding(StrEnum):
    HALF_UP = "HALF_UP"  # half away from zero, as on every invoice
    HALF_EVEN = "HALF_EVEN"
    DOWN = "DOWN"  # towards zero
    UP = "UP"  # away from zero
    FLOOR = "FLOOR"
    CEILING = "CEILING"


class Money(msgspec.Struct, frozen=True, kw_only=True, order=False):
    """`amount_minor` in units of 10^-exponent(currency)."""

    amount_minor: int
    currency: str

    def __neg__(self) -> Money:
        return Money(amount_minor=-self.amount_minor, currency=self.currency)

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise MoneyError(f"{self.currency} and {other.currency} do not add")
        return Money(amount_minor=self.amount_minor + other.amount_minor, currency=self.currency)

    def __sub__(self, other: Money) -> Money:
        return self + -other

    def __str__(self) -> str:
        return f"{decimal_text(self)} {self.currency}"


@cache
def exponent(currency: str) -> int:
    """Number of decimals of a currency by ISO 4217; raises for codes that carry no money."""
    try:
        found = Currency(currency).exponent
    except ValueError:
        raise MoneyError(f"currency {currency[:8]!r} is not in ISO 4217") from None
    if found is None:
        raise MoneyError(f"currency {currency!r} has no minor unit")
    return int(found)


def is_currency(currency: str) -> bool:
    try:
        exponent(currency)
    except MoneyError:
        return False
    return True


def round_to_int(value: Fraction, mode: Rounding) -> int:
    """The integer that `mode` makes of an exact value."""
    floor, rest = divmod(value.numerator, value.denominator)
    if rest == 0:
        return floor
    twice = 2 * rest - value.denominator
    negative = value.numerator < 0
    match mode:
        case Rounding.HALF_UP:
            up = twice > 0 or (twice == 0 and not negative)
        case Rounding.HALF_EVEN:
            up = twice > 0 or (twice == 0 and floor % 2 == 1)
        case Rounding.DOWN:
            up = negative
        case Rounding.UP:
            up = not negative
        case Rounding.FLOOR:
            up = False
        case Rounding.CEILING:
            up = True
    return floor + up


def round_to_decimals(value: Fraction, decimals: int, mode: Rounding) -> Decimal:
    """`value` with exactly `decimals` digits after the point."""
    return Decimal(round_to_int(value * 10**decimals, mode)).scaleb(-decimals)


def to_money(value: Fraction | Decimal | int, currency: str, mode: Rounding) -> Money:
    """An exact amount of major units as money."""
    minor = round_to_int(Fraction(value) * 10 ** exponent(currency), mode)
    if abs(minor) > MINOR_MAX:
        raise OutOfBoundsError("the amount does not fit the ledger")
    return Money(amount_minor=minor, currency=currency)


def to_decimal(money: Money) -> Decimal:
    return Decimal(money.amount_minor).scaleb(-exponent(money.currency))


def decimal_text(money: Money) -> str:
    return format(to_decimal(money), "f")


def split(total: int, weights: Sequence[Fraction | int]) -> tuple[int, ...]:
    """`total` shared by weight with the largest remainder: the parts always sum to `total`.

    Equal remainders go to the earlier part, so that a repetition gives the same answer.
    """
    if not weights or any(weight < 0 for weight in weights):
        raise MoneyError("weights are at least one and never negative")
    whole = Fraction(sum(weights))
    if whole == 0:
        raise MoneyError("weights do not sum to zero")
    exact = [Fraction(weight) * total / whole for weight in weights]
    parts = [share.numerator // share.denominator for share in exact]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return tuple(parts)


def bounded_amount(value: Decimal) -> Decimal:
    """`value` itself if it is a sane price or amount; checked before any arithmetic.

    `1e1000000` hangs `int()` and `Fraction()` for minutes (reliability reference §1.1).
    """
    return _bounded(value, AMOUNT_EXPONENT_MIN, AMOUNT_DIGITS_MAX)


def bounded_volume(value: Decimal) -> Decimal:
    """`value` itself if it is a sane quantity: partners send `0.016666666666666666` hours."""
    return _bounded(value, VOLUME_EXPONENT_MIN, VOLUME_DIGITS_MAX)


def parse_amount(text: str) -> Decimal:
    """A plain decimal number such as `-12.50`; no exponent, no other digits than 0-9."""
    body = text.removeprefix("-")
    whole, _, fraction = body.partition(".")
    if (
        len(text) > NUMBER_TEXT_MAX
        or not body.isascii()
        or not whole.isdigit()
        or ("." in body and not fraction.isdigit())
    ):
        raise OutOfBoundsError("not a plain decimal number")
    return bounded_amount(Decimal(text))


def _bounded(value: Decimal, exponent_min: int, digits_max: int) -> Decimal:
    if not value.is_finite():
        raise OutOfBoundsError("a number is not finite")
    _, digits, scale = value.as_tuple()
    if not isinstance(scale, int) or scale < exponent_min or len(digits) > digits_max:
        raise OutOfBoundsError("a number has too many digits")
    if value.adjusted() > AMOUNT_MAGNITUDE_MAX or scale > AMOUNT_MAGNITUDE_MAX:
        raise OutOfBoundsError("a number is too large")
    return value
