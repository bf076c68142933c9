"""A document as PDF/A-3b: for people to read, with its XML inside for machines.

The layout is document.typ; the fonts are those the compiler carries, so that every machine draws
the same page, and the time stamp is the issue date, so that every run draws the same bytes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
import typst

from settlement.invoice.errors import DocumentError
from settlement.invoice.model import Invoice
from settlement.invoice.page import lay_out

BOX: Final = "\N{WHITE SQUARE}"
_INVISIBLE: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufffe\\uffff]")
_UNDRAWN: Final = re.compile(
    # all but Latin, Greek, Cyrillic, punctuation, currency signs and the minus sign
    "[^\\x20-\\x7e\\xa0-\\u0233\\u0386-\\u03ce\\u0400-\\u045f\\u1e80-\\u1e85"
    "\\u2010-\\u2027\\u202f-\\u203a\\u20ac\\u2212]"
)


def render(invoice: Invoice, xml: bytes = b"") -> bytes:
    """The PDF of a document; `xml` (UBL or CII) is attached as its machine-readable alternative.

    PDF/A-3b refuses a page with a letter that no font has. Names in scripts beyond those of the
    fonts are then drawn with boxes: the attached XML keeps them whole.

    Raises:
        DocumentError: the layout cannot be compiled.
    """
    page = _replaced(msgspec.to_builtins(lay_out(invoice)), _INVISIBLE, "")
    try:
        return _compile(invoice, page, xml)
    except typst.TypstError as error:
        if "could not be displayed" not in str(error):
            raise DocumentError(f"{invoice.number}: the page cannot be drawn: {error}") from error
    try:
        return _compile(invoice, _replaced(page, _UNDRAWN, BOX), xml)
    except typst.TypstError as error:
        raise DocumentError(f"{invoice.number}: the page cannot be drawn: {error}") from error


def _compile(invoice: Invoice, page: object, xml: bytes) -> bytes:
    inputs = {"page": msgspec.json.encode(page).decode()}
    if xml:
        inputs["xml"] = xml.decode()
    return typst.compile(
        _template(),
        format="pdf",
        pdf_standards="a-3b",
        ignore_system_fonts=True,
        sys_inputs=inputs,
        timestamp=datetime.combine(invoice.issued_on, time(), tzinfo=UTC),
    )


def _replaced(value: object, pattern: re.Pattern[str], by: str) -> object:
    match value:
        case str():
            return pattern.sub(by, value)
        case list() | tuple():
            return [_replaced(item, pattern, by) for item in value]
        case dict():
            return {key: _replaced(item, pattern, by) for key, item in value.items()}
        case _:
            return value


@cache
def _template() -> bytes:
    return files("settlement.invoice").joinpath("document.typ").read_bytes()
