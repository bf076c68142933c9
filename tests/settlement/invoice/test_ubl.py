"""What is written is valid against the XSD and passes the official schematron."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from lxml import etree

from settlement.bank.schematron import Schematron
from settlement.invoice import cii, schema, ubl
from settlement.invoice.errors import InvalidXmlError
from settlement.invoice.model import Invoice
from settlement.invoice.profile import PEPPOL

NS = {
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
}


@pytest.fixture
async def rules() -> AsyncIterator[Schematron]:
    async with Schematron() as child:
        yield child


def text(xml: bytes, path: str) -> list[str]:
    found = etree.fromstring(xml).xpath(path, namespaces=NS)
    return [str(node.text) for node in found]


async def test_write_when_any_kind_then_no_official_rule_fails(
    rules: Schematron, documents: dict[str, Invoice]
) -> None:
    for name, invoice in documents.items():
        report = await rules.check(ubl.write(invoice))
        assert report.findings == (), name


async def test_check_when_total_was_changed_then_the_rule_is_named(
    rules: Schematron, documents: dict[str, Invoice]
) -> None:
    xml = ubl.write(documents["driver_de"])
    wrong = xml.replace(
        b'<cbc:TaxInclusiveAmount currencyID="EUR">25.88',
        b'<cbc:TaxInclusiveAmount currencyID="EUR">25.89',
    )
    assert wrong != xml
    assert "BR-CO-15" in {finding.rule for finding in (await rules.check(wrong)).failed}


async def test_check_when_reverse_charge_lost_its_reason_then_the_rule_is_named(
    rules: Schematron, documents: dict[str, Invoice]
) -> None:
    root = etree.fromstring(ubl.write(documents["commission_cross_border"]))
    for tag in ("TaxExemptionReasonCode", "TaxExemptionReason"):
        for node in root.findall(f".//cbc:{tag}", NS):
            parent = node.getparent()
            assert parent is not None
            parent.remove(node)
    report = await rules.check(etree.tostring(root))
    assert {finding.rule for finding in report.failed} == {"BR-AE-10"}


def test_write_when_domestic_then_amounts_stand_in_their_terms(
    documents: dict[str, Invoice],
) -> None:
    xml = ubl.write(documents["commission_domestic"])
    assert text(xml, "//cac:LegalMonetaryTotal/cbc:PayableAmount") == ["64.54"]
    assert text(xml, "/*/cac:TaxTotal/cbc:TaxAmount") == ["11.20"]
    assert text(xml, "//cac:TaxSubtotal/cac:TaxCategory/cbc:Percent") == ["21"]
    assert text(xml, "//cac:PayeeFinancialAccount/cbc:ID") == ["NL91ABNA0417164300"]


def test_write_when_reverse_charge_then_vatex_and_both_numbers(
    documents: dict[str, Invoice],
) -> None:
    xml = ubl.write(documents["commission_cross_border"])
    assert text(xml, "//cac:TaxSubtotal//cbc:TaxExemptionReasonCode") == ["VATEX-EU-AE"]
    assert text(xml, "//cac:PartyTaxScheme/cbc:CompanyID") == ["NL001234567B01", "DE123456789"]
    assert text(xml, "/*/cac:TaxTotal/cbc:TaxAmount") == ["0.00"]


def test_write_when_session_then_units_place_and_trail(documents: dict[str, Invoice]) -> None:
    root = etree.fromstring(ubl.write(documents["driver_no"]))
    units = root.xpath("//cbc:InvoicedQuantity/@unitCode", namespaces=NS)
    assert units == ["KWH", "HUR", "C62"]
    assert root.xpath("string(//cac:Delivery//cbc:IdentificationCode)", namespaces=NS) == "NO"
    assert "CDR CDR-77120" in root.xpath("string(/*/cbc:Note)", namespaces=NS)
    assert root.xpath("string(//cbc:DocumentCurrencyCode)", namespaces=NS) == "NOK"
    assert root.xpath("string(//cac:LegalMonetaryTotal/cbc:PayableAmount)", namespaces=NS) == "0.00"


async def test_write_when_vat_is_owed_in_another_currency_then_both_totals_stand(
    rules: Schematron, documents: dict[str, Invoice]
) -> None:
    """VAT Directive art 230: the VAT in the currency of the state of supply (BT-6, BT-111)."""
    import msgspec

    invoice = documents["driver_de"]
    swedish = msgspec.structs.replace(
        invoice,
        accounting_currency="SEK",
        totals=msgspec.structs.replace(invoice.totals, vat_accounting_minor=4543),
    )
    xml = ubl.write(swedish)
    assert text(xml, "/*/cac:TaxTotal/cbc:TaxAmount") == ["4.13", "45.43"]
    assert (await rules.check(xml)).findings == ()


async def test_write_when_outside_scope_then_no_rate_and_no_vat_numbers(
    rules: Schematron, documents: dict[str, Invoice]
) -> None:
    import msgspec

    from settlement.tax.leg import Category

    replace = msgspec.structs.replace
    invoice = documents["commission_cross_border"]
    outside = replace(
        invoice,
        lines=tuple(
            replace(line, category=Category.OUT_OF_SCOPE, rate=Decimal(0)) for line in invoice.lines
        ),
        vat=(
            replace(
                invoice.vat[0],
                category=Category.OUT_OF_SCOPE,
                exemption_code="VATEX-EU-O",
                exemption_text="Not subject to VAT",
            ),
        ),
    )
    assert (await rules.check(ubl.write(outside))).findings == ()


async def test_write_when_profile_is_given_then_it_replaces_the_core(
    rules: Schematron, documents: dict[str, Invoice]
) -> None:
    xml = ubl.write(documents["commission_domestic"], PEPPOL)
    assert text(xml, "/*/cbc:CustomizationID") == [PEPPOL.specification]
    assert text(xml, "/*/cbc:ProfileID") == [PEPPOL.process]
    assert (await rules.check(xml)).findings == ()


def test_write_when_cii_then_valid_and_the_same_totals(documents: dict[str, Invoice]) -> None:
    for invoice in documents.values():
        root = etree.fromstring(cii.write(invoice))
        assert root.xpath("string(//*[local-name()='GrandTotalAmount'])") == str(
            Decimal(invoice.totals.gross_minor).scaleb(-2)
        )


def test_check_when_xml_is_not_ubl_then_the_first_complaint_is_named() -> None:
    with pytest.raises(InvalidXmlError, match="No matching global declaration"):
        schema.check(b"<Invoice/>", schema.UBL_INVOICE)


def test_write_when_text_has_markup_or_controls_then_it_stays_text(
    documents: dict[str, Invoice],
) -> None:
    import msgspec

    invoice = documents["commission_domestic"]
    evil = msgspec.structs.replace(
        invoice, buyer=msgspec.structs.replace(invoice.buyer, name="<b>&amp;\u0000\x0bÅ]]>")
    )
    assert "<b>&amp;Å]]>" in text(ubl.write(evil), "//cac:PartyLegalEntity/cbc:RegistrationName")
