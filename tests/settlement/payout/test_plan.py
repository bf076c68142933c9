"""One payout per payee and currency, and every payable stands somewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from settlement.errors import Held, Reason
from settlement.ledger.order import Payable
from settlement.payout.account import Account, account_of, latin
from settlement.payout.plan import Carry, Policy, Service, plan
from settlement.tax.party import MoneyParty

DAY = date(2026, 11, 21)
Owe = Callable[..., Payable]


def test_plan_when_many_sessions_then_one_net_payout_each(
    payees: dict[str, MoneyParty], debtors: dict[str, Account], owe: Owe
) -> None:
    payables = [
        owe("DE-LDW", 1210),
        owe("DE-LDW", -30),
        owe("NO-FJO", 9900, "NOK"),
        owe("DE-LDW", 500),
    ]
    found = plan(payables, payees, debtors, Policy(), DAY)
    assert [(b.currency, b.service, b.total_minor) for b in found.batches] == [
        ("EUR", Service.SEPA, 1680),
        ("NOK", Service.LOCAL, 9900),
    ]
    assert found.batches[0].payouts[0].references == ("S000001", "S000002", "S000004")
    assert found.batches[1].payouts[0].creditor.bic == "DABANO22"


def test_plan_when_repeated_in_another_order_then_the_ids_stay(
    payees: dict[str, MoneyParty], debtors: dict[str, Account], owe: Owe
) -> None:
    payables = [owe("DE-LDW", 1210), owe("FR-RGO", 15), owe("DE-LDW", 90)]
    first = plan(payables, payees, debtors, Policy(), DAY)
    assert plan(payables[::-1], payees, debtors, Policy(), DAY) == first
    ids = [payout.payout_id for batch in first.batches for payout in batch.payouts]
    assert all(len(each) <= 35 and each.isalnum() for each in ids)
    assert len(set(ids)) == 2
    other = plan(payables[:2], payees, debtors, Policy(), DAY)
    assert other.batches[0].batch_id != first.batches[0].batch_id


def test_plan_when_nothing_or_little_is_owed_then_carried(
    payees: dict[str, MoneyParty], debtors: dict[str, Account], owe: Owe
) -> None:
    payables = [owe("DE-LDW", 99), owe("FR-RGO", 10), owe("FR-RGO", -10), owe("NO-FJO", -5, "NOK")]
    found = plan(payables, payees, debtors, Policy(minimum_minor=(("EUR", 100),)), DAY)
    assert found.batches == ()
    assert [(c.party, c.amount_minor, c.why) for c in found.carried] == [
        ("DE-LDW", 99, Carry.BELOW_MINIMUM),
        ("FR-RGO", 0, Carry.NOT_OWED),
        ("NO-FJO", -5, Carry.NOT_OWED),
    ]


def test_plan_when_bank_facts_are_missing_then_held_with_the_reason(
    payees: dict[str, MoneyParty], debtors: dict[str, Account], owe: Owe
) -> None:
    payables = [
        owe("NL-NON", 5),
        owe("NL-BAD", 6),
        owe("XX-YYY", 7),
        owe("DE-LDW", 8, "SEK"),
        owe("CH-ALP", 9, "CHF"),
    ]
    found = plan(payables, payees, debtors, Policy(), DAY)
    assert found.batches == ()
    assert {(h.party, h.held.reason, h.held.field) for h in found.held} == {
        ("NL-NON", Reason.PAYEE_BANK_MISSING, "iban"),
        ("NL-BAD", Reason.PAYEE_BANK_MISSING, "iban"),
        ("XX-YYY", Reason.PARTY_MISSING, ""),
        ("DE-LDW", Reason.PAYEE_BANK_MISSING, "debtor"),
        ("CH-ALP", Reason.PAYEE_BANK_MISSING, "bic"),
    }


def test_plan_when_instant_is_wanted_then_only_inside_sepa(
    payees: dict[str, MoneyParty], debtors: dict[str, Account], owe: Owe
) -> None:
    payables = [owe("DE-LDW", 5), owe("NO-FJO", 6, "NOK")]
    found = plan(payables, payees, debtors, Policy(use_instant=True), DAY)
    assert [batch.service for batch in found.batches] == [Service.INSTANT, Service.LOCAL]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["DE-LDW", "NO-FJO", "FR-RGO", "CH-ALP", "NL-NON", "XX-YYY"]),
            st.integers(-10_000, 10_000),
            st.sampled_from(["EUR", "NOK", "CHF", "SEK"]),
        ),
        max_size=30,
    )
)
def test_plan_when_any_payables_then_no_minor_unit_is_lost(
    payees: dict[str, MoneyParty],
    debtors: dict[str, Account],
    given_payables: list[tuple[str, int, str]],
) -> None:
    due = datetime(2026, 11, 21, tzinfo=UTC)
    payables = [
        Payable(
            party=party,
            account="a",
            currency=currency,
            amount_minor=amount,
            due_at=due,
            reference=str(n),
        )
        for n, (party, amount, currency) in enumerate(given_payables)
    ]
    found = plan(payables, payees, debtors, Policy(), DAY)
    placed = sum(batch.total_minor for batch in found.batches)
    placed += sum(each.amount_minor for each in (*found.carried, *found.held))
    assert placed == sum(payable.amount_minor for payable in payables)
    assert all(payout.amount_minor > 0 for batch in found.batches for payout in batch.payouts)


def test_latin_when_names_have_other_letters_then_banks_can_write_them() -> None:
    assert latin("Ladewerk Müller & Søn_Æblø ß//Łódź") == "Ladewerk Muller + Son-Aeblo ss/Lodz"
    assert latin("/Ελλάς\u0000<x>") == "x"
    assert latin("A" * 100) == "A" * 70


def test_account_when_the_name_cannot_be_written_then_held() -> None:
    nameless = MoneyParty(
        key="GR-ABC", name="Ελλάς", country="GR", currency="EUR", iban="NL91ABNA0417164300"
    )
    found = account_of(nameless, "EUR")
    assert isinstance(found, Held)
    assert found.field == "name"


def test_account_when_bic_is_wrong_then_held() -> None:
    wrong = MoneyParty(
        key="NL-ABC", name="A", country="NL", currency="EUR", iban="NL91ABNA0417164300", bic="NOPE"
    )
    found = account_of(wrong, "EUR")
    assert isinstance(found, Held)
    assert found.field == "bic"
