"""VAT as dated, sourced data and the legs of a contract model."""

from settlement.tax.leg import (
    Category,
    DocumentKind,
    Liable,
    PlaceRule,
    Supply,
    TaxLeg,
    VatSubtotal,
)
from settlement.tax.party import Address, MoneyParty, driver
from settlement.tax.row import Kind, TaxRow, TaxTable, Verified, load, shipped

__all__ = [
    "Address",
    "Category",
    "DocumentKind",
    "Kind",
    "Liable",
    "MoneyParty",
    "PlaceRule",
    "Supply",
    "TaxLeg",
    "TaxRow",
    "TaxTable",
    "VatSubtotal",
    "Verified",
    "driver",
    "load",
    "shipped",
]
