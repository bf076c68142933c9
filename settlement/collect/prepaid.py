"""The prepaid balance of a demand partner: holds before a charge, captures after it.

Pure: `(balance, request, now) → (balance, outcome)`. The balance never goes below zero, holds
never exceed it, and a repeated key gives its first answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

import msgspec

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
from settlement.money import Money

replace = msgspec.structs.replace


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorisation set aside."""

    key: str
    amount_minor: int
    expires_at: datetime


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What a capture took and what of it was given back."""

    key: str
    amount_minor: int
    refunded_minor: int = 0


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A request that moved something: its repetition gets the same outcome."""

    request: Request
    outcome: Done


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """`posted_minor` is the partner's money with us; open holds are still part of it."""

    account: str
    currency: str
    posted_minor: int
    holds: tuple[Hold, ...] = ()
    taken: tuple[Taken, ...] = ()
    answered: tuple[Answered, ...] = ()

    def available_minor(self, now: datetime) -> int:
        """What a new hold may set aside; an expired hold holds nothing."""
        held = sum(hold.amount_minor for hold in self.holds if hold.expires_at > now)
        return self.posted_minor - held


def deposit(balance: Balance, amount: Money) -> Balance:
    """The balance after money of the partner arrived at the bank."""
    if amount.currency != balance.currency:
        message = f"{balance.account} holds {balance.currency}"
        raise ValueError(message)
    return replace(balance, posted_minor=balance.posted_minor + amount.amount_minor)


def apply(balance: Balance, request: Request, now: datetime) -> tuple[Balance, Done | Declined]:
    """The balance after a request, and what became of it."""
    for answered in balance.answered:
        if answered.request.key == request.key:
            same = answered.request == request
            return balance, answered.outcome if same else _no(request, Refusal.KEY_REUSED)
    if not isinstance(request, Release) and request.amount.currency != balance.currency:
        return balance, _no(request, Refusal.WRONG_CURRENCY)
    found = _move(balance, request, now)
    if isinstance(found, Refusal):
        return balance, _no(request, found)
    moved, amount_minor = found
    money = Money(amount_minor=amount_minor, currency=balance.currency)
    done = Done(key=request.key, amount=money, reference=request.key)
    return replace(moved, answered=(*moved.answered, Answered(request=request, outcome=done))), done


def _no(request: Request, refusal: Refusal) -> Declined:
    return Declined(key=request.key, refusal=refusal)


def _move(balance: Balance, request: Request, now: datetime) -> tuple[Balance, int] | Refusal:
    match request:
        case Authorise():
            return _authorise(balance, request, now)
        case Capture():
            return _capture(balance, request, now)
        case Release():
            return _release(balance, request)
        case Refund():
            return _refund(balance, request)
        case _:
            assert_never(request)


def _authorise(
    balance: Balance, request: Authorise, now: datetime
) -> tuple[Balance, int] | Refusal:
    amount = request.amount.amount_minor
    if request.expires_at <= now:
        return Refusal.EXPIRED
    if amount > balance.available_minor(now):
        return Refusal.INSUFFICIENT
    hold = Hold(key=request.key, amount_minor=amount, expires_at=request.expires_at)
    return replace(balance, holds=(*balance.holds, hold)), amount


def _capture(balance: Balance, request: Capture, now: datetime) -> tuple[Balance, int] | Refusal:
    """At most what was set aside: a charge that costs more needs a larger hold while it runs."""
    amount = request.amount.amount_minor
    hold = _hold(balance, request.authorisation)
    if hold is None:
        return Refusal.UNKNOWN_AUTHORISATION
    if hold.expires_at <= now:
        return Refusal.EXPIRED
    if amount > hold.amount_minor:
        return Refusal.TOO_MUCH
    taken = Taken(key=request.key, amount_minor=amount)
    moved = replace(
        _without(balance, hold),
        posted_minor=balance.posted_minor - amount,
        taken=(*balance.taken, taken),
    )
    return moved, amount


def _release(balance: Balance, request: Release) -> tuple[Balance, int] | Refusal:
    hold = _hold(balance, request.authorisation)
    if hold is None:
        return Refusal.UNKNOWN_AUTHORISATION
    return _without(balance, hold), hold.amount_minor


def _refund(balance: Balance, request: Refund) -> tuple[Balance, int] | Refusal:
    amount = request.amount.amount_minor
    taken = next((each for each in balance.taken if each.key == request.capture), None)
    if taken is None:
        return Refusal.UNKNOWN_CAPTURE
    if amount > taken.amount_minor - taken.refunded_minor:
        return Refusal.TOO_MUCH
    given = replace(taken, refunded_minor=taken.refunded_minor + amount)
    kept = tuple(given if each is taken else each for each in balance.taken)
    return replace(balance, posted_minor=balance.posted_minor + amount, taken=kept), amount


def _hold(balance: Balance, key: str) -> Hold | None:
    return next((hold for hold in balance.holds if hold.key == key), None)


def _without(balance: Balance, hold: Hold) -> Balance:
    return replace(balance, holds=tuple(each for each in balance.holds if each is not hold))
