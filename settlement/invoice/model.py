"""The EN 16931 semantic model, as far as charging needs it: an `Invoice` that sums, or none.

Amounts are whole minor units of the document currency (BT-5). Quantities and unit prices are
decimals. Credit notes carry positive amounts: the type code turns their meaning (EN 16931 §6.2).
Names follow the business terms; each field names its BT.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from settlement.invoice import rule
from settlement.invoice.party import Delivery, Party
from settlement.tax.leg import Category


class TypeCode(StrEnum):
    """BT-3, UNTDID 1001."""

    INVOICE = "380"
    CREDIT_NOTE = "381"
    SELF_BILLED = "389"
    SELF_BILLED_CREDIT = "261"

    @property
    def is_credit(self) -> bool:
        return self in (TypeCode.CREDIT_NOTE, TypeCode.SELF_BILLED_CREDIT)

    @property
    def is_self_billed(self) -> bool:
        return self in (TypeCode.SELF_BILLED, TypeCode.SELF_BILLED_CREDIT)


class Unit(StrEnum):
    """BT-130, UN/ECE Recommendation 20."""

    KILOWATT_HOUR = "KWH"
    HOUR = "HUR"
    PIECE = "C62"


class PaymentCode(StrEnum):
    """BT-81, UNTDID 4461."""

    UNDEFINED = "1"
    CREDIT_TRANSFER = "30"
    CARD = "48"
    SEPA_CREDIT_TRANSFER = "58"
    ONLINE = "68"
    NETTED = "97"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """BG-1. Subject `AAI` = general information, `REG` = regulatory (UNTDID 4451)."""

    text: str
    subject: str = "AAI"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """BG-25: net_minor is BT-131, price is the net price BT-146 of one unit."""

    name: str
    quantity: Decimal
    unit: Unit
    price: Decimal
    net_minor: int
    category: Category
    rate: Decimal
    """Percent (BT-152): 19 means 19 %."""
    description: str = ""
    started_on: date | None = None
    ended_on: date | None = None


class VatGroup(msgspec.Struct, frozen=True, kw_only=True):
    """BG-23: one row for each category and rate."""

    category: Category
    rate: Decimal
    basis_minor: int
    vat_minor: int
    exemption_code: str = ""
    exemption_text: str = ""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """BG-22. There are no document-level allowances or charges, so BT-109 = BT-106."""

    net_minor: int
    """BT-106 and BT-109."""
    vat_minor: int
    """BT-110."""
    gross_minor: int
    """BT-112."""
    paid_minor: int = 0
    """BT-113: what was collected or netted before the document was written."""
    due_minor: int
    """BT-115."""
    vat_accounting_minor: int | None = None
    """BT-111: the VAT in the accounting currency (art 230 VAT Directive)."""


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """BG-16 to BG-17."""

    code: PaymentCode
    iban: str = ""
    bic: str = ""
    account_name: str = ""
    remittance: str = ""
    """BT-83."""
    terms: str = ""
    """BT-20."""
    due_on: date | None = None
    """BT-9."""


class Preceding(msgspec.Struct, frozen=True, kw_only=True):
    """BG-3: the document that this one corrects."""

    number: str
    issued_on: date


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """The one charging session that a document is about; absent on collective documents."""

    session_id: str
    cdr_id: str
    evse_id: str
    started_at: datetime
    ended_at: datetime
    time_zone: str
    """IANA name of the charge point's zone: people read local times."""
    energy_kwh: Decimal
    location_name: str = ""
    tariff_id: str = ""


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """A document that obeys the sums of EN 16931; making one that does not raises.

    Raises:
        BrokenRuleError: names the first business rule that is broken.
    """

    number: str
    """BT-1."""
    issued_on: date
    """BT-2."""
    type_code: TypeCode
    currency: str
    """BT-5."""
    seller: Party
    buyer: Party
    lines: tuple[Line, ...]
    vat: tuple[VatGroup, ...]
    totals: Totals
    payment: Payment
    accounting_currency: str = ""
    """BT-6: the currency of the state of supply, when it is another one."""
    tax_point_on: date | None = None
    """BT-7."""
    buyer_reference: str = ""
    """BT-10."""
    period_start: date | None = None
    period_end: date | None = None
    delivery: Delivery | None = None
    delivered_on: date | None = None
    """BT-72."""
    notes: tuple[Note, ...] = ()
    preceding: Preceding | None = None
    occasion: Occasion | None = None
    issued_by: str = ""
    """Who issued it in the seller's name (art 220 VAT Directive), when not the seller."""
    language: str = "en"
    """Of the recipient, for the texts that people read."""

    def __post_init__(self) -> None:
        rule.refuse_broken(self)
