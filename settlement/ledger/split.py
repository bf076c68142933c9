"""Commission and revenue share as data: percent, fixed or the rest, summing to the minor unit."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec


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
