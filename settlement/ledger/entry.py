"""A journal entry: one business event, its legs balanced per currency, its identity and its hash.

Debits are positive, credits negative. Corrections are new entries; nothing is ever changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from settlement.errors import MoneyError, UnbalancedError
from settlement.money import MINOR_MAX, is_currency

ENCODING = "ncj1"
GENESIS = bytes(32)
LEGS_MAX = 64
REFERENCES_MAX = 32


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """`account` ends in its currency, see `settlement.ledger.account`."""

    account: str
    currency: str
    amount_minor: int


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Made by `entry` only, which checks it. `idem` is what a retry repeats."""

    kind: str
    idem: bytes  # 32 bytes
    input_hash: bytes  # 32 bytes over what produced the entry; same idem + other hash = conflict
    occurred_at: datetime
    legs: tuple[Leg, ...]
    ref: tuple[tuple[str, str], ...] = ()  # sorted by name
    reverses: bytes | None = None  # idem of the entry this one takes back

    def refs(self) -> dict[str, str]:
        return dict(self.ref)


def entry(
    *,
    kind: str,
    idem: bytes,
    input_hash: bytes,
    occurred_at: datetime,
    legs: Iterable[Leg],
    ref: Mapping[str, str] | None = None,
    reverses: bytes | None = None,
) -> JournalEntry:
    """A checked entry; legs on one account are joined and empty ones fall away."""
    joined: dict[tuple[str, str], int] = {}
    for leg in legs:
        where = (leg.account, leg.currency)
        joined[where] = joined.get(where, 0) + leg.amount_minor
    made = JournalEntry(
        kind=kind,
        idem=idem,
        input_hash=input_hash,
        occurred_at=occurred_at,
        legs=tuple(
            Leg(account=account, currency=currency, amount_minor=amount)
            for (account, currency), amount in joined.items()
            if amount
        ),
        ref=tuple(sorted((ref or {}).items())),
        reverses=reverses,
    )
    check(made)
    return made


def check(made: JournalEntry) -> None:
    """Raises unless the entry may be posted; the store checks the balance once more."""
    if len(made.idem) != 32 or len(made.input_hash) != 32:
        raise MoneyError("idem and input_hash are SHA-256 digests")
    if made.occurred_at.tzinfo is None:
        raise MoneyError("occurred_at carries a time zone")
    if len(made.legs) > LEGS_MAX or len(made.ref) > REFERENCES_MAX:
        raise MoneyError("an entry has too many legs or references")
    sums: dict[str, int] = {}
    for leg in made.legs:
        if leg.amount_minor == 0 or abs(leg.amount_minor) > MINOR_MAX:
            raise MoneyError("a leg is empty or too large")
        if not leg.account.endswith(f":{leg.currency}") or not is_currency(leg.currency):
            raise MoneyError(f"account {leg.account} does not carry {leg.currency}")
        sums[leg.currency] = sums.get(leg.currency, 0) + leg.amount_minor
    if wrong := sorted(currency for currency, total in sums.items() if total):
        raise UnbalancedError(f"legs do not sum to zero in {', '.join(wrong)}")


def idem_key(*parts: str) -> bytes:
    """The key of an event: what it is about, never when or by whom it was tried."""
    digest = hashlib.sha256(b"networkcore.idem.1")
    for part in parts:
        raw = part.encode()
        digest.update(len(raw).to_bytes(4, "big"))
        digest.update(raw)
    return digest.digest()


def canonical(made: JournalEntry) -> bytes:
    """One JSON array with fixed order: what is hashed, stored and verified offline."""
    return msgspec.json.encode(
        (
            ENCODING,
            made.kind,
            made.idem.hex(),
            made.input_hash.hex(),
            made.occurred_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            made.reverses.hex() if made.reverses else "",
            [(leg.account, leg.currency, leg.amount_minor) for leg in made.legs],
            made.ref,
        )
    )


def entry_hash(made: JournalEntry) -> bytes:
    return hashlib.sha256(canonical(made)).digest()


def chain_hash(previous: bytes, rows: Iterable[bytes]) -> bytes:
    """SHA-256(previous ‖ length-prefixed canonical rows), in stored order."""
    if len(previous) != 32:
        raise MoneyError("the previous link is a SHA-256 digest")
    digest = hashlib.sha256(previous)
    for row in rows:
        digest.update(len(row).to_bytes(8, "big"))
        digest.update(row)
    return digest.digest()


def reversal(
    original: JournalEntry,
    *,
    kind: str,
    idem: bytes,
    input_hash: bytes,
    occurred_at: datetime,
    ref: Mapping[str, str] | None = None,
) -> JournalEntry:
    """Takes back every leg of `original` at its own FX rate and tax."""
    return entry(
        kind=kind,
        idem=idem,
        input_hash=input_hash,
        occurred_at=occurred_at,
        legs=(
            Leg(account=leg.account, currency=leg.currency, amount_minor=-leg.amount_minor)
            for leg in original.legs
        ),
        ref=ref,
        reverses=original.idem,
    )
