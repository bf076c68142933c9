"""The hub's accounts and the people it pays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from settlement.ledger.order import Payable
from settlement.payout.account import Account
from settlement.tax.party import MoneyParty

DAY = date(2026, 11, 21)
DUE = datetime(2026, 11, 21, 12, tzinfo=UTC)


def party(key: str, name: str, iban: str, currency: str = "EUR", bic: str = "") -> MoneyParty:
    return MoneyParty(key=key, name=name, country=key[:2], currency=currency, iban=iban, bic=bic)


@pytest.fixture
def payees() -> dict[str, MoneyParty]:
    parties = (
        party("DE-LDW", "Ladewerk Müller & Söhne GmbH", "DE89 3704 0044 0532 0130 00"),
        party("NO-FJO", "Fjordlading Ærø AS", "NO93 8601 1117 947", "NOK"),
        party("FR-RGO", "Roam & Go", "FR1420041010050500013M02606"),
        party("CH-ALP", "Alpenstrom AG", "CH9300762011623852957", "CHF"),
        party("NL-NON", "Zonder Rekening B.V.", ""),
        party("NL-BAD", "Foute Rekening B.V.", "NL92ABNA0417164300"),
    )
    return {each.key: each for each in parties}


@pytest.fixture
def debtors() -> dict[str, Account]:
    return {
        "EUR": Account(
            name="NetworkCore B.V.", iban="NL91ABNA0417164300", bic="ABNANL2A", country="NL"
        ),
        "NOK": Account(
            name="NetworkCore B.V.", iban="NO8330001234567", bic="SPSONO22", country="NL"
        ),
        "CHF": Account(
            name="NetworkCore B.V.", iban="CH5604835012345678009", bic="CRESCHZZ80A", country="NL"
        ),
    }


@pytest.fixture
def owe() -> Callable[..., Payable]:
    numbers = iter(range(1, 100_000))

    def make(key: str, amount_minor: int, currency: str = "EUR") -> Payable:
        return Payable(
            party=key,
            account=f"payable:{key}:{currency}",
            currency=currency,
            amount_minor=amount_minor,
            due_at=DUE,
            reference=f"S{next(numbers):06d}",
        )

    return make
