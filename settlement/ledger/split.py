"""Commission and revenue share as data: percent, fixed or the rest, summing to the minor unit."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import msgspec

from settlement.errors import Held, MoneyError, Reason
from settlement.money import (
    Rounding,
    bounded_amount,
    bounded_volume,
    exponent,
    round_to_int,
    split,
)

ZERO = Fraction(0)


class Measure(StrEnum):
    PERCENT = "percent"  # of the session's net amount, never of another share
    FIXED = "fixed"  # minor units a session
    PER_KWH = "per_kwh"  # major units a kWh
    REST = "rest"  # what the other rules leave of the commission


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One share; `from_net_minor` starts a tier: the rule counts for the net above it."""

    receiver: str  # party key, or "hub"
    measure: Measure
    value: Decimal = Decimal(0)
    from_net_minor: int = 0
    up_to_net_minor: int | None = None


class CommissionContract(msgspec.Struct, frozen=True, kw_only=True):
    """`commission` is what the CPO pays the hub; `shares` are what the hub hands on of it."""

    contract_id: str
    version: int = 1
    currency: str  # of FIXED values and tier borders
    commission: tuple[Rule, ...]
    shares: tuple[Rule, ...] = ()
    minimum_minor: int = 0
    maximum_minor: int | None = None


class Share(msgspec.Struct, frozen=True, kw_only=True):
    receiver: str
    amount_minor: int


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """`commission_minor` = Σ `shares` + `kept_minor`, all net of VAT."""

    currency: str
    net_minor: int
    commission_minor: int
    shares: tuple[Share, ...]
    kept_minor: int


def share_out(
    contract: CommissionContract, currency: str, net_minor: int, energy_kwh: Decimal
) -> Split | Held:
    """The commission on a session's net amount and who gets what of it, to the minor unit."""
    if currency != contract.currency and not _is_free_of_currency(contract):
        return Held(
            reason=Reason.CURRENCY_MISMATCH,
            detail=f"contract {contract.contract_id} names amounts in {contract.currency}, "
            f"the session is in {currency}",
        )
    exact = sum(
        (_exact(rule, currency, net_minor, energy_kwh) for rule in contract.commission), ZERO
    )
    commission = max(round_to_int(exact, Rounding.HALF_UP), contract.minimum_minor)
    if contract.maximum_minor is not None:
        commission = min(commission, contract.maximum_minor)
    if commission > max(net_minor, 0):
        return _too_much(f"a commission of {commission} exceeds the session's net {net_minor}")
    named = [rule for rule in contract.shares if rule.measure is not Measure.REST]
    wanted = [_exact(rule, currency, net_minor, energy_kwh) for rule in named]
    is_rounded_only = abs(exact - commission) < 1
    rest = (exact if is_rounded_only else commission) - sum(wanted, ZERO)
    if rest < 0 or any(part < 0 for part in wanted):
        return _too_much(f"the shares exceed the commission of {commission}")
    parts = split(commission, [*wanted, rest]) if commission else (0,) * (len(named) + 1)
    return _hand_on(contract, currency, net_minor, parts)


def _hand_on(
    contract: CommissionContract, currency: str, net_minor: int, parts: tuple[int, ...]
) -> Split:
    """`parts` are the named shares in order and what is left, which has an heir or stays."""
    named = [rule for rule in contract.shares if rule.measure is not Measure.REST]
    shares = [
        Share(receiver=rule.receiver, amount_minor=part)
        for rule, part in zip(named, parts[:-1], strict=True)
    ]
    kept = parts[-1]
    if heir := next((r for r in contract.shares if r.measure is Measure.REST), None):
        shares.append(Share(receiver=heir.receiver, amount_minor=kept))
        kept = 0
    return Split(
        currency=currency,
        net_minor=net_minor,
        commission_minor=sum(parts),
        shares=tuple(shares),
        kept_minor=kept,
    )


def _exact(rule: Rule, currency: str, net_minor: int, energy_kwh: Decimal) -> Fraction:
    value = Fraction(bounded_amount(rule.value))
    match rule.measure:
        case Measure.PERCENT:
            top = (
                net_minor if rule.up_to_net_minor is None else min(net_minor, rule.up_to_net_minor)
            )
            return max(top - rule.from_net_minor, 0) * value / 100
        case Measure.FIXED:
            return value if net_minor >= rule.from_net_minor else ZERO
        case Measure.PER_KWH:
            return value * Fraction(bounded_volume(energy_kwh)) * int(10 ** exponent(currency))
        case Measure.REST:
            raise MoneyError("the rest is a share, never a commission")


def _is_free_of_currency(contract: CommissionContract) -> bool:
    rules = (*contract.commission, *contract.shares)
    bounded = contract.minimum_minor or contract.maximum_minor is not None
    return not bounded and all(
        rule.measure is Measure.REST
        or (
            rule.measure is Measure.PERCENT
            and rule.from_net_minor == 0
            and rule.up_to_net_minor is None
        )
        for rule in rules
    )


def _too_much(detail: str) -> Held:
    return Held(reason=Reason.COMMISSION_EXCEEDS_AMOUNT, detail=detail)
