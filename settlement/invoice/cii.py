"""An `Invoice` as UN/CEFACT Cross Industry Invoice (EN 16931-3-3), for PDF attachments."""

from __future__ import annotations

from typing import cast

from facturx.generate_xml import generate_cii_xml
from lxml import etree

from settlement.invoice import schema
from settlement.invoice.model import Invoice
from settlement.invoice.term import terms

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def write(invoice: Invoice) -> bytes:
    """The document's CII, checked against the Factur-X EN 16931 schema.

    Raises:
        InvalidXmlError: names the first complaint of the schema.
    """
    written = cast(
        "bytes",
        generate_cii_xml(terms(invoice), level="en16931", check_xsd=False, check_schematron=False),
    )
    cleaned = _without_nil(written)
    schema.check(cleaned, schema.CII)
    return cleaned


def _without_nil(xml: bytes) -> bytes:
    """factur-x marks an empty delivery (BG-13 absent) as nil, which the schema forbids."""
    root = schema.parse(xml)
    for element in root.iter():
        element.attrib.pop(_NIL, "")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
