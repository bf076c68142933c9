from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.errors import Reason
from settlement.fx import Quote, buy, sell
from settlement.fx.convert import at_mid
from settlement.ledger.entry import entry, idem_key
from settlement.ledger.exchange import conversion_legs, leg
from settlement.money import Money

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def quote(mid="11.7345", base="EUR", counter="NOK", spread="0.004", **more):
    stated = {
        "provider": "sample",
        "quote_id": "Q1",
        "quoted_at": NOW - timedelta(minutes=1),
        "valid_until": NOW + timedelta(minutes=1),
    }
    return Quote(
        base=base, counter=counter, mid=Decimal(mid), spread=Decimal(spread), **{**stated, **more}
    )


def money(minor, currency):
    return Money(amount_minor=minor, currency=currency)


def test_buying_rounds_up_and_shows_the_spread():
    deal = buy(money(10_000, "NOK"), "EUR", [quote()], NOW)
    assert deal.source == money(853, "EUR")  # 8.5219 EUR
    assert deal.spread == money(4, "EUR")
    assert deal.target == money(10_000, "NOK")


def test_selling_rounds_down():
    deal = sell(money(1_000, "NOK"), "EUR", [quote()], NOW)
    assert deal.target == money(85, "EUR")
    assert deal.spread == money(4, "NOK")


def test_quote_works_in_both_directions():
    deal = buy(money(1_000, "EUR"), "NOK", [quote()], NOW)
    assert deal.source == money(11_735, "NOK")


@pytest.mark.parametrize(
    "quotes",
    [
        [],
        [quote(base="EUR", counter="SEK")],
        [quote(valid_until=NOW - timedelta(seconds=1))],
        [quote(quoted_at=NOW + timedelta(seconds=1))],
        [quote(mid="0")],
        [quote(spread="1")],
    ],
)
def test_no_usable_quote_is_held(quotes):
    assert buy(money(1, "NOK"), "EUR", quotes, NOW).reason is Reason.FX_QUOTE_MISSING


def test_newest_quote_is_taken():
    old = quote("11", quote_id="OLD", quoted_at=NOW - timedelta(hours=1))
    assert buy(money(1, "NOK"), "EUR", [quote(), old], NOW).quote.quote_id == "Q1"


def test_currencies_without_decimals_are_scaled():
    yen = quote("160", counter="JPY")
    assert buy(money(160, "JPY"), "EUR", [yen], NOW).source == money(100, "EUR")


@given(
    st.integers(1, 10**9),
    st.decimals("0.01", "1000", places=4),
    st.decimals("0", "0.2", places=4),
    st.booleans(),
)
def test_liquidity_never_loses_and_each_currency_balances(minor, mid, spread, buying):
    quotes = [quote(str(mid), spread=str(spread))]
    trade = buy if buying else sell
    deal = trade(money(minor, "NOK"), "EUR", quotes, NOW)
    worth = at_mid(deal.target, deal.source.currency, quotes[0])
    assert deal.source.amount_minor >= worth
    assert deal.spread.amount_minor >= Fraction(spread) * (worth if buying else minor)
    came, went = deal.source, deal.target
    made = entry(
        kind="test",
        idem=idem_key("x"),
        input_hash=bytes(32),
        occurred_at=NOW,
        legs=[
            leg(f"receivable:A:{came.currency}", came.currency, came.amount_minor),
            *conversion_legs(deal),
            leg(f"payable:B:{went.currency}", went.currency, -went.amount_minor),
        ],
    )
    assert made.legs
