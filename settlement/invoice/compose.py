"""From what was supplied to a document that sums: unit prices, VAT groups, totals."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from settlement.invoice import rule
from settlement.invoice.model import (
    Invoice,
    Line,
    Note,
    Occasion,
    Payment,
    Preceding,
    Totals,
    TypeCode,
    Unit,
    VatGroup,
)
from settlement.invoice.party import Delivery, Party
from settlement.money import exponent
from settlement.tax.leg import Category

PRICE_DECIMALS_MIN = 4
EXEMPTIONS = {
    Category.REVERSE_CHARGE: ("VATEX-EU-AE", "Reverse charge"),
    Category.OUT_OF_SCOPE: ("VATEX-EU-O", "Not subject to VAT"),
}
CREDITS = {
    TypeCode.INVOICE: TypeCode.CREDIT_NOTE,
    TypeCode.SELF_BILLED: TypeCode.SELF_BILLED_CREDIT,
}


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing supplied; its net amount is the truth, the unit price follows it."""

    name: str
    quantity: Decimal
    unit: Unit
    net_minor: int
    category: Category
    rate: Decimal
    price: Decimal | None = None
    description: str = ""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A document before its sums. `vat` empty: computed from the items, half up for each group."""

    number: str
    issued_on: date
    type_code: TypeCode
    currency: str
    seller: Party
    buyer: Party
    items: tuple[Item, ...]
    payment: Payment
    vat: tuple[VatGroup, ...] = ()
    is_paid: bool = False
    accounting_currency: str = ""
    vat_accounting_minor: int | None = None
    tax_point_on: date | None = None
    buyer_reference: str = ""
    period_start: date | None = None
    period_end: date | None = None
    delivery: Delivery | None = None
    delivered_on: date | None = None
    notes: tuple[Note, ...] = ()
    preceding: Preceding | None = None
    occasion: Occasion | None = None
    issued_by: str = ""
    language: str = "en"


def compose(draft: Draft) -> Invoice:
    """The document of a draft.

    Raises:
        BrokenRuleError: the draft cannot become a document.
    """
    lines = tuple(_line(item, draft.currency) for item in draft.items)
    vat = draft.vat or _vat_groups(lines)
    net = sum(line.net_minor for line in lines)
    tax = sum(group.vat_minor for group in vat)
    paid = net + tax if draft.is_paid else 0
    return Invoice(
        number=draft.number,
        issued_on=draft.issued_on,
        type_code=draft.type_code,
        currency=draft.currency,
        seller=draft.seller,
        buyer=draft.buyer,
        lines=lines,
        vat=vat,
        totals=Totals(
            net_minor=net,
            vat_minor=tax,
            gross_minor=net + tax,
            paid_minor=paid,
            due_minor=net + tax - paid,
            vat_accounting_minor=draft.vat_accounting_minor,
        ),
        payment=draft.payment,
        accounting_currency=draft.accounting_currency,
        tax_point_on=draft.tax_point_on,
        buyer_reference=draft.buyer_reference,
        period_start=draft.period_start,
        period_end=draft.period_end,
        delivery=draft.delivery,
        delivered_on=draft.delivered_on,
        notes=(*draft.notes, *_occasion_notes(draft.occasion)),
        preceding=draft.preceding,
        occasion=draft.occasion,
        issued_by=draft.issued_by,
        language=draft.language,
    )


def credit(original: Invoice, *, number: str, issued_on: date) -> Invoice:
    """The credit note that takes the whole of a document back (381 or 261, BG-3 names it)."""
    return msgspec.structs.replace(
        original,
        number=number,
        issued_on=issued_on,
        type_code=CREDITS[original.type_code],
        preceding=Preceding(number=original.number, issued_on=original.issued_on),
    )


def _line(item: Item, currency: str) -> Line:
    """A negative line has a negative quantity: a unit price may not be negative (BR-27)."""
    quantity, price = item.quantity, item.price
    if (item.net_minor < 0) != (quantity < 0):
        quantity = -quantity
    scale = exponent(currency)
    net = Decimal(item.net_minor).scaleb(-scale)
    if price is None or abs(quantity * price - net) > Decimal(1).scaleb(-scale):
        if not quantity:
            quantity = Decimal(1 if item.net_minor >= 0 else -1)
        price = _quotient(net, quantity, scale)
    return Line(
        name=item.name,
        quantity=quantity,
        unit=item.unit,
        price=price,
        net_minor=item.net_minor,
        category=item.category,
        rate=item.rate,
        description=item.description,
    )


def _quotient(net: Decimal, quantity: Decimal, scale: int) -> Decimal:
    """With as many decimals as keep quantity times price within a tenth of a minor unit."""
    decimals = max(PRICE_DECIMALS_MIN, scale + 1 + max(0, quantity.adjusted() + 1))
    return (net / quantity).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def _vat_groups(lines: tuple[Line, ...]) -> tuple[VatGroup, ...]:
    found = []
    for (category, rate), group in rule.groups(lines).items():
        basis = sum(line.net_minor for line in group)
        code, text = EXEMPTIONS.get(Category(category), ("", ""))
        found.append(
            VatGroup(
                category=Category(category),
                rate=rate,
                basis_minor=basis,
                vat_minor=rule.vat_of(basis, rate),
                exemption_code=code,
                exemption_text=text,
            )
        )
    return tuple(found)


def _occasion_notes(occasion: Occasion | None) -> tuple[Note, ...]:
    """BG-1 so that the XML alone leads back to session, EVSE and CDR."""
    if occasion is None:
        return ()
    text = f"Session {occasion.session_id}, EVSE {occasion.evse_id}, CDR {occasion.cdr_id}"
    return (Note(text=text),)
