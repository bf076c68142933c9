"""One supply between two parties with its VAT: what an invoice line and a posting are made from."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec

from settlement.tax.party import MoneyParty


class Supply(StrEnum):
    ELECTRICITY = "electricity"  # charging as one supply of goods (CJEU C-282/22)
    COMMISSION = "commission"  # hub to CPO, a service
    REFERRAL = "referral"  # DP to hub, a service


class PlaceRule(StrEnum):
    ART_38 = "art_38"  # taxable dealer: the dealer's establishment
    ART_39 = "art_39"  # consumption: the charge point
    ART_44 = "art_44"  # business service: the customer's establishment


class Liable(StrEnum):
    SUPPLIER = "supplier"
    CUSTOMER = "customer"  # reverse charge


class Category(StrEnum):
    """UNCL 5305 as EN 16931 uses it (BT-118, BT-151)."""

    STANDARD = "S"  # any rate above zero, reduced ones too
    ZERO = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    OUT_OF_SCOPE = "O"


class DocumentKind(StrEnum):
    RECEIPT = "receipt"  # CPO to driver, in the CPO's name, issued by the hub (art. 220)
    INVOICE = "invoice"  # 380
    CREDIT_NOTE = "credit_note"  # 381
    SELF_BILLED = "self_billed"  # 389, issued by the customer (art. 224)
    SELF_BILLED_CREDIT = "self_billed_credit"  # 261
    RECEIPT_CREDIT = "receipt_credit"


class VatSubtotal(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the VAT breakdown (EN 16931 BG-23)."""

    category: Category
    rate: Decimal  # percent
    base_minor: int
    vat_minor: int
    row_id: str  # the dated rate row that was used; empty where no rate applies
    reviewer: str = ""  # who stood behind that row when it was used
    reason: str = ""  # text printed for AE, E, O
    reason_code: str = ""  # VATEX code (BT-121)


class TaxLeg(msgspec.Struct, frozen=True, kw_only=True):
    """Net, VAT and gross of one supply; amounts in minor units of `currency`.

    For a reverse charge `vat_minor` is 0 on the document and `self_assessed_minor` is what the
    customer accounts for where the customer is the hub itself.
    """

    supply: Supply
    supplier: MoneyParty
    customer: MoneyParty
    place_rule: PlaceRule
    place: str  # jurisdiction whose rules apply
    liable: Liable
    issuer: str  # party key of who writes the document
    series: str  # number series the document is drawn from
    document: DocumentKind
    tax_point: date
    currency: str
    net_minor: int
    vat_minor: int
    gross_minor: int
    subtotals: tuple[VatSubtotal, ...]
    self_assessed_minor: int = 0
    self_assessed_row_id: str = ""
    vat_in_place_currency_minor: int | None = None  # art. 230, where it differs
    place_currency: str = ""
