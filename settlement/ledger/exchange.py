"""Postings of a conversion: two currencies meet only through their liquidity accounts."""

from __future__ import annotations

from settlement.fx.convert import Conversion
from settlement.ledger.account import fx_liquidity, fx_spread
from settlement.ledger.entry import Leg


def conversion_legs(conversion: Conversion) -> tuple[Leg, ...]:
    """The liquidity side of a conversion; the hub carries the spread, in sight.

    The caller posts `+source` where the money comes from and `-target` where it goes.
    """
    source, target, spread = conversion.source, conversion.target, conversion.spread
    return (
        leg(fx_liquidity(source.currency), source.currency, -source.amount_minor),
        leg(fx_liquidity(spread.currency), spread.currency, -spread.amount_minor),
        leg(fx_spread(spread.currency), spread.currency, spread.amount_minor),
        leg(fx_liquidity(target.currency), target.currency, target.amount_minor),
    )


def leg(account: str, currency: str, amount_minor: int) -> Leg:
    return Leg(account=account, currency=currency, amount_minor=amount_minor)
