"""The page that people read: complete, in their language, with the XML inside."""

from __future__ import annotations

import io
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from settlement.invoice import ubl
from settlement.invoice.label import LANGUAGES, keys, known, label
from settlement.invoice.model import Invoice
from settlement.invoice.page import lay_out
from settlement.invoice.pdf import render

replace = msgspec.structs.replace


def text(pdf: bytes) -> str:
    raw = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return " ".join(raw.replace("\u200b", "").replace("\u00a0", " ").replace("\u202f", " ").split())


def test_render_when_receipt_then_everything_a_driver_needs_is_there(
    documents: dict[str, Invoice],
) -> None:
    found = text(render(documents["driver_de"]))
    for wanted in (
        "Ladebeleg",
        "41,386 kWh",
        "1 h 27 min",
        "25,88 EUR",
        "DE*LDW*E1234*2",
        "18:04:10 MEZ",
        "S-2026-11-19-0815",
        "USt. 19 % auf 21,75 EUR",
        "DE123456789",
        "im Namen und für Rechnung von Ladewerk GmbH",
    ):
        assert wanted in found, wanted


def test_render_when_xml_is_given_then_it_is_inside_unchanged(
    documents: dict[str, Invoice],
) -> None:
    invoice = documents["commission_cross_border"]
    xml = ubl.write(invoice)
    reader = PdfReader(io.BytesIO(render(invoice, xml)))
    assert reader.attachments["invoice.xml"] == [xml]
    metadata = reader.trailer["/Root"]["/Metadata"].get_data()
    assert b"<pdfaid:part>3</pdfaid:part>" in metadata
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in metadata


def test_render_when_called_twice_then_the_bytes_are_the_same(
    documents: dict[str, Invoice],
) -> None:
    for invoice in documents.values():
        assert render(invoice) == render(invoice)


@pytest.mark.parametrize("language", LANGUAGES)
def test_render_when_any_language_then_every_kind_is_drawn(
    documents: dict[str, Invoice], language: str
) -> None:
    for invoice in documents.values():
        page = lay_out(replace(invoice, language=language))
        found = text(render(replace(invoice, language=language)))
        assert " ".join(page.title.split()) in found
        assert page.sums[0].name in found


def test_lay_out_when_languages_differ_then_numbers_and_dates_follow(
    documents: dict[str, Invoice],
) -> None:
    invoice = documents["driver_no"]
    shown = {
        language: lay_out(replace(invoice, language=language))
        .figures[2]
        .value.replace("\u00a0", " ")
        for language in LANGUAGES
    }
    assert shown == {
        "en": "27.19 NOK",
        "de": "27,19 NOK",
        "nl": "27,19 NOK",
        "nb": "27,19 NOK",
        "fr": "27,19 NOK",
    }


def test_render_when_texts_are_hostile_then_they_are_only_text(
    documents: dict[str, Invoice],
) -> None:
    invoice = documents["driver_de"]
    name = '#panic("x") $a$ *b* \\ " ]) <script> ' + "W" * 300
    seller = replace(invoice.seller, name=name)
    found = text(render(replace(invoice, seller=seller)))
    assert '#panic("x") $a$ *b*' in found


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ελλάς Привет łódź ĥåŋ", "Ελλάς Привет łódź ĥåŋ"),
        ("充电 GmbH", "□□ GmbH"),
        ("Go \U0001f600 Ñandú", "Go □ Ñandú"),
        ("a\u0000b\u0e01c\ufffe", "ab□c"),
    ],
)
def test_render_when_no_font_has_a_letter_then_a_box_is_drawn(
    documents: dict[str, Invoice], name: str, shown: str
) -> None:
    invoice = documents["driver_de"]
    assert shown in text(render(replace(invoice, seller=replace(invoice.seller, name=name))))


@given(st.text(max_size=40))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_render_when_any_name_then_the_page_is_drawn(
    documents: dict[str, Invoice], name: str
) -> None:
    invoice = documents["driver_de"]
    buyer = replace(invoice.buyer, name=f"A{name}")
    assert render(replace(invoice, buyer=buyer)).startswith(b"%PDF-")


def test_render_when_many_lines_then_pages_follow_and_totals_come_last(
    documents: dict[str, Invoice],
) -> None:
    invoice = documents["commission_domestic"]
    line = replace(invoice.lines[0], price=Decimal(1), net_minor=100)
    vat = replace(invoice.vat[0], basis_minor=20_000, vat_minor=4_200)
    totals = replace(
        invoice.totals, net_minor=20_000, vat_minor=4_200, gross_minor=24_200, due_minor=24_200
    )
    pdf = render(replace(invoice, lines=(line,) * 200, vat=(vat,), totals=totals))
    pages = PdfReader(io.BytesIO(pdf)).pages
    assert len(pages) > 3
    assert "Total" in pages[-1].extract_text()
    assert f"Page {len(pages)} / {len(pages)}" in text(pdf)


def test_label_when_any_idea_then_every_language_has_words() -> None:
    assert all(label(language, key) for key in keys() for language in LANGUAGES)


def test_label_when_language_is_unknown_then_the_nearest_is_taken() -> None:
    assert [known(code) for code in ("de-AT", "NL", "no", "fr_CH", "pl", "")] == [
        "de",
        "nl",
        "nb",
        "fr",
        "en",
        "en",
    ]
