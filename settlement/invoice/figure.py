"""Numbers as XML wants them: no exponent, nothing rounded."""

from __future__ import annotations

from decimal import Decimal

from settlement.money import Money, decimal_text


def amount_text(minor: int, currency: str) -> str:
    """With all decimals of the currency: 1210 EUR → 12.10."""
    return decimal_text(Money(amount_minor=minor, currency=currency))


def plain(number: Decimal) -> str:
    """Without trailing zeros: 0.5900 → 0.59."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
