"""Items that settle, to be spoilt one fact at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from settlement.fx import Quote
from settlement.ledger.split import CommissionContract, Measure, Rule
from settlement.pipeline import PublishedTariff, Reference, SettlementItem
from settlement.tax import Kind, MoneyParty, TaxRow, Verified, shipped

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HUB = MoneyParty(key="NL-NCO", name="Hub", country="NL", currency="EUR", vat_id="NL001")
CPO = MoneyParty(
    key="DE-ALL", name="Saft", country="DE", currency="EUR", vat_id="DE001", iban="DE1"
)
NORSK = MoneyParty(key="NO-NOR", name="Strøm", country="NO", currency="NOK", vat_id="NO001MVA")
DEMAND = MoneyParty(key="NL-TNM", name="App", country="NL", currency="EUR", vat_id="NL002")


def _row(place, kind, rate):
    return TaxRow(
        jurisdiction=place,
        kind=kind,
        rate=Decimal(rate),
        source="entered for this test",
        verified=Verified.SECONDARY,
        reviewer="A. Reviewer",
        reviewed_at=date(2026, 1, 1),
    )


ROWS = [
    _row("NO", Kind.EV_CHARGING, "25"),
    _row("DE", Kind.EV_OCCUPANCY, "7"),
    _row("DE", Kind.EV_RESERVATION, "19"),
]
QUOTE = Quote(
    provider="sample",
    quote_id="Q1",
    base="EUR",
    counter="NOK",
    mid=Decimal("11.7345"),
    spread=Decimal("0.004"),
    quoted_at=NOW - timedelta(hours=1),
    valid_until=NOW + timedelta(hours=1),
)


def _contract(percent="3", share="1.5"):
    rules = [Rule(receiver="hub", measure=Measure.PERCENT, value=Decimal(percent))]
    shares = [Rule(receiver="demand", measure=Measure.PERCENT, value=Decimal(share))]
    return CommissionContract(
        contract_id="C1", currency="EUR", commission=tuple(rules), shares=tuple(shares)
    )


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def reference():
    return Reference(hub=HUB, taxes=shipped().with_rows(ROWS), quotes=(QUOTE,))


@pytest.fixture
def standard(tariff, element):
    return tariff(element(("ENERGY", "0.5", "19"), ("FLAT", "0.5", "19")))


@pytest.fixture(scope="session")
def item():
    """Builds an item around a CDR; its own tariffs are the published ones."""

    def build(cdr, **more):
        published = tuple(
            PublishedTariff(
                content_hash=bytes([position]) * 32,
                tariff=tariff,
                published_at=cdr.start_date_time - timedelta(days=1),
            )
            for position, tariff in enumerate(cdr.tariffs)
        )
        stated = {
            "cdr": cdr,
            "cdr_hash": b"c" * 32,
            "received_at": cdr.end_date_time + timedelta(minutes=5),
            "published": published,
            "zone": "Europe/Berlin",
            "cpo": CPO,
            "demand": DEMAND,
            "contract": _contract(),
        }
        return SettlementItem(**{**stated, **more})

    return build


@pytest.fixture
def session(cdr, standard):
    """20 kWh at 0.50 and a start fee of 0.50: 10.50 net, 12.495 gross."""
    return cdr((0, {"ENERGY": "20"}), tariffs=(standard,), total=("10.50", "12.50"))


@pytest.fixture
def norwegian(cdr, tariff, element):
    table = tariff(element(("ENERGY", "5", "25")), currency="NOK")
    return cdr((0, {"ENERGY": "20"}), tariffs=(table,), total=("100", "125"), country="NOR")


@pytest.fixture
def norsk():
    return NORSK


@pytest.fixture
def parties():
    return {"hub": HUB, "cpo": CPO, "demand": DEMAND, "norsk": NORSK}


@pytest.fixture
def contract():
    return _contract


@pytest.fixture
def replaced():
    return msgspec.structs.replace
