"""Payment files: valid, summed, and saying what the batch says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from lxml import etree

from settlement.ledger.order import Payable
from settlement.payout import pain
from settlement.payout.account import Account
from settlement.payout.plan import Batch, Policy, plan
from settlement.tax.party import MoneyParty

DAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
Owe = Callable[..., Payable]


@pytest.fixture
def batches(
    payees: dict[str, MoneyParty], debtors: dict[str, Account], owe: Owe
) -> dict[str, Batch]:
    payables = [owe("DE-LDW", 123456), owe("FR-RGO", 1), owe("NO-FJO", 9900, "NOK")]
    found = plan(payables, payees, debtors, Policy(), DAY)
    return {batch.currency: batch for batch in found.batches}


def levels(xml: bytes) -> list[str]:
    return [str(node.text) for node in etree.fromstring(xml).iterfind(".//{*}SvcLvl/{*}Cd")]


def test_write_when_euro_then_sepa_and_the_sums(batches: dict[str, Batch]) -> None:
    xml = pain.write(batches["EUR"], NOW)
    found = pain.read(xml)
    assert levels(xml) == ["SEPA"]
    assert (found.count, found.control_sum) == (2, Decimal("1234.57"))
    assert found.message_id == batches["EUR"].batch_id
    assert found.execute_on == DAY
    assert [p.end_to_end_id for p in found.payments] == [
        p.payout_id for p in batches["EUR"].payouts
    ]
    assert found.payments[0].name == "Ladewerk Muller + Sohne GmbH"
    assert b"<ChrgBr>SLEV</ChrgBr>" in xml


def test_write_when_kroner_then_no_sepa_service_level(batches: dict[str, Batch]) -> None:
    xml = pain.write(batches["NOK"], NOW)
    assert levels(xml) == ["NURG"]
    assert b"SEPA" not in xml
    assert b"<ChrgBr>SHAR</ChrgBr>" in xml
    assert pain.read(xml).payments[0].bic == "DABANO22"
    assert b'<InstdAmt Ccy="NOK">99.00</InstdAmt>' in xml


def test_write_when_instant_then_the_instrument_says_so(
    payees: dict[str, MoneyParty], debtors: dict[str, Account], owe: Owe
) -> None:
    found = plan([owe("DE-LDW", 5)], payees, debtors, Policy(use_instant=True), DAY)
    assert b"<LclInstrm><Cd>INST</Cd></LclInstrm>" in pain.write(found.batches[0], NOW)


def test_write_when_iban_only_then_the_agent_is_not_made_up(batches: dict[str, Batch]) -> None:
    batch = batches["EUR"]
    payouts = tuple(
        msgspec.structs.replace(p, creditor=msgspec.structs.replace(p.creditor, bic=""))
        for p in batch.payouts
    )
    debtor = msgspec.structs.replace(batch.debtor, bic="")
    xml = pain.write(msgspec.structs.replace(batch, payouts=payouts, debtor=debtor), NOW)
    assert xml.count(b"NOTPROVIDED") == 1
    assert b"CdtrAgt" not in xml


def test_read_when_a_sum_was_changed_then_refused(batches: dict[str, Batch]) -> None:
    xml = pain.write(batches["EUR"], NOW)
    for old, new in (
        (b"<CtrlSum>1234.57<", b"<CtrlSum>1234.58<"),
        (b"<NbOfTxs>2<", b"<NbOfTxs>3<"),
        (b'"EUR">0.01<', b'"EUR">0.02<'),
    ):
        with pytest.raises(pain.PaymentFileError):
            pain.read(xml.replace(old, new))


def test_write_when_iban_has_no_shape_then_the_schema_refuses(batches: dict[str, Batch]) -> None:
    batch = batches["EUR"]
    debtor = msgspec.structs.replace(batch.debtor, iban="not an iban")
    with pytest.raises(pain.PaymentFileError, match="IBAN"):
        pain.write(msgspec.structs.replace(batch, debtor=debtor), NOW)
    with pytest.raises(pain.PaymentFileError, match="at least one"):
        pain.write(msgspec.structs.replace(batch, payouts=()), NOW)


def test_read_when_no_payment_file_then_refused() -> None:
    for wrong in (b"", b"<a/>", b"<a", b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'):
        with pytest.raises(pain.PaymentFileError):
            pain.read(wrong)


def test_write_when_thousand_payouts_then_quick(batches: dict[str, Batch]) -> None:
    batch = batches["EUR"]
    many = tuple(
        msgspec.structs.replace(batch.payouts[0], payout_id=f"P{n:05d}", amount_minor=n + 1)
        for n in range(1000)
    )
    found = pain.read(pain.write(msgspec.structs.replace(batch, payouts=many), NOW))
    assert found.control_sum == Decimal("5005.00")
