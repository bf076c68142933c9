"""A document that does not sum cannot be made, and the refusal names the rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.invoice import ubl
from settlement.invoice.compose import Draft, Item, compose, credit
from settlement.invoice.errors import BrokenRuleError
from settlement.invoice.model import (
    Invoice,
    Payment,
    PaymentCode,
    Totals,
    TypeCode,
    Unit,
    VatGroup,
)
from settlement.invoice.party import Address, Party
from settlement.tax.leg import Category

replace = msgspec.structs.replace


def broken(invoice: Invoice, **changes: object) -> str:
    with pytest.raises(BrokenRuleError) as caught:
        replace(invoice, **changes)
    return caught.value.rule


def test_totals_when_they_do_not_sum_then_the_rule_is_named(documents: dict[str, Invoice]) -> None:
    invoice = documents["commission_domestic"]
    totals = invoice.totals
    wrong: list[tuple[str, Totals]] = [
        ("BR-CO-10", replace(totals, net_minor=totals.net_minor + 1)),
        ("BR-CO-14", replace(totals, vat_minor=totals.vat_minor + 1)),
        ("BR-CO-15", replace(totals, gross_minor=totals.gross_minor - 1)),
        ("BR-CO-16", replace(totals, due_minor=totals.due_minor + 1)),
        ("BR-53", replace(totals, vat_accounting_minor=5)),
    ]
    assert [broken(invoice, totals=given) for _, given in wrong] == [name for name, _ in wrong]


def test_vat_when_it_is_not_basis_times_rate_then_refused(documents: dict[str, Invoice]) -> None:
    invoice = documents["driver_de"]
    group = invoice.vat[0]
    off = replace(group, vat_minor=group.vat_minor + 7)
    totals = replace(
        invoice.totals,
        vat_minor=off.vat_minor,
        gross_minor=invoice.totals.net_minor + off.vat_minor,
        paid_minor=invoice.totals.net_minor + off.vat_minor,
    )
    assert broken(invoice, vat=(off,), totals=totals) == "BR-CO-17"
    assert broken(invoice, vat=(replace(group, basis_minor=1),)) == "BR-CO-18"
    assert broken(invoice, vat=(group, group)) == "BR-CO-18"


def test_presence_when_something_is_missing_then_the_rule_is_named(
    documents: dict[str, Invoice],
) -> None:
    invoice, foreign = documents["commission_domestic"], documents["commission_cross_border"]
    line = invoice.lines[0]
    nobody = Party(name="", address=Address(country="NL"))
    assert broken(invoice, number=" ") == "BR-02"
    assert broken(invoice, buyer=nobody) == "BR-07"
    assert broken(invoice, lines=()) == "BR-16"
    assert (
        broken(invoice, lines=(replace(line, price=line.price + 1), *invoice.lines[1:])) == "R120"
    )
    assert broken(invoice, seller=replace(invoice.seller, vat_id="")) == "BR-S-02"
    assert broken(invoice, seller=replace(invoice.seller, vat_id="001234567B01")) == "BR-CO-09"
    assert broken(invoice, type_code=TypeCode.CREDIT_NOTE) == "BR-55"
    assert (
        broken(invoice, payment=Payment(code=PaymentCode.SEPA_CREDIT_TRANSFER, terms="30 d"))
        == "BR-61"
    )
    assert broken(invoice, payment=Payment(code=PaymentCode.NETTED)) == "BR-CO-25"
    assert broken(invoice, period_end=date(2020, 1, 1)) == "BR-29"
    assert (
        broken(foreign, vat=(replace(foreign.vat[0], exemption_code="", exemption_text=""),))
        == "BR-AE-10"
    )
    assert broken(foreign, buyer=replace(foreign.buyer, vat_id="", legal_id="")) == "BR-AE-02"


def test_credit_when_made_then_it_mirrors_and_names_the_original(
    documents: dict[str, Invoice],
) -> None:
    original, note = documents["commission_domestic"], documents["credit_note"]
    assert note.type_code is TypeCode.CREDIT_NOTE
    assert note.totals == original.totals
    assert note.preceding is not None
    assert note.preceding.number == original.number
    shared = documents["self_billed_share"]
    back = credit(shared, number="SB-2026-000008", issued_on=shared.issued_on)
    assert back.type_code is TypeCode.SELF_BILLED_CREDIT
    assert b"<cbc:CreditNoteTypeCode>261<" in ubl.write(back)


def test_group_when_several_rounded_lines_then_half_a_cent_each_is_allowed(
    draft_session: Callable[[], Draft],
) -> None:
    """VAT posted session by session may differ by the roundings from the VAT of the sum."""
    item = Item(
        name="Energy",
        quantity=Decimal(1),
        unit=Unit.PIECE,
        net_minor=3,
        category=Category.STANDARD,
        rate=Decimal(19),
    )
    group = VatGroup(category=Category.STANDARD, rate=Decimal(19), basis_minor=60, vat_minor=20)
    draft = replace(draft_session(), items=(item,) * 20, vat=(group,))
    assert compose(draft).totals.vat_minor == 20
    with pytest.raises(BrokenRuleError, match="BR-CO-17"):
        compose(replace(draft, vat=(replace(group, vat_minor=27),)))


amounts = st.integers(-5_000_000, 5_000_000)
quantities = st.decimals("0.0001", "9000", places=4)
rates = st.sampled_from([Decimal(r) for r in ("6", "8.1", "19", "21", "25", "25.5")])
items = st.builds(
    lambda net, quantity, rate, price: Item(
        name="x",
        quantity=quantity,
        unit=Unit.KILOWATT_HOUR,
        net_minor=net,
        category=Category.STANDARD,
        rate=rate,
        price=price,
    ),
    amounts,
    quantities,
    rates,
    st.none() | st.decimals("0", "2", places=4),
)


@given(
    st.lists(items, min_size=1, max_size=8), st.sampled_from(["EUR", "NOK", "HUF", "JPY", "KWD"])
)
def test_compose_when_any_amounts_then_the_document_sums(
    given_items: list[Item], currency: str
) -> None:
    from datetime import date as day

    party = Party(name="A", address=Address(country="DE"), vat_id="DE1")
    invoice = compose(
        Draft(
            number="1",
            issued_on=day(2026, 1, 1),
            type_code=TypeCode.INVOICE,
            currency=currency,
            seller=party,
            buyer=party,
            items=tuple(given_items),
            payment=Payment(code=PaymentCode.CARD, terms="paid"),
        )
    )
    assert invoice.totals.net_minor == sum(item.net_minor for item in given_items)
    assert sum(group.basis_minor for group in invoice.vat) == invoice.totals.net_minor
    assert invoice.totals.due_minor == invoice.totals.net_minor + invoice.totals.vat_minor
    assert all(line.price >= 0 for line in invoice.lines)


def test_invoice_when_kept_as_json_then_it_comes_back_and_still_has_to_sum(
    documents: dict[str, Invoice],
) -> None:
    for invoice in documents.values():
        kept = msgspec.json.encode(invoice)
        assert msgspec.json.decode(kept, type=Invoice) == invoice
    wrong = kept.replace(b'"gross_minor":2719', b'"gross_minor":2720')
    assert wrong != kept
    with pytest.raises(msgspec.ValidationError, match="BR-CO-15"):
        msgspec.json.decode(wrong, type=Invoice)
