"""A prepaid balance never goes below zero and answers a repetition as it answered first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from settlement.collect.prepaid import Balance, apply, deposit
from settlement.collect.request import (
    Authorise,
    Capture,
    Declined,
    Done,
    Refund,
    Refusal,
    Release,
    Request,
)
from settlement.errors import MoneyError
from settlement.money import Money

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=24)


def eur(minor: int, currency: str = "EUR") -> Money:
    return Money(amount_minor=minor, currency=currency)


def hold(key: str, minor: int, currency: str = "EUR") -> Authorise:
    return Authorise(key=key, account="A", amount=eur(minor, currency), expires_at=LATER)


def take(key: str, minor: int, of: str) -> Capture:
    return Capture(key=key, account="A", amount=eur(minor), authorisation=of)


def start(minor: int = 5000) -> Balance:
    return deposit(Balance(account="A", currency="EUR", posted_minor=0), eur(minor))


def refusal(balance: Balance, request: Request, now: datetime = NOW) -> Refusal | None:
    after, outcome = apply(balance, request, now)
    if isinstance(outcome, Declined):
        assert after == balance, "a refusal changes nothing"
        return outcome.refusal
    return None


def test_charge_when_it_costs_less_than_was_held_then_the_rest_is_free_again() -> None:
    balance, held = apply(start(), hold("h1", 3000), NOW)
    assert isinstance(held, Done)
    assert balance.available_minor(NOW) == 2000
    balance, _ = apply(balance, take("c1", 1210, "h1"), NOW)
    assert (balance.posted_minor, balance.available_minor(NOW)) == (3790, 3790)
    balance, _ = apply(balance, Refund(key="r1", account="A", amount=eur(210), capture="c1"), NOW)
    assert balance.posted_minor == 4000


def test_authorise_when_too_much_then_insufficient_and_nothing_changes() -> None:
    balance, _ = apply(start(), hold("h1", 3000), NOW)
    assert refusal(balance, hold("h2", 2001)) is Refusal.INSUFFICIENT
    assert refusal(balance, hold("h3", 1, "NOK")) is Refusal.WRONG_CURRENCY
    assert refusal(balance, hold("h4", 2000), LATER) is Refusal.EXPIRED


def test_hold_when_expired_then_it_holds_nothing_and_cannot_be_captured() -> None:
    balance, _ = apply(start(), hold("h1", 3000), NOW)
    assert balance.available_minor(LATER) == 5000
    assert refusal(balance, take("c1", 1, "h1"), LATER) is Refusal.EXPIRED


def test_capture_when_unknown_or_more_than_held_then_refused() -> None:
    balance, _ = apply(start(), hold("h1", 3000), NOW)
    assert refusal(balance, take("c1", 3001, "h1")) is Refusal.TOO_MUCH
    assert refusal(balance, take("c1", 1, "h9")) is Refusal.UNKNOWN_AUTHORISATION
    refund = Refund(key="r1", account="A", amount=eur(1), capture="c9")
    assert refusal(balance, refund) is Refusal.UNKNOWN_CAPTURE


def test_key_when_repeated_then_the_first_answer_and_with_other_content_a_conflict() -> None:
    once, first = apply(start(), hold("h1", 3000), NOW)
    twice, second = apply(once, hold("h1", 3000), LATER)
    assert (twice, second) == (once, first)
    assert refusal(once, hold("h1", 2999)) is Refusal.KEY_REUSED


def test_release_when_the_charge_never_was_then_all_is_free() -> None:
    balance, _ = apply(start(), hold("h1", 3000), NOW)
    balance, outcome = apply(balance, Release(key="v1", account="A", authorisation="h1"), NOW)
    assert isinstance(outcome, Done)
    assert balance.available_minor(NOW) == 5000


def test_request_when_nothing_is_moved_then_it_cannot_be_made() -> None:
    for key, minor in (("", 5), ("k", 0), ("k", -1), ("k" * 65, 5)):
        with pytest.raises(MoneyError):
            hold(key, minor)
    with pytest.raises(ValueError, match="holds EUR"):
        deposit(start(), eur(5, "NOK"))


class AnyOrder(RuleBasedStateMachine):
    """Whatever is asked in whatever order, no minor unit appears or vanishes."""

    keys = st.sampled_from([f"k{n}" for n in range(6)])
    amounts = st.integers(1, 4000)

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.balance = start(6000)

    def ask(self, request: Request) -> None:
        self.balance, outcome = apply(self.balance, request, self.now)
        again, same = apply(self.balance, request, self.now)
        if isinstance(outcome, Done):
            assert (again, same) == (self.balance, outcome)

    @rule(key=keys, minor=amounts)
    def authorise(self, key: str, minor: int) -> None:
        expires = self.now + timedelta(hours=1)
        self.ask(Authorise(key=key, account="A", amount=eur(minor), expires_at=expires))

    @rule(key=keys, of=keys, minor=amounts)
    def capture(self, key: str, of: str, minor: int) -> None:
        self.ask(take(f"c{key}", minor, of))

    @rule(key=keys, of=keys)
    def release(self, key: str, of: str) -> None:
        self.ask(Release(key=f"v{key}", account="A", authorisation=of))

    @rule(key=keys, of=keys, minor=amounts)
    def refund(self, key: str, of: str, minor: int) -> None:
        self.ask(Refund(key=f"r{key}", account="A", amount=eur(minor), capture=f"c{of}"))

    @rule()
    def wait(self) -> None:
        self.now += timedelta(minutes=40)

    @invariant()
    def conserves(self) -> None:
        spent = sum(each.amount_minor - each.refunded_minor for each in self.balance.taken)
        assert self.balance.posted_minor + spent == 6000
        assert self.balance.available_minor(self.now) >= 0


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
