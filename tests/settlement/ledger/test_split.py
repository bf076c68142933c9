from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.errors import Held, MoneyError, Reason
from settlement.ledger.split import CommissionContract, Measure, Rule, share_out

KWH = Decimal("20.5")


def percent(receiver, value, **tier):
    return Rule(receiver=receiver, measure=Measure.PERCENT, value=Decimal(value), **tier)


def fixed(receiver, value):
    return Rule(receiver=receiver, measure=Measure.FIXED, value=Decimal(value))


def contract(*commission, shares=(), **more):
    return CommissionContract(
        contract_id="C1", currency="EUR", commission=commission, shares=shares, **more
    )


def test_example_of_the_reference():
    made = contract(percent("hub", 3), shares=(percent("demand", "1.5"),))
    result = share_out(made, "EUR", 1000, KWH)
    assert (result.commission_minor, result.shares[0].amount_minor, result.kept_minor) == (
        30,
        15,
        15,
    )


def test_tiers_count_only_what_lies_in_them():
    tiers = contract(
        percent("hub", 5, up_to_net_minor=1000), percent("hub", 1, from_net_minor=1000)
    )
    assert share_out(tiers, "EUR", 3000, KWH).commission_minor == 50 + 20


def test_fixed_and_per_kwh_add_up():
    rule = Rule(receiver="hub", measure=Measure.PER_KWH, value=Decimal("0.01"))
    assert share_out(contract(fixed("hub", 10), rule), "EUR", 3000, KWH).commission_minor == 31


def test_rest_goes_to_its_heir():
    made = contract(
        percent("hub", 3),
        shares=(fixed("hub", 10), Rule(receiver="demand", measure=Measure.REST)),
    )
    result = share_out(made, "EUR", 1000, KWH)
    assert [(s.receiver, s.amount_minor) for s in result.shares] == [("hub", 10), ("demand", 20)]
    assert result.kept_minor == 0


def test_minimum_and_maximum_bound_the_commission():
    assert (
        share_out(contract(percent("hub", 1), minimum_minor=20), "EUR", 1000, KWH).commission_minor
        == 20
    )
    assert (
        share_out(contract(percent("hub", 9), maximum_minor=20), "EUR", 1000, KWH).commission_minor
        == 20
    )


@pytest.mark.parametrize(
    "made",
    [
        contract(fixed("hub", 2000)),
        contract(percent("hub", 1), minimum_minor=1001),
        contract(percent("hub", 3), shares=(percent("demand", 4),)),
        contract(percent("hub", 3), shares=(fixed("demand", -1),)),
    ],
)
def test_more_than_there_is_is_held(made):
    held = share_out(made, "EUR", 1000, KWH)
    assert isinstance(held, Held)
    assert held.reason is Reason.COMMISSION_EXCEEDS_AMOUNT


def test_amounts_of_another_currency_are_held_but_percentages_travel():
    assert share_out(contract(fixed("hub", 5)), "NOK", 1000, KWH).reason is Reason.CURRENCY_MISMATCH
    assert share_out(contract(percent("hub", 3)), "NOK", 1000, KWH).commission_minor == 30


def test_rest_is_no_commission():
    with pytest.raises(MoneyError):
        share_out(contract(Rule(receiver="hub", measure=Measure.REST)), "EUR", 1000, KWH)


def test_whole_commission_may_be_handed_on_although_it_was_rounded():
    made = contract(percent("hub", 3), shares=(percent("demand", 3),))
    result = share_out(made, "EUR", 1010, KWH)
    assert (result.shares[0].amount_minor, result.kept_minor) == (30, 0)


@given(
    st.integers(0, 10**9),
    st.decimals("0", "100", places=2),
    st.lists(st.integers(0, 100), max_size=5),
)
def test_parts_sum_to_the_commission(net, rate, weights):
    whole = sum(weights) or 1
    shares = tuple(
        percent(f"P{i}", (rate * w / whole).quantize(Decimal("0.0001"), "ROUND_DOWN"))
        for i, w in enumerate(weights)
    )
    result = share_out(contract(percent("hub", rate), shares=shares), "EUR", net, KWH)
    assert sum(s.amount_minor for s in result.shares) + result.kept_minor == result.commission_minor
    assert all(s.amount_minor >= 0 for s in result.shares)
