from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.tariff.number import decimal_text, exact_sum


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(-1, 8), "-0.125"),
        (Fraction(1, 3), "0.333333333333"),
        (Fraction(-2, 3), "-0.666666666667"),
        (Fraction(2999999999999999, 3000000000000000), "1"),
        (Fraction(-1, 10**31), "0"),
        (Fraction(1, 10**30), "0." + "0" * 29 + "1"),
    ],
)
def test_decimals_are_exact_where_they_end(value, text):
    assert decimal_text(value) == text


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=8
    )
)
def test_decimal_numbers_keep_their_value(value):
    text = decimal_text(Fraction(value))
    assert Decimal(text) == value
    assert "E" not in text
    assert not text.endswith(".")
    assert "." not in text or not text.endswith("0")


@given(st.lists(st.fractions(), min_size=1))
def test_exact_sum_is_the_sum(values):
    assert exact_sum(values) == sum(values)
