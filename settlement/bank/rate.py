"""Where quotes come from: an interface of one call, and the ECB's reference rates behind it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Protocol

from currency_converter import CurrencyConverter, RateNotFoundError

from settlement.fx.quote import Quote

ECB = "ecb"
EURO = "EUR"
MID_DECIMALS = Decimal("1e-6")
PUBLISHED_AT = time(15, 0, tzinfo=UTC)  # about 16:00 CET


class RateSource(Protocol):
    """Who can be asked for a price: a bank's desk in production, reference rates in a trial."""

    def quote(self, one: str, other: str, now: datetime) -> Quote | None:
        """A price of the pair, in either direction, to deal on at `now`; None: the item is held."""


class EcbReference:
    """ECB reference rates from the history that the `currency_converter` package carries.

    The rates are for marking and for VAT (art. 91); dealing on them is a choice of who runs the
    hub, and `spread` is its price. A history older than `age_max` gives no quote.
    """

    def __init__(
        self,
        *,
        spread: Decimal,
        age_max: timedelta = timedelta(days=7),
        valid_for: timedelta = timedelta(hours=24),
    ) -> None:
        self.spread = spread
        self.age_max = age_max
        self.valid_for = valid_for

    def quote(self, one: str, other: str, now: datetime) -> Quote | None:
        """The newest reference rate of the pair; the dearer currency is the base."""
        newest = min(now.astimezone(UTC).date(), _last_day())
        for back in range(self.age_max.days + 1):
            day = newest - timedelta(days=back)
            published = datetime.combine(day, PUBLISHED_AT)
            if now - published > self.age_max + timedelta(days=1):
                return None
            if published <= now and (found := _mid(one, other, day)) is not None:
                base, counter, mid = found
                return Quote(
                    provider=ECB,
                    quote_id=f"{day}/{base}{counter}/{now.date()}/{self.spread}",
                    base=base,
                    counter=counter,
                    mid=mid,
                    spread=self.spread,
                    quoted_at=published,
                    valid_until=_end_of(now, self.valid_for),
                )
        return None


def _end_of(now: datetime, valid_for: timedelta) -> datetime:
    """Counted from the beginning of the day, so that the same day gives the same quote."""
    return datetime.combine(now.astimezone(UTC).date(), time(tzinfo=UTC)) + valid_for


@lru_cache(maxsize=1)
def _history() -> CurrencyConverter:
    return CurrencyConverter(decimal=True)


def _last_day() -> date:
    last: date = _history().bounds["USD"].last_date
    return last


@lru_cache(maxsize=4_096)
def _mid(one: str, other: str, day: date) -> tuple[str, str, Decimal] | None:
    """(base, counter, mid) of a day, or None where there is no rate; `mid` is at least one."""
    rates = _history()
    euro: dict[str, Decimal] = {EURO: Decimal(1)}
    for currency in {one, other} - {EURO}:
        try:
            euro[currency] = Decimal(rates.convert(1, EURO, currency, date=day))
        except (ValueError, RateNotFoundError):  # a currency it does not know, a day without a rate
            return None
    base, counter = sorted((one, other), key=lambda currency: (euro[currency], currency))
    mid = (euro[counter] / euro[base]).quantize(MID_DECIMALS, rounding=ROUND_HALF_EVEN)
    return base, counter, Decimal(format(mid.normalize(), "f"))
