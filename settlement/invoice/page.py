"""What a person sees of a document: every text formatted, nothing left for the layout to decide."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, format_percent

from settlement.invoice.label import LOCALES, known, label
from settlement.invoice.model import Invoice, Occasion, TypeCode, Unit, VatGroup
from settlement.invoice.party import Party
from settlement.money import Money, to_decimal


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    value: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    detail: str
    quantity: str
    price: str
    vat: str
    amount: str


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    value: str
    is_strong: bool = False


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A party: its heading, its name and the lines below."""

    heading: str
    name: str
    lines: tuple[str, ...]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The data of document.typ."""

    language: str
    title: str
    number: str
    author: str
    parties: tuple[Block, Block]
    facts: tuple[Fact, ...]
    session_title: str
    figures: tuple[Fact, ...]
    session: tuple[Fact, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    sums: tuple[Sum, ...]
    payment_title: str
    payment: tuple[Fact, ...]
    notes: tuple[str, ...]
    page_word: str


class _Words:
    """Numbers, dates and words of one language."""

    def __init__(self, invoice: Invoice) -> None:
        self.language = known(invoice.language)
        self._locale = LOCALES[self.language]
        self.currency = invoice.currency

    def word(self, key: str) -> str:
        return label(self.language, key)

    def money(self, minor: int, currency: str = "") -> str:
        """With the ISO code behind: "kr" is four currencies."""
        code = currency or self.currency
        amount = to_decimal(Money(amount_minor=minor, currency=code))
        text = format_currency(amount, code, "#,##0.00\u00a0¤¤", locale=self._locale)
        return str(text).replace("-", "\N{MINUS SIGN}")

    def amount(self, minor: int) -> str:
        """Without the currency: it stands in the head of the column."""
        amount = to_decimal(Money(amount_minor=minor, currency=self.currency))
        text = format_currency(amount, self.currency, "#,##0.00", locale=self._locale)
        return str(text)

    def number(self, value: Decimal, pattern: str) -> str:
        return str(format_decimal(value, pattern, locale=self._locale))

    def quantity(self, value: Decimal, unit: Unit) -> str:
        """A piece needs no unit."""
        text = self.number(value, "#,##0.####")
        return text if unit is Unit.PIECE else f"{text}\u00a0{self.word(unit.value)}"

    def percent(self, rate: Decimal) -> str:
        return str(format_percent(rate / 100, "#,##0.##\u00a0%", locale=self._locale))

    def day(self, value: date) -> str:
        return str(format_date(value, "medium", locale=self._locale))

    def moment(self, value: datetime, zone: str) -> str:
        """Local wall time with the zone's name for that instant: it shows a clock change."""
        pattern = "d MMM y, HH:mm:ss z"
        return str(format_datetime(value, pattern, tzinfo=ZoneInfo(zone), locale=self._locale))


def lay_out(invoice: Invoice) -> Page:
    """The page of a document in its recipient's language."""
    words = _Words(invoice)
    is_receipt = invoice.occasion is not None and invoice.type_code is TypeCode.INVOICE
    return Page(
        language=words.language,
        title=words.word("receipt" if is_receipt else invoice.type_code.value),
        number=invoice.number,
        author=invoice.issued_by or invoice.seller.name,
        parties=(_block(words, "seller", invoice.seller), _block(words, "buyer", invoice.buyer)),
        facts=_facts(words, invoice),
        session_title=words.word("session"),
        figures=_figures(words, invoice),
        session=_session(words, invoice.occasion),
        columns=(
            words.word("description"),
            words.word("quantity"),
            f"{words.word('price')} ({invoice.currency})",
            words.word("vat"),
            f"{words.word('amount')} ({invoice.currency})",
        ),
        rows=_rows(words, invoice),
        sums=_sums(words, invoice),
        payment_title=words.word("payment"),
        payment=_payment(words, invoice),
        notes=_notes(words, invoice),
        page_word=words.word("page"),
    )


def _block(words: _Words, heading: str, party: Party) -> Block:
    address = party.address
    town = " ".join(part for part in (address.postal_code, address.city) if part)
    lines = [address.street, address.extra, f"{town}, {address.country}" if town else ""]
    lines.append(f"{words.word('vat_id')} {party.vat_id}" if party.vat_id else "")
    lines.append(f"{words.word('legal_id')} {party.legal_id}" if party.legal_id else "")
    if party.contact is not None:
        lines += [party.contact.email]
    kept = tuple(line for line in lines if line)
    return Block(heading=words.word(heading), name=party.name, lines=kept or (address.country,))


def _facts(words: _Words, invoice: Invoice) -> tuple[Fact, ...]:
    found = [
        ("number", invoice.number),
        ("issued", words.day(invoice.issued_on)),
        ("supplied", words.day(invoice.delivered_on) if invoice.delivered_on else ""),
        ("period", _period(words, invoice)),
        ("contract" if invoice.occasion else "reference", invoice.buyer_reference),
    ]
    if invoice.preceding is not None:
        day = words.day(invoice.preceding.issued_on)
        found.append(("corrects", f"{invoice.preceding.number} {words.word('of_date')} {day}"))
    return tuple(Fact(name=words.word(key), value=value) for key, value in found if value)


def _period(words: _Words, invoice: Invoice) -> str:
    if invoice.occasion is not None or not (invoice.period_start and invoice.period_end):
        return ""
    if invoice.period_start == invoice.period_end:
        return words.day(invoice.period_start)
    return f"{words.day(invoice.period_start)} – {words.day(invoice.period_end)}"  # noqa: RUF001 - an en dash joins a range


def _figures(words: _Words, invoice: Invoice) -> tuple[Fact, ...]:
    """The three figures a driver looks for first."""
    occasion = invoice.occasion
    if occasion is None:
        return ()
    lasted = occasion.ended_at - occasion.started_at
    return (
        Fact(
            name=words.word("energy_total"),
            value=f"{words.number(occasion.energy_kwh, '#,##0.###')}\u00a0kWh",
        ),
        Fact(name=words.word("duration"), value=_lasted(words, lasted)),
        Fact(name=words.word("gross"), value=words.money(invoice.totals.gross_minor)),
    )


def _lasted(words: _Words, lasted: timedelta) -> str:
    minutes, seconds = divmod(int(lasted.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes}\u00a0min" if hours or minutes else f"{seconds}\u00a0s"
    return f"{hours}\u00a0{words.word('HUR')} {text}" if hours else text


def _session(words: _Words, occasion: Occasion | None) -> tuple[Fact, ...]:
    if occasion is None:
        return ()
    found = (
        ("place", occasion.location_name),
        ("evse", occasion.evse_id),
        ("started", words.moment(occasion.started_at, occasion.time_zone)),
        ("ended", words.moment(occasion.ended_at, occasion.time_zone)),
        ("session_id", occasion.session_id),
        ("cdr_id", occasion.cdr_id),
        ("tariff", occasion.tariff_id),
    )
    return tuple(Fact(name=words.word(key), value=value) for key, value in found if value)


def _rows(words: _Words, invoice: Invoice) -> tuple[Row, ...]:
    """On a receipt quantity and price say it all; why it was priced so stands in the XML."""
    return tuple(
        Row(
            name=line.name,
            detail="" if invoice.occasion is not None else line.description,
            quantity=words.quantity(line.quantity, line.unit),
            price=words.number(line.price, "#,##0.00####"),
            vat=words.percent(line.rate),
            amount=words.amount(line.net_minor),
        )
        for line in invoice.lines
    )


def _sums(words: _Words, invoice: Invoice) -> tuple[Sum, ...]:
    totals = invoice.totals
    found = [Sum(name=words.word("net"), value=words.money(totals.net_minor))]
    found += [_vat_sum(words, group) for group in invoice.vat]
    found.append(
        Sum(name=words.word("gross"), value=words.money(totals.gross_minor), is_strong=True)
    )
    if totals.paid_minor:
        found.append(Sum(name=words.word("paid"), value=words.money(-totals.paid_minor)))
        found.append(Sum(name=words.word("due"), value=words.money(totals.due_minor)))
    if totals.vat_accounting_minor is not None:
        currency = invoice.accounting_currency
        name = words.word("vat_accounting").format(vat=words.word("vat"), currency=currency)
        found.append(Sum(name=name, value=words.money(totals.vat_accounting_minor, currency)))
    return tuple(found)


def _vat_sum(words: _Words, group: VatGroup) -> Sum:
    name = words.word("vat_on").format(
        vat=words.word("vat"),
        rate=words.percent(group.rate),
        basis=words.money(group.basis_minor),
    )
    return Sum(name=name, value=words.money(group.vat_minor))


def _payment(words: _Words, invoice: Invoice) -> tuple[Fact, ...]:
    payment = invoice.payment
    account = " ".join(payment.iban[i : i + 4] for i in range(0, len(payment.iban), 4))
    found = (
        ("payment", payment.terms),
        ("due_on", words.day(payment.due_on) if payment.due_on else ""),
        ("iban", " · ".join(x for x in (account, payment.bic, payment.account_name) if x)),
        ("remittance", payment.remittance),
    )
    return tuple(Fact(name=words.word(key), value=value) for key, value in found if value)


def _notes(words: _Words, invoice: Invoice) -> tuple[str, ...]:
    found = []
    for group in invoice.vat:
        code = group.exemption_code
        if code in ("VATEX-EU-AE", "VATEX-EU-O"):
            found.append(words.word(code))
        elif group.exemption_text:
            found.append(group.exemption_text)
    if invoice.type_code.is_self_billed:
        found.append(words.word("by_buyer"))
    elif invoice.issued_by and invoice.issued_by != invoice.seller.name:
        found.append(
            words.word("on_behalf").format(issuer=invoice.issued_by, seller=invoice.seller.name)
        )
    if invoice.occasion is None:
        found += [note.text for note in invoice.notes]
    return tuple(dict.fromkeys(found))
