"""The sums and presences of EN 16931 that no document may break, under their own rule ids.

A table: rule id → what it says, how to see that it is broken. The official schematron checks the
written XML again; this table stops a wrong document before it has a number.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from settlement.invoice.errors import BrokenRuleError
from settlement.money import exponent

if TYPE_CHECKING:
    from settlement.invoice.model import Invoice, Line

LINE_TOLERANCE_MINOR = 2
"""Peppol R120 allows 0.02 between quantity times price and the line's net amount."""
VAT_TOLERANCE_MINOR = 5
"""A partner's own total may stand by contract when it differs by some cents (reference §1.2)."""
LINES_MAX = 10_000
AMOUNT_MINOR_MAX = 10**15
EXEMPT_CATEGORIES = ("AE", "E", "O")


def refuse_broken(invoice: Invoice) -> None:
    """Returns when every rule holds.

    Raises:
        BrokenRuleError: with the id of the first rule that does not.
    """
    for rule_id, text, is_broken in RULES:
        if is_broken(invoice):
            raise BrokenRuleError(rule_id, f"{invoice.number or 'document'}: {text}")


def groups(lines: tuple[Line, ...]) -> dict[tuple[str, Decimal], list[Line]]:
    """The lines of each VAT category and rate, in order of first appearance."""
    found: dict[tuple[str, Decimal], list[Line]] = {}
    for line in lines:
        found.setdefault((str(line.category), line.rate), []).append(line)
    return found


def vat_of(basis_minor: int, rate: Decimal) -> int:
    """Basis times rate, half up, away from zero (BR-CO-17)."""
    return int((basis_minor * rate / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _is_empty(invoice: Invoice) -> bool:
    return not 0 < len(invoice.lines) <= LINES_MAX


def _is_huge(invoice: Invoice) -> bool:
    amounts = [line.net_minor for line in invoice.lines]
    amounts += [invoice.totals.gross_minor, invoice.totals.due_minor, invoice.totals.paid_minor]
    return any(abs(amount) > AMOUNT_MINOR_MAX for amount in amounts)


def _line_differs(invoice: Invoice) -> bool:
    scale = Decimal(10) ** exponent(invoice.currency)
    return any(
        not line.quantity.is_finite()
        or not line.price.is_finite()
        or abs(line.quantity * line.price * scale - line.net_minor) > LINE_TOLERANCE_MINOR
        for line in invoice.lines
    )


def _groups_differ(invoice: Invoice) -> bool:
    wanted = {key: sum(line.net_minor for line in of) for key, of in groups(invoice.lines).items()}
    given = {(str(group.category), group.rate): group.basis_minor for group in invoice.vat}
    return wanted != given or len(given) != len(invoice.vat)


def _vat_differs(invoice: Invoice) -> bool:
    # the VAT of each line was rounded when it was posted: half a minor unit a line may add up;
    # the official rule allows a whole unit of the currency
    lines = groups(invoice.lines)
    return any(
        abs(vat_of(group.basis_minor, group.rate) - group.vat_minor)
        > (
            0
            if not group.rate
            else VAT_TOLERANCE_MINOR + len(lines[(str(group.category), group.rate)]) // 2
        )
        for group in invoice.vat
    )


def _reverse_charge_unnamed(invoice: Invoice) -> bool:
    if not any(group.category == "AE" for group in invoice.vat):
        return False
    return not invoice.seller.vat_id or not (invoice.buyer.vat_id or invoice.buyer.legal_id)


def _vat_id_unprefixed(invoice: Invoice) -> bool:
    ids = (invoice.seller.vat_id, invoice.buyer.vat_id)
    return any(vat_id and not vat_id[:2].isalpha() for vat_id in ids)


def _accounting_differs(invoice: Invoice) -> bool:
    has_amount = invoice.totals.vat_accounting_minor is not None
    other = bool(invoice.accounting_currency) and invoice.accounting_currency != invoice.currency
    return has_amount != other


RULES: tuple[tuple[str, str, Callable[[Invoice], bool]], ...] = (
    ("BR-02", "an invoice number (BT-1) is missing", lambda i: not i.number.strip()),
    ("BR-06", "the seller's name (BT-27) is missing", lambda i: not i.seller.name.strip()),
    ("BR-07", "the buyer's name (BT-44) is missing", lambda i: not i.buyer.name.strip()),
    ("BR-09", "the seller's country (BT-40) is missing", lambda i: not i.seller.address.country),
    ("BR-11", "the buyer's country (BT-55) is missing", lambda i: not i.buyer.address.country),
    ("BR-16", f"between 1 and {LINES_MAX} lines (BG-25) are needed", _is_empty),
    ("BOUND", "an amount is beyond every bound", _is_huge),
    ("BR-25", "a line has no name (BT-153)", lambda i: any(not n.name for n in i.lines)),
    (
        "BR-27",
        "a unit price (BT-146) is negative",
        lambda i: any(line.price < 0 for line in i.lines),
    ),
    ("R120", "a line's net amount (BT-131) is not its quantity times its price", _line_differs),
    (
        "BR-CO-10",
        "the sum of lines (BT-106) is not the sum of the lines",
        lambda i: i.totals.net_minor != sum(line.net_minor for line in i.lines),
    ),
    ("BR-CO-18", "the VAT breakdown (BG-23) is not that of the lines", _groups_differ),
    (
        "BR-CO-14",
        "the VAT total (BT-110) is not the sum of the breakdown",
        lambda i: i.totals.vat_minor != sum(group.vat_minor for group in i.vat),
    ),
    ("BR-CO-17", "a VAT amount (BT-117) is not its basis times its rate", _vat_differs),
    (
        "BR-CO-15",
        "the total with VAT (BT-112) is not the total without plus the VAT",
        lambda i: i.totals.gross_minor != i.totals.net_minor + i.totals.vat_minor,
    ),
    (
        "BR-CO-16",
        "the amount due (BT-115) is not the total less what was paid",
        lambda i: i.totals.due_minor != i.totals.gross_minor - i.totals.paid_minor,
    ),
    (
        "BR-S-05",
        "a standard-rated line needs a rate above zero, every other one the rate zero",
        lambda i: any((line.category == "S") != (line.rate > 0) for line in i.lines),
    ),
    (
        "BR-AE-10",
        "an exempt VAT group needs its exemption reason (BT-120 or BT-121)",
        lambda i: any(
            (group.category in EXEMPT_CATEGORIES)
            != bool(group.exemption_code or group.exemption_text)
            for group in i.vat
        ),
    ),
    ("BR-AE-02", "reverse charge needs both parties' numbers", _reverse_charge_unnamed),
    (
        "BR-S-02",
        "VAT was charged but the seller's VAT identifier (BT-31) is missing",
        lambda i: any(group.category == "S" for group in i.vat) and not i.seller.vat_id,
    ),
    ("BR-CO-09", "a VAT identifier lacks its country prefix", _vat_id_unprefixed),
    (
        "BR-53",
        "the VAT in the accounting currency (BT-111) and that currency (BT-6) come together",
        _accounting_differs,
    ),
    (
        "BR-CO-25",
        "an amount is due but neither a due date (BT-9) nor terms (BT-20) are given",
        lambda i: i.totals.due_minor > 0 and not (i.payment.due_on or i.payment.terms),
    ),
    (
        "BR-61",
        "a credit transfer needs an account (BT-84)",
        lambda i: i.payment.code in ("30", "58") and not i.payment.iban,
    ),
    (
        "BR-55",
        "a credit note needs the document it corrects (BT-25)",
        lambda i: i.type_code.is_credit and i.preceding is None,
    ),
    (
        "BR-29",
        "the period ends before it starts",
        lambda i: bool(i.period_start and i.period_end and i.period_end < i.period_start),
    ),
)
