"""Conversion at a stored quote: the spread is shown, rounding favours the liquidity account."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction

import msgspec

from settlement.errors import Held, Reason
from settlement.fx.quote import Quote
from settlement.money import Money, Rounding, bounded_amount, exponent, round_to_int


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """The liquidity account takes `source` and `spread`, and gives `target`."""

    source: Money
    target: Money
    spread: Money  # in the currency of `source`, shown on its own
    quote: Quote


def find(quotes: Iterable[Quote], one: str, other: str, at: datetime) -> Quote | Held:
    """The newest quote for the pair, in either direction, that can be dealt at `at`."""
    pair = {one, other}
    good = [
        quote
        for quote in quotes
        if {quote.base, quote.counter} == pair
        and quote.quoted_at <= at <= quote.valid_until
        and quote.mid > 0
        and 0 <= quote.spread < 1
    ]
    if not good:
        return Held(
            reason=Reason.FX_QUOTE_MISSING,
            detail=f"no quote for {one}/{other} is valid at {at.isoformat(timespec='seconds')}",
        )
    return max(good, key=lambda quote: (quote.quoted_at, quote.provider, quote.quote_id))


def buy(target: Money, pay: str, quotes: Iterable[Quote], at: datetime) -> Conversion | Held:
    """What `target` costs in `pay`: the price at mid rounded up, the spread beside it."""
    quote = find(quotes, target.currency, pay, at)
    if isinstance(quote, Held):
        return quote
    exact = at_mid(target, pay, quote)
    cost = round_to_int(exact, Rounding.CEILING)
    return Conversion(
        source=Money(amount_minor=cost, currency=pay),
        target=target,
        spread=_spread(exact, pay, quote),
        quote=quote,
    )


def sell(source: Money, want: str, quotes: Iterable[Quote], at: datetime) -> Conversion | Held:
    """What `source` brings in `want`: the amount at mid rounded down, the spread beside it."""
    quote = find(quotes, source.currency, want, at)
    if isinstance(quote, Held):
        return quote
    gained = round_to_int(at_mid(source, want, quote), Rounding.FLOOR)
    return Conversion(
        source=source,
        target=Money(amount_minor=gained, currency=want),
        spread=_spread(Fraction(source.amount_minor), source.currency, quote),
        quote=quote,
    )


def at_mid(money: Money, want: str, quote: Quote) -> Fraction:
    """Minor units of `want` that `money` is worth at the middle rate, exactly."""
    mid = Fraction(bounded_amount(quote.mid))
    rate = mid if quote.base == money.currency else 1 / mid
    return money.amount_minor * rate * Fraction(10) ** (exponent(want) - exponent(money.currency))


def _spread(minor: Fraction, currency: str, quote: Quote) -> Money:
    cost = round_to_int(minor * Fraction(bounded_amount(quote.spread)), Rounding.CEILING)
    return Money(amount_minor=cost, currency=currency)
