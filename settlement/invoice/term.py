"""An `Invoice` as the dictionary of business terms that factur-x writes XML from."""

from __future__ import annotations

import re
from decimal import Decimal

from settlement.invoice.figure import amount_text, plain
from settlement.invoice.model import Invoice, Line, VatGroup
from settlement.invoice.party import Address, Delivery, Party
from settlement.tax.leg import Category

SPECIFICATION = "urn:cen.eu:en16931:2017"
"""BT-24 of the core; national and Peppol levels are patched in after writing (profile.py)."""

_FORBIDDEN = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")

Terms = dict[str, object]


def terms(invoice: Invoice) -> Terms:
    """A fresh dictionary keyed BT-n and BG-n; factur-x changes what it is given."""
    totals, currency = invoice.totals, invoice.currency
    outside = any(group.category is Category.OUT_OF_SCOPE for group in invoice.vat)
    found: Terms = {
        "BT-1": invoice.number,
        "BT-2": invoice.issued_on,
        "BT-3": invoice.type_code.value,
        "BT-5": currency,
        "BT-6": _accounting_currency(invoice),
        "BT-7": invoice.tax_point_on,
        "BT-10": invoice.buyer_reference,
        "BT-24": SPECIFICATION,
        "BT-72": invoice.delivered_on,
        "BT-73": invoice.period_start,
        "BT-74": invoice.period_end,
        "BG-1": [{"BT-21": note.subject, "BT-22": note.text} for note in invoice.notes],
        "BG-4": _party(invoice.seller, outside=outside),
        "BG-7": _party(invoice.buyer, outside=outside),
        "BG-23": [_vat_group(group, currency) for group in invoice.vat],
        "BG-25": [
            _line(number, line, currency) for number, line in enumerate(invoice.lines, start=1)
        ],
        "BT-106": amount_text(totals.net_minor, currency),
        "BT-109": amount_text(totals.net_minor, currency),
        "BT-110": amount_text(totals.vat_minor, currency),
        "BT-112": amount_text(totals.gross_minor, currency),
        "BT-113": amount_text(totals.paid_minor, currency) if totals.paid_minor else None,
        "BT-115": amount_text(totals.due_minor, currency),
    }
    if totals.vat_accounting_minor is not None:
        found["BT-111"] = amount_text(totals.vat_accounting_minor, invoice.accounting_currency)
    if invoice.preceding is not None:
        found["BG-3"] = [
            {"BT-25": invoice.preceding.number, "BT-26": invoice.preceding.issued_on},
        ]
    if invoice.delivery is not None:
        found["BG-13"] = _delivery(invoice.delivery)
    found.update(_payment(invoice))
    return {key: _clean(value) for key, value in found.items() if value not in (None, "", [])}


def _clean(value: object) -> object:
    """Text without the characters that XML 1.0 §2.2 cannot carry: partners choose their names."""
    match value:
        case str():
            return _FORBIDDEN.sub("", value)
        case list():
            return [_clean(item) for item in value]
        case dict():
            return {key: _clean(item) for key, item in value.items()}
        case _:
            return value


def _accounting_currency(invoice: Invoice) -> str:
    """BT-6, only where it differs (BR-53 wants BT-111 with it)."""
    same = invoice.accounting_currency == invoice.currency
    return "" if same else invoice.accounting_currency


def _payment(invoice: Invoice) -> Terms:
    payment = invoice.payment
    return {
        "BT-9": payment.due_on,
        "BT-20": payment.terms,
        "BT-81": payment.code.value,
        "BT-83": payment.remittance,
        "BT-84": payment.iban,
        "BT-85": payment.account_name if payment.iban else "",
        "BT-86": payment.bic if payment.iban else "",
    }


def _address(address: Address) -> Terms:
    return {
        "addr_l1": address.street,
        "addr_l2": address.extra,
        "postcode": address.postal_code,
        "city": address.city,
        "country_code": address.country,
    }


def _party(party: Party, *, outside: bool) -> Terms:
    """BG-4 or BG-7. Outside the scope of VAT no VAT identifier may stand (BR-O-02)."""
    found: Terms = {
        "name": party.name,
        "biz_name": party.trading_name,
        "legal_identifier": party.legal_id,
        "legal_identifier_schemeid": party.legal_scheme if party.legal_id else "",
        "vat_identifier": "" if outside else party.vat_id,
        "einvoicing_addr": party.endpoint,
        "einvoicing_addr_schemeid": party.endpoint_scheme,
        **_address(party.address),
    }
    if party.contact is not None:
        contact = party.contact
        found["contacts"] = [
            {"name": contact.name, "phone": contact.phone, "email": contact.email},
        ]
    return {key: value for key, value in found.items() if value}


def _delivery(delivery: Delivery) -> Terms:
    found = {"name": delivery.name, **_address(delivery.address)}
    if delivery.location_id:
        found["identifiers"] = {None: delivery.location_id}
    return {key: value for key, value in found.items() if value}


def _rate(category: Category, rate: Decimal) -> str | None:
    """A rate outside the scope of VAT is absent, not zero (BR-O-05)."""
    return None if category is Category.OUT_OF_SCOPE else plain(rate)


def _vat_group(group: VatGroup, currency: str) -> Terms:
    found: Terms = {
        "BT-116": amount_text(group.basis_minor, currency),
        "BT-117": amount_text(group.vat_minor, currency),
        "BT-118": group.category.value,
        "BT-119": _rate(group.category, group.rate),
        "BT-120": group.exemption_text,
        "BT-121": group.exemption_code,
    }
    return {key: value for key, value in found.items() if value}


def _line(number: int, line: Line, currency: str) -> Terms:
    found: Terms = {
        "BT-126": str(number),
        "BT-129": plain(line.quantity),
        "BT-130": line.unit.value,
        "BT-131": amount_text(line.net_minor, currency),
        "BT-134": line.started_on,
        "BT-135": line.ended_on,
        "BT-146": plain(line.price),
        "BT-151": line.category.value,
        "BT-152": _rate(line.category, line.rate),
        "BT-153": line.name,
        "BT-154": line.description,
    }
    return {key: value for key, value in found.items() if value}
