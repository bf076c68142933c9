"""Reference rates as quotes: dated, kept by name, and none where there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from settlement.bank.rate import EcbReference
from settlement.fx import find

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
SOURCE = EcbReference(spread=Decimal("0.004"))


def test_quote_when_asked_on_monday_morning_then_it_is_fridays() -> None:
    quote = SOURCE.quote("NOK", "EUR", MONDAY)
    assert quote is not None
    assert (quote.base, quote.counter, quote.mid) == ("EUR", "NOK", Decimal("11.2085"))
    assert quote.quoted_at == datetime(2026, 2, 27, 15, tzinfo=UTC)
    assert quote.spread == Decimal("0.004")


def test_quote_when_asked_twice_in_a_day_then_the_same_quote() -> None:
    later = SOURCE.quote("EUR", "NOK", MONDAY + timedelta(hours=2))
    assert later == SOURCE.quote("NOK", "EUR", MONDAY)


def test_quote_when_neither_is_the_euro_then_crossed_and_usable_by_the_rules() -> None:
    quote = SOURCE.quote("CHF", "NOK", MONDAY)
    assert quote is not None
    assert quote.mid >= 1
    assert find([quote], "NOK", "CHF", MONDAY) == quote


def test_quote_when_the_history_is_too_old_or_the_currency_dead_then_none() -> None:
    assert SOURCE.quote("EUR", "NOK", datetime(2027, 1, 20, tzinfo=UTC)) is None
    assert SOURCE.quote("EUR", "HRK", MONDAY) is None
    assert SOURCE.quote("EUR", "XXX", MONDAY) is None
    assert SOURCE.quote("EUR", "NOK", datetime(1998, 1, 20, tzinfo=UTC)) is None
