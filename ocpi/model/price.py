"""Amounts as OCPI states them: before tax, with the taxes named (OCPI 2.3.0 types Price)."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

from ocpi.model.scalar import Number, Value

EXACT: Final = Context(prec=120)
"""Wide enough that sums of bounded wire numbers never round."""

VAT: Final = "VAT"


class TaxAmount(Value, frozen=True, kw_only=True):
    """One tax on an amount."""

    name: str
    account_number: str | None = None
    percentage: Number | None = None
    amount: Number


class Price(Value, frozen=True, kw_only=True):
    """An amount before taxes and each tax on it; none named means none is known."""

    before_taxes: Number
    taxes: tuple[TaxAmount, ...] = ()

    @property
    def after_taxes(self) -> Decimal | None:
        """The amount with every named tax, or None where no tax is stated."""
        if not self.taxes:
            return None
        total = self.before_taxes
        for tax in self.taxes:
            total = EXACT.add(total, tax.amount)
        return total


class PriceLimit(Value, frozen=True, kw_only=True):
    """The floor or ceiling of a session's price (OCPI 2.3.0 tariffs PriceLimit)."""

    before_taxes: Number
    after_taxes: Number | None = None


def with_vat(excl_vat: Decimal, incl_vat: Decimal | None) -> Price:
    """Give the price that older versions write as ``excl_vat`` and ``incl_vat``."""
    if incl_vat is None:
        return Price(before_taxes=excl_vat)
    tax = TaxAmount(name=VAT, amount=EXACT.subtract(incl_vat, excl_vat))
    return Price(before_taxes=excl_vat, taxes=(tax,))
