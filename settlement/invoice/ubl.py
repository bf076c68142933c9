"""An `Invoice` as UBL 2.1 (EN 16931-3-2)."""

from __future__ import annotations

from typing import cast

from facturx.generate_xml import generate_ubl_xml
from lxml import etree

from settlement.invoice import schema
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
    patched = _name_profile(written, profile)
    is_credit = invoice.type_code.is_credit
    schema.check(patched, schema.UBL_CREDIT_NOTE if is_credit else schema.UBL_INVOICE)
    return patched


def _name_profile(xml: bytes, profile: Profile) -> bytes:
    """CustomizationID (BT-24), then ProfileID (BT-23) behind it."""
    root = schema.parse(xml)
    customization = root.find(f"{_CBC}CustomizationID")
    if customization is None:  # pragma: no cover - the schema would refuse it too
        message = "CustomizationID (BT-24) was not written"
        raise ValueError(message)
    customization.text = profile.specification
    if profile.process:
        process = etree.Element(f"{_CBC}ProfileID")
        process.text = profile.process
        process.tail = customization.tail
        customization.addnext(process)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
