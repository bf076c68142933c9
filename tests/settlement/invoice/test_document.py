"""From the pipeline's orders to documents that agree with what was posted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest

from settlement.bank.schematron import Schematron
from settlement.invoice import ubl
from settlement.invoice.document import document_from_order, document_from_orders
from settlement.invoice.errors import DocumentError
from settlement.invoice.model import PaymentCode, Preceding, TypeCode
from settlement.ledger.order import DocumentOrder, OrderLine
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

replace = msgspec.structs.replace
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HUB = MoneyParty(
    key="NL-NCO",
    name="NetworkCore B.V.",
    country="NL",
    currency="EUR",
    vat_id="NL001234567B01",
    legal_id="0106:12345678",
    electronic_address="0106:12345678",
    email="finance@networkcore.example",
)
CPO = MoneyParty(
    key="DE-LDW",
    name="Ladewerk GmbH",
    country="DE",
    currency="EUR",
    vat_id="DE123456789",
    legal_id="HRB 98765",
    address=Address(street="Hafenstraße 12", postal_code="20457", city="Hamburg", country="DE"),
    language="de",
)
DP = replace(
    CPO,
    key="FR-RGO",
    name="Roam & Go SAS",
    country="FR",
    vat_id="FR03552100554",
    language="fr",
    address=Address(country="FR"),
    iban="FR1420041010050500013M02606",
)
PARTIES = {party.key: party for party in (HUB, CPO, DP)}


def leg(
    supply: Supply,
    supplier: MoneyParty,
    customer: MoneyParty,
    document: DocumentKind,
    subtotals: list[VatSubtotal],
) -> TaxLeg:
    net, vat = sum(s.base_minor for s in subtotals), sum(s.vat_minor for s in subtotals)
    is_goods = supply is Supply.ELECTRICITY
    return TaxLeg(
        supply=supply,
        supplier=supplier,
        customer=customer,
        place_rule=PlaceRule.ART_39 if is_goods else PlaceRule.ART_44,
        place="DE",
        liable=Liable.SUPPLIER if vat else Liable.CUSTOMER,
        issuer=HUB.key,
        series="LDW-NC" if is_goods else "NCO",
        document=document,
        tax_point=date(2026, 11, 19),
        currency="EUR",
        net_minor=net,
        vat_minor=vat,
        gross_minor=net + vat,
        subtotals=tuple(subtotals),
    )


def order(tax_leg: TaxLeg, lines: list[OrderLine], number: int = 1) -> DocumentOrder:
    return DocumentOrder(
        idem=bytes([number % 256]),
        group_key=f"{tax_leg.series}/2026-11-19",
        kind=tax_leg.document,
        leg=tax_leg,
        lines=tuple(lines),
        currency="EUR",
        supply_start=datetime(2026, 11, 19, 22, 30, tzinfo=UTC),
        supply_end=datetime(2026, 11, 19, 23, 30, tzinfo=UTC),
        tax_point=date(2026, 11, 20),
        cdr_key=f"DE-LDW/CDR-{number}",
        session_id=f"S-{number}",
        evse_id="DE*LDW*E1234*2",
        location_name="Hafen",
        location_country="DE",
        contract_id="DE8AAC123456784",
        energy_kwh=Decimal("41.386"),
    )


def receipt() -> DocumentOrder:
    standard = VatSubtotal(
        category=Category.STANDARD,
        rate=Decimal("19.0"),
        base_minor=2582,
        vat_minor=490,
        row_id="de-1",
    )
    lines = [
        OrderLine(
            code="energy",
            quantity=Decimal("41.386"),
            unit="KWH",
            unit_price=Decimal("0.4900"),
            net_minor=2028,
            vat_row_id="de-1",
            why="41.386 kWh at 0.49",
        ),
        OrderLine(
            code="fixed",
            quantity=Decimal(1),
            unit="C62",
            unit_price=Decimal("0.5000"),
            net_minor=50,
            vat_row_id="de-1",
        ),
        OrderLine(
            code="parking",
            quantity=Decimal("0.5"),
            unit="HUR",
            unit_price=Decimal("10.08"),
            net_minor=504,
            vat_row_id="de-1",
        ),
    ]
    return order(
        leg(Supply.ELECTRICITY, CPO, driver("DE", "EUR"), DocumentKind.RECEIPT, [standard]), lines
    )


def commission(number: int, net: int = 77) -> DocumentOrder:
    reverse = VatSubtotal(
        category=Category.REVERSE_CHARGE,
        rate=Decimal(0),
        base_minor=net,
        vat_minor=0,
        row_id="",
        reason="Reverse charge",
        reason_code="VATEX-EU-AE",
    )
    line = OrderLine(
        code="commission",
        quantity=Decimal(1),
        unit="C62",
        unit_price=Decimal(net).scaleb(-2),
        net_minor=net,
    )
    return order(leg(Supply.COMMISSION, HUB, CPO, DocumentKind.INVOICE, [reverse]), [line], number)


def share() -> DocumentOrder:
    reverse = VatSubtotal(
        category=Category.REVERSE_CHARGE,
        rate=Decimal(0),
        base_minor=38,
        vat_minor=0,
        row_id="",
        reason="Reverse charge",
        reason_code="VATEX-EU-AE",
    )
    line = OrderLine(
        code="referral", quantity=Decimal(1), unit="C62", unit_price=Decimal("0.38"), net_minor=38
    )
    return order(leg(Supply.REFERRAL, DP, HUB, DocumentKind.SELF_BILLED, [reverse]), [line])


@pytest.fixture
async def rules() -> AsyncIterator[Schematron]:
    async with Schematron() as child:
        yield child


def test_receipt_when_ordered_then_it_stands_in_the_cpo_name_and_local_day() -> None:
    found = document_from_order(receipt(), PARTIES, "LDW-NC-1", NOW, time_zone="Europe/Berlin")
    assert found.seller.name == "Ladewerk GmbH"
    assert found.issued_by == "NetworkCore B.V."
    assert found.totals.gross_minor == 3072
    assert found.totals.due_minor == 0
    assert found.delivered_on == date(2026, 11, 20), "00:30 in Berlin is the next day"
    assert [line.price for line in found.lines] == [
        Decimal("0.4900"),
        Decimal("0.5000"),
        Decimal("10.08"),
    ]
    assert found.buyer_reference == "DE8AAC123456784"


def test_commission_when_many_sessions_then_one_document_with_their_sum() -> None:
    found = document_from_orders(tuple(commission(n) for n in range(1, 101)), PARTIES, "NCO-1", NOW)
    assert len(found.lines) == 100
    assert found.totals.net_minor == 7700
    assert found.payment.code is PaymentCode.NETTED
    assert found.lines[41].description == "DE-LDW/CDR-42"
    assert found.lines[0].name == "Provision auf einen Ladevorgang"


def test_share_when_ordered_then_self_billed_in_the_payees_language() -> None:
    found = document_from_order(share(), PARTIES, "SB-1", NOW)
    assert found.type_code is TypeCode.SELF_BILLED
    assert found.language == "fr"
    assert found.seller.name == "Roam & Go SAS"
    assert found.totals.due_minor == 38
    assert found.payment.code is PaymentCode.SEPA_CREDIT_TRANSFER


@pytest.mark.parametrize("sign", [1, -1])
def test_credit_when_amounts_have_either_sign_then_the_document_is_positive(sign: int) -> None:
    original = receipt()
    subtotals = [
        replace(s, base_minor=sign * s.base_minor, vat_minor=sign * s.vat_minor)
        for s in original.leg.subtotals
    ]
    credited = replace(
        original,
        kind=DocumentKind.RECEIPT_CREDIT,
        leg=leg(
            Supply.ELECTRICITY, CPO, driver("DE", "EUR"), DocumentKind.RECEIPT_CREDIT, subtotals
        ),
        lines=tuple(replace(line, net_minor=sign * line.net_minor) for line in original.lines),
        corrects=original.idem,
    )
    before = Preceding(number="LDW-NC-1", issued_on=NOW.date())
    found = document_from_order(credited, PARTIES, "LDW-NC-2", NOW, preceding=before)
    assert found.type_code is TypeCode.CREDIT_NOTE
    assert found.totals.gross_minor == 3072
    assert found.preceding == before


async def test_orders_when_documents_are_written_then_no_official_rule_fails(
    rules: Schematron,
) -> None:
    found = [
        document_from_order(receipt(), PARTIES, "A", NOW, time_zone="Europe/Berlin"),
        document_from_orders((commission(1), commission(2, 13)), PARTIES, "B", NOW),
        document_from_order(share(), PARTIES, "C", NOW),
    ]
    for invoice in found:
        assert (await rules.check(ubl.write(invoice))).findings == ()


def test_orders_when_they_do_not_belong_together_then_refused() -> None:
    with pytest.raises(DocumentError, match="several documents"):
        document_from_orders((commission(1), receipt()), PARTIES, "X", NOW)
    with pytest.raises(DocumentError, match="at least one"):
        document_from_orders((), PARTIES, "X", NOW)


def two_rates(lines: list[OrderLine], charging: int, standing: int) -> DocumentOrder:
    """Greece: charging at 6 %, standing afterwards at 24 %."""
    rows = [
        VatSubtotal(
            category=Category.STANDARD,
            rate=Decimal(rate),
            base_minor=base,
            vat_minor=round(base * rate / 100),
            row_id=row,
        )
        for row, rate, base in (("gr-ev", 6, charging), ("gr-std", 24, standing))
    ]
    return order(
        leg(Supply.ELECTRICITY, CPO, driver("GR", "EUR"), DocumentKind.RECEIPT, rows), lines
    )


def line(code: str, net: int, row: str, quantity: str = "1") -> OrderLine:
    price = (Decimal(net).scaleb(-2) / Decimal(quantity)).quantize(Decimal("0.0001"))
    return OrderLine(
        code=code,
        quantity=Decimal(quantity),
        unit="C62",
        unit_price=price,
        net_minor=net,
        vat_row_id=row,
    )


def test_order_when_a_cent_fell_between_rows_then_the_largest_line_takes_it() -> None:
    lines = [
        line("energy", 1001, "gr-ev", "20"),
        line("fixed", 50, "gr-ev"),
        line("parking", 299, "gr-std"),
    ]
    found = document_from_order(two_rates(lines, 1050, 300), PARTIES, "X", NOW)
    assert [each.net_minor for each in found.lines] == [1000, 50, 300]
    assert found.totals.gross_minor == 1350 + 63 + 72


def test_order_when_a_price_limit_spans_rows_then_it_stands_once_for_each() -> None:
    lines = [
        line("energy", 1000, "gr-ev", "20"),
        line("parking", 1000, "gr-std"),
        line("limit", -500, "gr-ev"),
    ]
    found = document_from_order(two_rates(lines, 750, 750), PARTIES, "X", NOW)
    assert [each.net_minor for each in found.lines] == [1000, 1000, -250, -250]
    assert [each.rate for each in found.lines[2:]] == [6, 24]
    assert all(each.quantity == -1 and each.price == Decimal("2.5") for each in found.lines[2:])


async def test_order_when_nothing_was_charged_then_the_energy_still_stands(
    rules: Schematron,
) -> None:
    found = document_from_order(two_rates([], 0, 0), PARTIES, "X", NOW)
    assert [(each.quantity, each.net_minor) for each in found.lines] == [(Decimal("41.386"), 0)]
    assert (await rules.check(ubl.write(found))).findings == ()


def test_order_when_a_unit_is_unknown_then_refused_and_an_unknown_code_is_its_own_name() -> None:
    known = receipt()
    odd = replace(known.lines[0], code="roaming", unit="MMT")
    with pytest.raises(DocumentError, match="MMT"):
        document_from_order(replace(known, lines=(odd, *known.lines[1:])), PARTIES, "X", NOW)
    named = replace(known.lines[0], code="roaming")
    found = document_from_order(replace(known, lines=(named, *known.lines[1:])), PARTIES, "X", NOW)
    assert found.lines[0].name == "roaming"


def test_order_when_lines_do_not_sum_to_their_leg_then_refused() -> None:
    original = receipt()
    with pytest.raises(DocumentError, match="BR-CO-18"):
        document_from_order(replace(original, lines=original.lines[:2]), PARTIES, "X", NOW)


def test_order_when_two_rates_and_a_line_names_none_then_refused() -> None:
    original = receipt()
    second = VatSubtotal(
        category=Category.STANDARD, rate=Decimal(7), base_minor=0, vat_minor=0, row_id="de-2"
    )
    two = replace(original.leg, subtotals=(*original.leg.subtotals, second))
    line = replace(original.lines[0], vat_row_id="")
    with pytest.raises(DocumentError, match="which VAT row"):
        document_from_order(replace(original, leg=two, lines=(line,)), PARTIES, "X", NOW)
