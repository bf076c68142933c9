"""Figures are exact, whatever their currency; ages say what people would say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console import body, figure

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (0, "EUR", "0.00"),
        (5, "EUR", "0.05"),
        (-123456789, "NOK", "\N{MINUS SIGN}1,234,567.89"),
        (1234, "JPY", "1,234"),
        (1234567, "BHD", "1,234.567"),
        (2**62, "EUR", "46,116,860,184,273,879.04"),
        (7, "???", "7 minor units of"),
    ],
)
def test_amount_when_a_currency_has_its_own_exponent_then_it_is_followed(minor, currency, shown):
    assert figure.amount(minor, currency) == shown


@given(st.integers(-(2**62), 2**62))
def test_amount_when_it_is_read_back_then_no_digit_is_lost(minor):
    shown = figure.amount(minor, "EUR").replace(",", "").replace(".", "")
    assert int(shown.replace("\N{MINUS SIGN}", "-")) == minor


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (90000, "1 d 1 h"), (400 * 86400, "1 y 35 d")],
)  # fmt: skip
def test_span_when_it_is_long_then_two_units_are_enough(seconds, shown):
    assert figure.span(timedelta(seconds=seconds)) == shown


def test_age_when_it_is_past_or_future_then_the_words_say_so():
    assert figure.age(NOW, NOW) == "just now"
    assert figure.age(NOW - timedelta(minutes=5, seconds=3), NOW) == "5 min ago"
    assert figure.age(NOW + timedelta(hours=3), NOW) == "in 3 h"


def test_moment_when_it_is_today_or_not_then_only_what_is_needed_is_shown():
    assert ">11:00:00</time>" in figure.moment(NOW - timedelta(hours=1), NOW)
    assert ">10 Nov 12:00</time>" in figure.moment(NOW - timedelta(days=10), NOW)
    assert ">2025-11-20</time>" in figure.moment(NOW - timedelta(days=365), NOW)
    assert "2026-01-02" in figure.moment(date(2026, 1, 2), NOW)


def test_latency_when_it_grows_then_the_unit_follows():
    assert ">46</span>" in figure.latency(46)
    assert ">1.5</span>" in figure.latency(1500)
    assert ">1,234</span>" in figure.latency(1_234_000)


@given(st.binary(max_size=400))
def test_show_when_a_body_is_anything_then_it_is_text_without_tags(raw):
    shown = body.show(raw)
    if shown is not None:
        assert "<" not in str(shown.html).replace("<span class=", "").replace("</span>", "")


def test_show_when_a_body_nests_deeply_then_it_is_still_shown():
    assert body.show(b"[" * 8000) is not None
    assert body.show(b'"' + b"\\" * 8000) is not None
