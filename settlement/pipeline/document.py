"""Orders for documents: the lines of a receipt, a commission invoice, a self-billed share."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import msgspec

from ocpi.model.cdr import Cdr
from settlement.ledger.entry import idem_key
from settlement.ledger.order import DocumentOrder, OrderLine
from settlement.money import Rounding, exponent, round_to_decimals, round_to_int
from settlement.tariff import Group, Line, NoteCode, Priced, why
from settlement.tax.leg import DocumentKind, TaxLeg
from settlement.tax.row import Kind

PRICE_DECIMALS = 4
QUANTITY_DECIMALS = 4
UNITS = {
    Group.ENERGY: "KWH",
    Group.TIME: "HUR",
    Group.PARKING: "HUR",
    Group.FIXED: "C62",
    Group.RESERVATION: "HUR",
    Group.LIMIT: "C62",
}
CREDITS = {
    DocumentKind.RECEIPT: DocumentKind.RECEIPT_CREDIT,
    DocumentKind.INVOICE: DocumentKind.CREDIT_NOTE,
    DocumentKind.SELF_BILLED: DocumentKind.SELF_BILLED_CREDIT,
}


def kind_of(line: Line, priced: Priced) -> Kind:
    """Which VAT row a line needs (reference §4.3): standing after charging is not charging."""
    if line.group is Group.PARKING:
        return Kind.EV_OCCUPANCY
    if line.group is Group.RESERVATION:
        is_expired = any(note.code is NoteCode.RESERVATION_EXPIRED for note in priced.notes)
        return Kind.EV_RESERVATION_EXPIRED if is_expired else Kind.EV_RESERVATION
    return Kind.EV_CHARGING


def receipt(cdr: Cdr, cdr_key: str, leg: TaxLeg, priced: Priced) -> DocumentOrder:
    """The driver's receipt: what was priced, line by line, summing to the leg's net."""
    return _order(cdr, cdr_key, leg, _receipt_lines(leg, priced), f"receipt:{cdr_key}")


def service(cdr: Cdr, cdr_key: str, leg: TaxLeg, partner: str) -> DocumentOrder:
    """One line of a commission invoice or of a self-billed share; a day's lines may share one."""
    line = OrderLine(
        code=leg.supply,
        quantity=Decimal(1),
        unit="C62",
        unit_price=_major(leg.net_minor, leg.currency),
        net_minor=leg.net_minor,
        vat_row_id=leg.subtotals[0].row_id,
        why=f"session {cdr_key}",
    )
    group = f"{leg.supply}:{partner}:{leg.currency}:{leg.tax_point.isoformat()}"
    return _order(cdr, cdr_key, leg, (line,), group)


def credit(order: DocumentOrder, cdr: Cdr, cdr_key: str) -> DocumentOrder:
    """The order that takes `order` back in full, at its own tax and rate."""
    document = CREDITS[order.kind]
    leg = msgspec.structs.replace(order.leg, document=document, series=f"{order.leg.series}-CN")
    return msgspec.structs.replace(
        order,
        idem=idem_key("credit-document", order.idem.hex()),
        group_key=f"credit:{order.group_key}",
        kind=document,
        leg=leg,
        cdr_key=cdr_key,
        session_id=cdr.session_id or "",
        corrects=order.idem,
    )


def _order(
    cdr: Cdr, cdr_key: str, leg: TaxLeg, lines: tuple[OrderLine, ...], group_key: str
) -> DocumentOrder:
    place = cdr.cdr_location
    return DocumentOrder(
        idem=idem_key("document", leg.document, cdr_key, leg.supplier.key, leg.customer.key),
        group_key=group_key,
        kind=leg.document,
        leg=leg,
        lines=lines,
        currency=leg.currency,
        supply_start=cdr.start_date_time,
        supply_end=cdr.end_date_time,
        tax_point=leg.tax_point,
        cdr_key=cdr_key,
        session_id=cdr.session_id or "",
        evse_id=place.evse_id,
        location_name=place.name or place.address,
        location_country=leg.place.partition("-")[0]
        if leg.document is DocumentKind.RECEIPT
        else "",
        contract_id=cdr.cdr_token.contract_id,
        energy_kwh=cdr.total_energy,
    )


def _receipt_lines(leg: TaxLeg, priced: Priced) -> tuple[OrderLine, ...]:
    scale = 10 ** exponent(leg.currency)
    exact = [(line.amount if line.net is None else line.net) * scale for line in priced.lines]
    adjusted = 0
    if priced.adjustment is not None and priced.adjustment.before_taxes is not None:
        adjusted = round_to_int(priced.adjustment.before_taxes * scale, Rounding.HALF_UP)
    nets = apportion(leg.net_minor - adjusted, exact)
    rows = {subtotal.row_id.split("/")[1]: subtotal.row_id for subtotal in leg.subtotals}
    fallback = leg.subtotals[0].row_id
    lines = [
        _receipt_line(line, net, rows.get(kind_of(line, priced), fallback), priced.currency)
        for line, net in zip(priced.lines, nets, strict=True)
    ]
    rest = leg.net_minor - sum(line.net_minor for line in lines)
    if rest:
        lines.append(
            OrderLine(
                code=Group.LIMIT,
                quantity=Decimal(1),
                unit=UNITS[Group.LIMIT],
                unit_price=_major(rest, leg.currency),
                net_minor=rest,
                vat_row_id=fallback,
                why="the tariff's minimum or maximum price",
            )
        )
    return tuple(lines)


def _receipt_line(line: Line, net_minor: int, row_id: str, currency: str) -> OrderLine:
    net_price = Fraction(net_minor, 10 ** exponent(currency))
    if line.billed:
        net_price = (net_price if line.net is None else line.net) / line.billed
    return OrderLine(
        code=line.group,
        quantity=round_to_decimals(line.billed, QUANTITY_DECIMALS, Rounding.HALF_UP),
        unit="C62" if line.dimension == "FLAT" else UNITS[line.group],
        unit_price=round_to_decimals(net_price, PRICE_DECIMALS, Rounding.HALF_UP),
        net_minor=net_minor,
        vat_row_id=row_id,
        why=why(line, currency),
    )


def apportion(total: int, exact: Sequence[Fraction]) -> list[int]:
    """Integers near `exact` that sum to `total`: largest remainder, whatever the signs."""
    if not exact:
        return []
    whole = sum(exact, Fraction(0))
    scaled = [part * total / whole for part in exact] if whole else [Fraction(0)] * len(exact)
    parts = [part.numerator // part.denominator for part in scaled]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - scaled[i], i))
    missing = (total if whole else 0) - sum(parts)
    for i in order[:missing]:
        parts[i] += 1
    return parts


def _major(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-exponent(currency))
