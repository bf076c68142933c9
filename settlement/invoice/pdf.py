"""A document as PDF/A-3b: for people to read, with its XML inside for machines.

The layout is document.typ; the fonts are those the compiler carries, so that every machine draws
the same page, and the time stamp is the issue date, so that every run draws the same bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from functools import cache
from importlib.resources import files

import msgspec
import typst

from settlement.invoice.errors import DocumentError
from settlement.invoice.model import Invoice
from settlement.invoice.page import lay_out


def render(invoice: Invoice, xml: bytes = b"") -> bytes:
    """The PDF of a document; `xml` (UBL or CII) is attached as its machine-readable alternative.

    Raises:
        DocumentError: the layout cannot be compiled.
    """
    inputs = {"page": msgspec.json.encode(lay_out(invoice)).decode()}
    if xml:
        inputs["xml"] = xml.decode()
    issued_at = datetime.combine(invoice.issued_on, time(), tzinfo=UTC)
    try:
        return typst.compile(
            _template(),
            format="pdf",
            pdf_standards="a-3b",
            ignore_system_fonts=True,
            sys_inputs=inputs,
            timestamp=issued_at,
        )
    except typst.TypstError as error:
        raise DocumentError(f"{invoice.number}: the page cannot be drawn: {error}") from error


@cache
def _template() -> bytes:
    return files("settlement.invoice").joinpath("document.typ").read_bytes()
