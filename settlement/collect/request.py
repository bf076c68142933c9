"""What is asked of whoever collects the money, and what may come back.

Every request carries our own key, committed before the call. An outcome that is not known is
asked for again under the same key, never tried under a new one.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from settlement.errors import MoneyError
from settlement.money import Money

KEY_MAX = 64


class Authorise(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Set aside up to `amount` before a charge starts."""

    key: str
    account: str
    amount: Money
    expires_at: datetime

    def __post_init__(self) -> None:
        _refuse_wrong(self.key, self.amount)


class Capture(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Take `amount` of what `authorisation` set aside and release the rest."""

    key: str
    account: str
    amount: Money
    authorisation: str

    def __post_init__(self) -> None:
        _refuse_wrong(self.key, self.amount)


class Release(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Give back what `authorisation` set aside: the charge never was."""

    key: str
    account: str
    authorisation: str


class Refund(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Give back `amount` of what `capture` took."""

    key: str
    account: str
    amount: Money
    capture: str

    def __post_init__(self) -> None:
        _refuse_wrong(self.key, self.amount)


Request = Authorise | Capture | Release | Refund


class Refusal(StrEnum):
    """Why money does not move."""

    INSUFFICIENT = "insufficient"
    WRONG_CURRENCY = "wrong_currency"
    UNKNOWN_AUTHORISATION = "unknown_authorisation"
    UNKNOWN_CAPTURE = "unknown_capture"
    EXPIRED = "expired"
    TOO_MUCH = "too_much"
    KEY_REUSED = "key_reused"
    """The key was used before with other content."""


class Done(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It happened, now or when the key was first used; `reference` is the provider's own."""

    key: str
    amount: Money
    reference: str = ""


class Declined(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It will not happen under this key."""

    key: str
    refusal: Refusal


class Unknown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It may have happened: ask for the status of the same key."""

    key: str


Outcome = Done | Declined | Unknown


def _refuse_wrong(key: str, amount: Money) -> None:
    if not key or len(key) > KEY_MAX:
        raise MoneyError(f"a key has 1 to {KEY_MAX} characters")
    if amount.amount_minor <= 0:
        raise MoneyError("what is moved is more than nothing")
