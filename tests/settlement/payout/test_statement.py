"""Bank statements are taken whole or not at all."""

from __future__ import annotations

from datetime import date

import pytest

from settlement.payout import statement

ENTRY = """
<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts>{status}</Sts>
<BookgDt><Dt>2026-11-21</Dt></BookgDt><AcctSvcrRef>B1</AcctSvcrRef><NtryDtls>{details}</NtryDtls></Ntry>"""
DETAIL = """<TxDtls><Refs><EndToEndId>{id}</EndToEndId></Refs>{amount}</TxDtls>"""


def camt(*entries: str, closing: str = "90.00", version: str = "08") -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>
<GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt><Id>S1</Id>
<Acct><Id><IBAN>NL91ABNA0417164300</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{closing}</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
{"".join(entries)}</Stmt></BkToCstmrStmt></Document>""".encode()


def entry(
    amount: str, direction: str = "DBIT", status: str = "<Cd>BOOK</Cd>", details: str = ""
) -> str:
    return ENTRY.format(amount=amount, direction=direction, status=status, details=details)


@pytest.mark.parametrize(
    ("version", "status"), [("02", "BOOK"), ("08", "<Cd>BOOK</Cd>"), ("12", "<Cd>BOOK</Cd>")]
)
def test_read_when_any_version_then_lines_carry_our_ids(version: str, status: str) -> None:
    details = DETAIL.format(id="NCP123", amount="")
    [found] = statement.read(camt(entry("10.00", status=status, details=details), version=version))
    assert (found.iban, found.currency, found.opening_minor, found.closing_minor) == (
        "NL91ABNA0417164300",
        "EUR",
        10_000,
        9_000,
    )
    [line] = found.lines
    assert (line.end_to_end_id, line.amount_minor, line.booked_on) == (
        "NCP123",
        -1000,
        date(2026, 11, 21),
    )


def test_read_when_one_entry_has_many_transactions_then_each_is_a_line() -> None:
    details = "".join(
        DETAIL.format(id=name, amount=f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd>')
        for name, amount in (("A", "4.00"), ("NOTPROVIDED", "6.00"))
    )
    [found] = statement.read(camt(entry("10.00", details=details)))
    assert [(line.end_to_end_id, line.amount_minor) for line in found.lines] == [
        ("A", -400),
        ("", -600),
    ]
    with pytest.raises(statement.StatementError, match="do not sum"):
        statement.read(camt(entry("10.01", details=details), closing="89.99"))


def test_read_when_pending_then_it_does_not_move_the_balance() -> None:
    pending = entry("5.00", status="<Cd>PDNG</Cd>")
    [found] = statement.read(camt(entry("10.00"), pending))
    assert [line.is_booked for line in found.lines] == [True, False]


def test_read_when_balances_do_not_follow_then_refused() -> None:
    with pytest.raises(statement.StatementError, match="closing balance"):
        statement.read(camt(entry("10.00"), closing="90.01"))


@pytest.mark.parametrize("amount", ["NaN", "1e99", "10.001", "-3.00", "x", "", "1e1000000"])
def test_read_when_an_amount_is_absurd_then_refused(amount: str) -> None:
    with pytest.raises(ValueError, match=r"amount|number"):
        statement.read(camt(entry(amount)))


def test_read_when_not_a_statement_then_refused() -> None:
    for wrong in (b"", b"<a/>", b"<a", camt(entry("10.00")).replace(b"DBIT", b"BOTH")):
        with pytest.raises(statement.StatementError):
            statement.read(wrong)
