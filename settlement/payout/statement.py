"""Bank statements, camt.053 (ISO 20022), any version of the message: what really moved.

An entry is matched by the EndToEndId that the payout carried. Nothing is guessed: a statement
whose balances do not follow from its entries is refused whole.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec
from lxml import etree

from settlement.errors import MoneyError
from settlement.money import bounded_amount, exponent

STATEMENT_BYTES_MAX: Final = 64 * 1024 * 1024
LINES_MAX: Final = 1_000_000


class StatementError(MoneyError):
    """The statement cannot be trusted; nothing of it is taken."""


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One movement: positive came in, negative went out."""

    currency: str
    amount_minor: int
    booked_on: date | None
    end_to_end_id: str
    bank_reference: str
    is_reversal: bool
    is_booked: bool


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One account's statement."""

    statement_id: str
    iban: str
    currency: str
    opening_minor: int | None
    closing_minor: int | None
    lines: tuple[StatementLine, ...]


def read(xml: bytes) -> tuple[Statement, ...]:
    """The statements of a file.

    Raises:
        StatementError: not a camt.053, or its balances do not follow from its entries.
    """
    root = _parse(xml)
    found = tuple(_statement(node) for node in root.iterfind("{*}BkToCstmrStmt/{*}Stmt"))
    if not found:
        raise StatementError("the file holds no camt.053 statement")
    return found


def _statement(node: etree._Element) -> Statement:
    lines = tuple(line for entry in node.iterfind("{*}Ntry") for line in _entry(entry))
    if len(lines) > LINES_MAX:
        raise StatementError(f"more than {LINES_MAX} lines")
    opening, closing = _balance(node, ("OPBD", "PRCD")), _balance(node, ("CLBD",))
    moved = sum(line.amount_minor for line in lines if line.is_booked)
    if opening is not None and closing is not None and opening[0] + moved != closing[0]:
        raise StatementError("the closing balance is not the opening balance plus the entries")
    account = _find(node, "Acct/Ccy") or (closing or opening or (0, ""))[1]
    return Statement(
        statement_id=_find(node, "Id"),
        iban=_find(node, "Acct/Id/IBAN"),
        currency=account or (lines[0].currency if lines else ""),
        opening_minor=opening[0] if opening else None,
        closing_minor=closing[0] if closing else None,
        lines=lines,
    )


def _entry(entry: etree._Element) -> list[StatementLine]:
    """A line for each transaction where the bank tells them apart, else one for the entry."""
    whole = _line(entry, entry, "")
    details = entry.findall("{*}NtryDtls/{*}TxDtls")
    if len(details) < 2:
        end_to_end = _find(entry, "NtryDtls/TxDtls/Refs/EndToEndId")
        return [msgspec.structs.replace(whole, end_to_end_id=_given(end_to_end))]
    lines = [_line(detail, entry, _find(detail, "Refs/EndToEndId")) for detail in details]
    if sum(line.amount_minor for line in lines) != whole.amount_minor:
        raise StatementError("the transactions of an entry do not sum to it")
    return lines


def _line(node: etree._Element, entry: etree._Element, end_to_end: str) -> StatementLine:
    amount = node.find("{*}Amt")
    if amount is None:
        amount = node.find("{*}AmtDtls/{*}TxAmt/{*}Amt")
    minor, currency = _amount(amount)
    indicator = _find(node, "CdtDbtInd") or _find(entry, "CdtDbtInd")
    status = _find(entry, "Sts/Cd") or _find(entry, "Sts")
    return StatementLine(
        currency=currency,
        amount_minor=_signed(minor, indicator),
        booked_on=_day(_find(entry, "BookgDt/Dt") or _find(entry, "BookgDt/DtTm")),
        end_to_end_id=_given(end_to_end),
        bank_reference=_find(entry, "AcctSvcrRef"),
        is_reversal=_find(entry, "RvslInd") == "true",
        is_booked=status in ("", "BOOK"),
    )


def _balance(node: etree._Element, codes: tuple[str, ...]) -> tuple[int, str] | None:
    for balance in node.iterfind("{*}Bal"):
        if _find(balance, "Tp/CdOrPrtry/Cd") in codes:
            minor, currency = _amount(balance.find("{*}Amt"))
            return _signed(minor, _find(balance, "CdtDbtInd")), currency
    return None


def _amount(node: etree._Element | None) -> tuple[int, str]:
    if node is None or not node.text:
        raise StatementError("an amount is missing")
    currency = str(node.get("Ccy", ""))
    try:
        minor = bounded_amount(Decimal(node.text.strip())).scaleb(exponent(currency))
    except InvalidOperation:
        raise StatementError("an amount is not a number") from None
    if minor != minor.to_integral_value() or minor < 0:
        raise StatementError(f"an amount is not one of {currency}")
    return int(minor), currency


def _signed(minor: int, indicator: str) -> int:
    if indicator not in ("CRDT", "DBIT"):
        raise StatementError("CdtDbtInd is neither CRDT nor DBIT")
    return minor if indicator == "CRDT" else -minor


def _given(end_to_end: str) -> str:
    return "" if end_to_end == "NOTPROVIDED" else end_to_end


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        raise StatementError("a booking date is not a date") from None


def _find(node: etree._Element, path: str) -> str:
    found = node.findtext("/".join(f"{{*}}{tag}" for tag in path.split("/")))
    return (found or "").strip()


def _parse(xml: bytes) -> etree._Element:
    if len(xml) > STATEMENT_BYTES_MAX:
        raise StatementError("the statement is too large")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise StatementError(f"not XML: {error}") from error
