"""From a CDR through the pipeline to documents: what was settled is what is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from settlement.bank.schematron import Schematron
from settlement.invoice import cii, ubl
from settlement.invoice.document import document_from_order
from settlement.invoice.model import Preceding
from settlement.invoice.pdf import render
from settlement.ledger.split import CommissionContract, Measure, Rule
from settlement.pipeline import (
    MeterProof,
    Original,
    PublishedTariff,
    Reference,
    SettlementItem,
    SettlementPolicy,
    settle,
)
from settlement.pipeline.result import Settled
from settlement.tax.leg import DocumentKind
from settlement.tax.party import MoneyParty
from settlement.tax.row import Kind, TaxRow, TaxTable, Verified

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


def party(key: str, vat_id: str, name: str) -> MoneyParty:
    return MoneyParty(
        key=key, name=name, country=key[:2], currency="EUR", vat_id=vat_id, language=key[:2].lower()
    )


HUB = party("NL-NCO", "NL004495445B01", "NetworkCore B.V.")
CPO = party("DE-ALL", "DE136695976", "Ladewerk GmbH")
DEMAND = party("NL-TNM", "NL009876543B01", "Fahrstrom B.V.")


def row(place: str, kind: Kind, rate: str) -> TaxRow:
    return TaxRow(
        jurisdiction=place,
        kind=kind,
        rate=Decimal(rate),
        source="a letter",
        verified=Verified.YES,
        reviewer="R. Viewer",
        reviewed_at=date(2026, 1, 2),
    )


ROWS = (
    row("DE", Kind.EV_CHARGING, "19"),
    row("DE", Kind.EV_OCCUPANCY, "7"),
    row("DE", Kind.STANDARD, "19"),
    row("NL", Kind.STANDARD, "21"),
)
CONTRACT = CommissionContract(
    contract_id="C",
    currency="EUR",
    commission=(Rule(receiver="hub", measure=Measure.PERCENT, value=Decimal("4.5")),),
    shares=(Rule(receiver="demand", measure=Measure.PERCENT, value=Decimal("1.5")),),
)
REFERENCE = Reference(
    hub=HUB,
    taxes=TaxTable(rows=ROWS),
    policy=SettlementPolicy(require_published_tariff=False, tolerance_minor=2),
)


def item(cdr: object, tariff: object, **more: object) -> SettlementItem:
    published = PublishedTariff(
        content_hash=b"h" * 32, tariff=tariff, published_at=NOW - timedelta(days=60)
    )
    given = {
        "cdr": cdr,
        "cdr_hash": b"c" * 32,
        "received_at": NOW,
        "published": (published,),
        "zone": "Europe/Berlin",
        "cpo": CPO,
        "demand": DEMAND,
        "contract": CONTRACT,
        "meter": MeterProof(),
    }
    return SettlementItem(**{**given, **more})


@pytest.fixture
async def rules() -> AsyncIterator[Schematron]:
    async with Schematron() as child:
        yield child


@pytest.fixture
def sessions(cdr, tariff, element):
    """Sessions whose tariffs round, switch VAT rates and hit their limits."""
    energy = element(("ENERGY", "0.4137", "19"))
    mixed = element(
        ("FLAT", "0.333", "19"), ("ENERGY", "0.4137", "19"), ("PARKING_TIME", "1.777", "7")
    )
    volumes = (0, {"ENERGY": "17.317", "TIME": "1.5"}), (90, {"PARKING_TIME": "0.5"})
    plain, parked = tariff(energy), tariff(mixed)
    capped = tariff(mixed, min_price=("11.00", "13.00"))
    return {
        "plain": (cdr(volumes[0], tariffs=(plain,), total=("7.16", "8.53")), plain),
        "parked": (cdr(*volumes, tariffs=(parked,), total=("8.39", "9.87")), parked),
        "capped": (cdr(*volumes, tariffs=(capped,), total=("11.00", "13.00")), capped),
    }


async def test_settled_when_sessions_round_then_every_document_is_official(rules, sessions) -> None:
    parties = {HUB.key: HUB}
    kinds = set()
    for name, (cdr, tariff) in sessions.items():
        settled = settle(item(cdr, tariff), REFERENCE, NOW)
        assert isinstance(settled, Settled), (name, settled)
        for order in settled.orders:
            invoice = document_from_order(
                order, parties, f"{name}-1", NOW, time_zone=settled.used.zone
            )
            kinds.add(order.kind)
            assert invoice.totals.gross_minor == order.leg.gross_minor
            assert invoice.totals.vat_minor == order.leg.vat_minor
            assert (await rules.check(ubl.write(invoice))).findings == (), (name, order.kind)
            assert render(invoice, cii.write(invoice)).startswith(b"%PDF")
    assert kinds == {DocumentKind.RECEIPT, DocumentKind.INVOICE, DocumentKind.SELF_BILLED}


async def test_settled_when_credited_then_credit_notes_mirror_the_documents(
    rules, sessions, cdr, tariff, cost
) -> None:
    import msgspec

    first, public = sessions["plain"]
    settled = settle(item(first, public), REFERENCE, NOW)
    assert isinstance(settled, Settled)
    back = msgspec.structs.replace(
        first,
        id="CDR1-C",
        credit=True,
        credit_reference_id="CDR1",
        total_cost=cost("-7.16", "-8.53"),
    )
    original = Original(cdr=first, entries=settled.entries, orders=settled.orders)
    credited = settle(item(back, public, original=original), REFERENCE, NOW)
    assert isinstance(credited, Settled), credited
    before = Preceding(number="R-1", issued_on=NOW.date())
    for order, mirrored in zip(credited.orders, settled.orders, strict=True):
        invoice = document_from_order(order, {}, "Q-1", NOW, preceding=before)
        assert invoice.type_code.is_credit
        assert invoice.totals.gross_minor == mirrored.leg.gross_minor
        assert (await rules.check(ubl.write(invoice))).findings == ()
