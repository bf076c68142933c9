"""From what the pipeline orders to the document itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from settlement.invoice.compose import Draft, Item, compose
from settlement.invoice.errors import DocumentError
from settlement.invoice.label import label
from settlement.invoice.line import fit
from settlement.invoice.model import (
    Invoice,
    Occasion,
    Payment,
    PaymentCode,
    Preceding,
    TypeCode,
    VatGroup,
)
from settlement.invoice.party import Address, Contact, Delivery, Party
from settlement.ledger.order import DocumentOrder
from settlement.tax.leg import Category, DocumentKind, Supply
from settlement.tax.party import DRIVER_KEY, MoneyParty

TYPE_CODES: Final = {
    DocumentKind.RECEIPT: TypeCode.INVOICE,
    DocumentKind.INVOICE: TypeCode.INVOICE,
    DocumentKind.CREDIT_NOTE: TypeCode.CREDIT_NOTE,
    DocumentKind.RECEIPT_CREDIT: TypeCode.CREDIT_NOTE,
    DocumentKind.SELF_BILLED: TypeCode.SELF_BILLED,
    DocumentKind.SELF_BILLED_CREDIT: TypeCode.SELF_BILLED_CREDIT,
}


def document_from_order(
    order: DocumentOrder,
    parties: Mapping[str, MoneyParty],
    number: str,
    issued_at: datetime,
    *,
    time_zone: str = "UTC",
    preceding: Preceding | None = None,
) -> Invoice:
    """The document of one order; see `document_from_orders`."""
    return document_from_orders(
        (order,), parties, number, issued_at, time_zone=time_zone, preceding=preceding
    )


def document_from_orders(
    orders: tuple[DocumentOrder, ...],
    parties: Mapping[str, MoneyParty],
    number: str,
    issued_at: datetime,
    *,
    time_zone: str = "UTC",
    preceding: Preceding | None = None,
) -> Invoice:
    """One document of orders that share a group key: their lines in order, their VAT as posted.

    `parties` names issuers by key; supplier and customer travel in the order. `time_zone` is that
    of the charge point, for the local times on a receipt. `preceding` is the document of the
    order that this one corrects.

    Raises:
        DocumentError: the orders do not belong together, or their document does not sum.
    """
    first = _one_document(orders)
    leg, kind = first.leg, TYPE_CODES[first.kind]
    language = (leg.supplier if kind.is_self_billed else leg.customer).language
    is_receipt = leg.supply is Supply.ELECTRICITY
    sign = -1 if kind.is_credit and leg.gross_minor < 0 else 1
    issuer = parties.get(leg.issuer)
    start, end = _period(orders, time_zone)
    items = tuple(item for order in orders for item in fit(order, sign, language))
    draft = Draft(
        number=number,
        issued_on=issued_at.date(),
        type_code=kind,
        currency=first.currency,
        seller=_party(leg.supplier, language),
        buyer=_party(leg.customer, language),
        items=items,
        vat=_vat(orders, sign, items),
        payment=_payment(first, kind, language),
        is_paid=not kind.is_self_billed,
        accounting_currency=leg.place_currency,
        vat_accounting_minor=_vat_in_place(orders, sign),
        tax_point_on=first.tax_point if not is_receipt else None,
        buyer_reference=first.contract_id if is_receipt else "",
        period_start=start,
        period_end=end,
        delivery=_delivery(first) if is_receipt else None,
        delivered_on=end if is_receipt else None,
        preceding=preceding,
        occasion=_occasion(first, time_zone) if is_receipt else None,
        issued_by=issuer.name if issuer is not None and leg.issuer != leg.supplier.key else "",
        language=language,
    )
    return compose(draft)


def _one_document(orders: tuple[DocumentOrder, ...]) -> DocumentOrder:
    if not orders:
        raise DocumentError("a document needs at least one order")
    first = orders[0]

    def identity(order: DocumentOrder) -> tuple[object, ...]:
        leg = order.leg
        return (
            order.group_key,
            order.kind,
            order.currency,
            leg.supplier.key,
            leg.customer.key,
            leg.series,
            leg.place_currency,
        )

    if any(identity(order) != identity(first) for order in orders):
        raise DocumentError(f"orders of several documents: {first.group_key}")
    return first


def _party(party: MoneyParty, language: str) -> Party:
    """The driver's name is not known to the hub: the receipt says "private customer"."""
    is_driver = party.key == DRIVER_KEY
    endpoint_scheme, endpoint = _schemed(party.electronic_address)
    legal_scheme, legal_id = _schemed(party.legal_id)
    address = party.address
    return Party(
        name=party.name or (label(language, "driver") if is_driver else ""),
        address=Address(
            street=address.street,
            postal_code=address.postal_code,
            city=address.city,
            country=address.country or party.country,
        ),
        legal_id=legal_id,
        legal_scheme=legal_scheme,
        vat_id=party.vat_id,
        endpoint=endpoint if endpoint_scheme else "",
        endpoint_scheme=endpoint_scheme,
        contact=Contact(email=party.email) if party.email else None,
    )


def _schemed(text: str) -> tuple[str, str]:
    """`0106:12345678` → scheme (ISO 6523, EAS) and number."""
    scheme, colon, number = text.partition(":")
    if colon and len(scheme) == 4 and scheme.isascii() and scheme.isdigit():
        return scheme, number
    return "", text


def _period(orders: tuple[DocumentOrder, ...], time_zone: str) -> tuple[date, date]:
    """First and last local day of what was supplied."""
    zone = ZoneInfo(time_zone)
    start = min(order.supply_start for order in orders)
    end = max(order.supply_end for order in orders)
    return start.astimezone(zone).date(), end.astimezone(zone).date()


def _vat(
    orders: tuple[DocumentOrder, ...], sign: int, items: tuple[Item, ...]
) -> tuple[VatGroup, ...]:
    """The sums of what was posted, never computed again: document and journal agree.

    A row of nothing that no line stands for is left out.
    """
    shown = {(item.category, item.rate) for item in items}
    found: dict[tuple[Category, Decimal], VatGroup] = {}
    for subtotal in (subtotal for order in orders for subtotal in order.leg.subtotals):
        key = (subtotal.category, subtotal.rate)
        before = found.get(key)
        found[key] = VatGroup(
            category=subtotal.category,
            rate=subtotal.rate,
            basis_minor=sign * subtotal.base_minor + (before.basis_minor if before else 0),
            vat_minor=sign * subtotal.vat_minor + (before.vat_minor if before else 0),
            exemption_code=subtotal.reason_code,
            exemption_text=subtotal.reason,
        )
    return tuple(
        group
        for key, group in found.items()
        if group.basis_minor or group.vat_minor or key in shown
    )


def _vat_in_place(orders: tuple[DocumentOrder, ...], sign: int) -> int | None:
    """BT-111, where the state of supply has another currency (art 230 VAT Directive)."""
    leg = orders[0].leg
    if not leg.place_currency or leg.place_currency == orders[0].currency:
        return None
    amounts = [order.leg.vat_in_place_currency_minor for order in orders]
    return sign * sum(amount for amount in amounts if amount is not None)


def _payment(order: DocumentOrder, kind: TypeCode, language: str) -> Payment:
    """Receipts are paid, commissions are netted, shares leave with the next payout."""
    words = partial(label, language)
    if order.leg.supply is Supply.ELECTRICITY:
        return Payment(code=PaymentCode.ONLINE, terms=words("paid_electronically"))
    if not kind.is_self_billed:
        return Payment(code=PaymentCode.NETTED, terms=words("netted"))
    supplier = order.leg.supplier
    if not supplier.iban:
        return Payment(code=PaymentCode.UNDEFINED, terms=words("next_payout"))
    is_euro = order.currency == "EUR"
    return Payment(
        code=PaymentCode.SEPA_CREDIT_TRANSFER if is_euro else PaymentCode.CREDIT_TRANSFER,
        iban=supplier.iban,
        bic=supplier.bic,
        account_name=supplier.name,
        terms=words("next_payout"),
    )


def _delivery(order: DocumentOrder) -> Delivery:
    """The charge point: the place of supply of electricity (art 39 VAT Directive)."""
    return Delivery(
        address=Address(country=order.location_country or order.leg.place.partition("-")[0]),
        name=order.location_name,
        location_id=order.evse_id,
    )


def _occasion(order: DocumentOrder, time_zone: str) -> Occasion:
    return Occasion(
        session_id=order.session_id,
        cdr_id=order.cdr_key,
        evse_id=order.evse_id,
        started_at=order.supply_start,
        ended_at=order.supply_end,
        time_zone=time_zone,
        energy_kwh=order.energy_kwh,
        location_name=order.location_name,
    )
