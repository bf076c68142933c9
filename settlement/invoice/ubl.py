"""An `Invoice` as UBL 2.1 (EN 16931-3-2)."""

from __future__ import annotations

from typing import cast

from facturx.generate_xml import generate_ubl_xml
from lxml import etree

from settlement.invoice import schema
from settlement.invoice.errors import InvalidXmlError
from settlement.invoice.model import Invoice
from settlement.invoice.profile import EN16931, Profile
from settlement.invoice.term import terms

_CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"


def write(invoice: Invoice, profile: Profile = EN16931) -> bytes:
    """The document's UBL, checked against the official XSD.

    factur-x sets BT-24 itself and asks a remote server for the schematron: the one is patched
    afterwards, the other is never used (settlement.bank.schematron does it).

    Raises:
        InvalidXmlError: names the first complaint of the schema.
    """
    written = cast(
        "bytes",
        generate_ubl_xml(terms(invoice), level="en16931", check_xsd=False, check_schematron=False),
    )
    root = schema.parse(written)
    _name_profile(root, profile)
    is_credit = invoice.type_code.is_credit
    if is_credit:
        _move_tax_point(root)
    patched = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    schema.check(patched, schema.UBL_CREDIT_NOTE if is_credit else schema.UBL_INVOICE)
    return patched


def _name_profile(root: etree._Element, profile: Profile) -> None:
    """CustomizationID (BT-24), then ProfileID (BT-23) behind it."""
    customization = _child(root, "CustomizationID")
    customization.text = profile.specification
    if profile.process:
        process = etree.Element(f"{_CBC}ProfileID")
        process.text = profile.process
        process.tail = customization.tail
        customization.addnext(process)


def _move_tax_point(root: etree._Element) -> None:
    """BT-7 stands before the type code in a CreditNote; factur-x writes it as in an Invoice."""
    tax_point = root.find(f"{_CBC}TaxPointDate")
    if tax_point is not None:
        _child(root, "IssueDate").addnext(tax_point)


def _child(root: etree._Element, name: str) -> etree._Element:
    found = root.find(f"{_CBC}{name}")
    if found is None:  # pragma: no cover - the library always writes it
        raise InvalidXmlError(f"{name} was not written")
    return found
