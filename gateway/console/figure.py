"""How figures look: money exactly, energy, durations, times with their age."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from markupsafe import Markup

from settlement.errors import MoneyError
from settlement.money import Money, decimal_text

DASH: Final = "\N{EN DASH}"
NOTHING: Final = Markup('<span class="none">{}</span>').format(DASH)
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_UNITS: Final = ((31_536_000, "y"), (86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def money(amount_minor: int | None, currency: str) -> Markup:
    """`1,234.50 EUR` from minor units; exact for every exponent."""
    if amount_minor is None:
        return NOTHING
    return Markup('<span class="num">{}</span> <span class="unit">{}</span>').format(
        amount(amount_minor, currency), currency
    )


def amount(amount_minor: int, currency: str) -> str:
    """The digits alone, grouped; the minus is a minus sign."""
    try:
        text = decimal_text(Money(amount_minor=amount_minor, currency=currency))
    except MoneyError:
        return f"{amount_minor} minor units of"
    return grouped(text)


def grouped(text: str) -> str:
    """A decimal's text with its thousands apart: nothing is rounded."""
    sign = "\N{MINUS SIGN}" if text.startswith("-") else ""
    whole, point, rest = text.lstrip("-").partition(".")
    return f"{sign}{int(whole or '0'):,}{point}{rest}"


def number(value: int | str | Decimal | None) -> str | Markup:
    """Any exact number, grouped."""
    return NOTHING if value is None else grouped(str(value))


def energy(watt_hours: int | None) -> Markup:
    """`12.500 kWh` from watt-hours."""
    if watt_hours is None:
        return NOTHING
    text = grouped(format(Decimal(watt_hours).scaleb(-3), "f"))
    return Markup('<span class="num">{}</span> <span class="unit">kWh</span>').format(text)


def latency(microseconds: int | None) -> Markup:
    """Milliseconds with as many digits as mean something."""
    if microseconds is None:
        return NOTHING
    if microseconds < 1000:
        shown, unit = str(microseconds), "µs"
    else:
        places = 1 if microseconds < 100_000 else 0
        shown, unit = f"{microseconds / 1000:,.{places}f}", "ms"
    return Markup('<span class="num">{}</span> <span class="unit">{}</span>').format(shown, unit)


def span(how_long: timedelta | None) -> str:
    """The two largest units: `2 d 4 h`, `3 min 5 s`."""
    if how_long is None:
        return DASH
    rest = abs(round(how_long.total_seconds()))
    parts: list[str] = []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts or unit == "s":
            parts.append(f"{count} {unit}")
        if len(parts) == 2:
            break
    return " ".join(part for i, part in enumerate(parts) if i == 0 or not part.startswith("0 "))


def age(at: datetime, now: datetime) -> str:
    """`5 min ago`, `in 3 h`."""
    gap = now - at
    if abs(gap) < timedelta(seconds=2):
        return "just now"
    largest = " ".join(span(gap).split()[:2])
    return f"{largest} ago" if gap > timedelta() else f"in {largest}"


def moment(at: datetime | date | None, now: datetime, *, with_age: bool = True) -> Markup:
    """UTC to the second, today without the date, and how long ago."""
    if at is None:
        return NOTHING
    if not isinstance(at, datetime):
        return Markup('<time datetime="{0}">{0}</time>').format(at.isoformat())
    at = at.astimezone(UTC)
    shown = f"{at:%H:%M:%S}" if at.date() == now.date() else _dated(at, now)
    tail = Markup(' <span class="age">{}</span>').format(age(at, now)) if with_age else ""
    return Markup('<time datetime="{}" title="{} UTC">{}</time>{}').format(
        at.isoformat(), f"{at:%Y-%m-%d %H:%M:%S}", shown, tail
    )


def _dated(at: datetime, now: datetime) -> str:
    """The day, with its year only where it is another one."""
    if at.year != now.year:
        return f"{at:%Y-%m-%d}"
    return f"{at.day} {_MONTHS[at.month - 1]} {at:%H:%M}"


def words(text: str | None) -> str:
    """`price_mismatch` and `NOT_ALLOWED` as people read them."""
    return (text or "").replace("_", " ").replace("-", " ").lower()


def shortened(text: str | None, most: int = 16) -> Markup:
    """The beginning of a long id, the whole of it as its title."""
    if not text:
        return NOTHING
    if len(text) <= most:
        return Markup("<code>{}</code>").format(text)
    return Markup('<code title="{}">{}…</code>').format(text, text[:most])


def tail(address: str) -> str:
    """An address from its version on: what stands before is the same in every line."""
    _, found, rest = address.partition("/ocpi/")
    return f"/{rest}" if found else address
