from __future__ import annotations

from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
)
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.errors import MoneyError, OutOfBoundsError
from settlement.money import (
    Money,
    Rounding,
    bounded_amount,
    bounded_volume,
    decimal_text,
    exponent,
    parse_amount,
    round_to_int,
    split,
    to_money,
)

DECIMAL_MODES = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.DOWN: ROUND_DOWN,
    Rounding.UP: ROUND_UP,
    Rounding.FLOOR: ROUND_FLOOR,
    Rounding.CEILING: ROUND_CEILING,
}


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("JPY", 0), ("BHD", 3), ("NOK", 2)])
def test_exponent_of_a_currency_is_that_of_iso_4217(currency, digits):
    assert exponent(currency) == digits


@pytest.mark.parametrize("currency", ["", "ZZZ", "eur", "XAU", "€"])
def test_exponent_of_no_money_is_refused(currency):
    with pytest.raises(MoneyError):
        exponent(currency)


@given(st.integers(-(10**9), 10**9), st.sampled_from(list(Rounding)))
def test_rounding_agrees_with_decimal(thousandths, mode):
    exact = Decimal(thousandths).scaleb(-1)
    wanted = int(exact.quantize(Decimal(1), rounding=DECIMAL_MODES[mode]))
    assert round_to_int(Fraction(thousandths, 10), mode) == wanted


def test_half_a_cent_goes_up_and_not_to_even():
    assert to_money(Decimal("1.005"), "EUR", Rounding.HALF_UP).amount_minor == 101
    assert to_money(Decimal("-1.005"), "EUR", Rounding.HALF_UP).amount_minor == -101


@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.fractions(0, 1000), min_size=1, max_size=12).filter(any),
)
def test_split_parts_always_sum_to_the_total(total, weights):
    parts = split(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    assert all(
        abs(part - weight * total / whole) < 1 for part, weight in zip(parts, weights, strict=True)
    )


@pytest.mark.parametrize("weights", [[], [0], [1, -1]])
def test_split_without_sense_is_refused(weights):
    with pytest.raises(MoneyError):
        split(10, weights)


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e1000000", "1E+12", "9" * 17, "0.0000001", "1e-7"]
)
def test_amount_out_of_bounds_is_refused_before_arithmetic(value):
    with pytest.raises(OutOfBoundsError):
        bounded_amount(Decimal(value))


def test_volume_may_be_longer_than_an_amount():
    assert bounded_volume(Decimal("0.016666666666666666"))
    with pytest.raises(OutOfBoundsError):
        bounded_volume(Decimal("1e-19"))


@pytest.mark.parametrize(
    "text", ["", "-", "1.", ".5", "1e5", "٣", "1_0", " 1", "0x1", "1" * 50, "NaN", "+1"]
)
def test_text_that_is_no_plain_number_is_refused(text):
    with pytest.raises(OutOfBoundsError):
        parse_amount(text)


def test_plain_text_is_read():
    assert parse_amount("-12.50") == Decimal("-12.50")


def test_currencies_do_not_add():
    with pytest.raises(MoneyError):
        Money(amount_minor=1, currency="EUR") + Money(amount_minor=1, currency="NOK")


def test_money_shows_its_decimals():
    assert decimal_text(Money(amount_minor=-5, currency="EUR")) == "-0.05"
    assert str(Money(amount_minor=1200, currency="JPY")) == "1200 JPY"


def test_too_much_money_is_refused():
    with pytest.raises(OutOfBoundsError):
        to_money(10**20, "EUR", Rounding.HALF_UP)
