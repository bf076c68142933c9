"""VAT on a business service: the customer's country, reversed across a border (art. 44, 196)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec

from settlement.errors import Held, Reason
from settlement.money import Money, Rounding, round_to_int
from settlement.tax.leg import Category, Liable, TaxLeg, VatSubtotal
from settlement.tax.model import EU, LegRule, Role
from settlement.tax.party import MoneyParty
from settlement.tax.row import Kind, TaxRow, TaxTable

REVERSE_CHARGE_CODE = "VATEX-EU-AE"
REVERSE_CHARGE_TEXT = "Reverse charge: article 196 of Directive 2006/112/EC"
FOREIGN_TEXT = "Reverse charge: supplied in the customer's country, where the customer accounts"


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service to be taxed."""

    rule: LegRule
    supplier: MoneyParty
    customer: MoneyParty
    issuer: MoneyParty
    net: Money
    tax_point: date


def service_leg(service: Service, table: TaxTable) -> TaxLeg | Held:
    """The leg of a commission or a referral; held where a number or a row is missing."""
    supplier, customer = service.supplier, service.customer
    for side, party in (("supplier", supplier), ("customer", customer)):
        if not party.vat_id:
            return Held(
                reason=Reason.VAT_ID_MISSING,
                detail=f"the {side} {party.key} of a {service.rule.supply} has no VAT number",
                field="vat_id",
            )
    if supplier.country == customer.country:
        row = table.find(customer.country, Kind.STANDARD, service.tax_point)
        return row if isinstance(row, Held) else _charged(service, row)
    if service.rule.customer is not Role.HUB:
        return _reversed(service, None)
    row = table.find(customer.country, Kind.STANDARD, service.tax_point)
    return row if isinstance(row, Held) else _reversed(service, row)


def _charged(service: Service, row: TaxRow) -> TaxLeg:
    vat = vat_on(service.net.amount_minor, row.rate)
    subtotal = VatSubtotal(
        category=Category.STANDARD if row.rate else Category.ZERO,
        rate=row.rate,
        base_minor=service.net.amount_minor,
        vat_minor=vat,
        row_id=row.row_id,
        reviewer=row.reviewer or row.verified,
    )
    return _leg(service, subtotal, Liable.SUPPLIER, None)


def _reversed(service: Service, own: TaxRow | None) -> TaxLeg:
    """`own` is the hub's row when the hub is the customer and has to assess the VAT itself."""
    inside = service.supplier.country in EU and service.customer.country in EU
    subtotal = VatSubtotal(
        category=Category.REVERSE_CHARGE,
        rate=Decimal(0),
        base_minor=service.net.amount_minor,
        vat_minor=0,
        row_id="",
        reason=REVERSE_CHARGE_TEXT if inside else FOREIGN_TEXT,
        reason_code=REVERSE_CHARGE_CODE,
    )
    return _leg(service, subtotal, Liable.CUSTOMER, own)


def _leg(service: Service, subtotal: VatSubtotal, liable: Liable, own: TaxRow | None) -> TaxLeg:
    rule, net = service.rule, service.net
    return TaxLeg(
        supply=rule.supply,
        supplier=service.supplier,
        customer=service.customer,
        place_rule=rule.place_rule,
        place=service.customer.country,
        liable=liable,
        issuer=service.issuer.key,
        series=series(rule, service.supplier, service.customer),
        document=rule.document,
        tax_point=service.tax_point,
        currency=net.currency,
        net_minor=net.amount_minor,
        vat_minor=subtotal.vat_minor,
        gross_minor=net.amount_minor + subtotal.vat_minor,
        subtotals=(subtotal,),
        self_assessed_minor=vat_on(net.amount_minor, own.rate) if own else 0,
        self_assessed_row_id=own.row_id if own else "",
    )


def vat_on(base_minor: int, rate: Decimal) -> int:
    return round_to_int(base_minor * Fraction(rate) / 100, Rounding.HALF_UP)


def series(rule: LegRule, supplier: MoneyParty, customer: MoneyParty) -> str:
    return rule.series.format(supplier=supplier.key, customer=customer.key)
