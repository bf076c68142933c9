"""Who is paid how much: one payout per payee and currency, in files of one currency each.

Pure: the same payables on the same day give the same ids, so a repeated run is the same run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum

import msgspec

from settlement.errors import Held, Reason
from settlement.ledger.order import Payable
from settlement.payout.account import Account, account_of
from settlement.tax.party import MoneyParty

ID_MAX = 35
"""Max35Text of ISO 20022: message, payment and end-to-end ids."""
PAYOUTS_MAX = 50_000
"""In one file; banks refuse more."""


class Service(StrEnum):
    """How money travels."""

    SEPA = "sepa"
    INSTANT = "instant"
    """SEPA Instant: any day, within seconds (Regulation (EU) 2024/886)."""
    LOCAL = "local"
    """Another currency or country: no SEPA service level, shared charges."""


class Carry(StrEnum):
    """Why a balance stays where it is."""

    BELOW_MINIMUM = "below_minimum"
    NOT_OWED = "not_owed"
    """Netted to nothing, or the payee owes us."""


class Payout(msgspec.Struct, frozen=True, kw_only=True):
    """One credit transfer; `payout_id` is its EndToEndId."""

    payout_id: str
    party: str
    amount_minor: int
    creditor: Account
    references: tuple[str, ...]
    """Of the payables that it clears."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One file: one currency, one service, one account of ours."""

    batch_id: str
    currency: str
    service: Service
    debtor: Account
    execute_on: date
    payouts: tuple[Payout, ...]

    @property
    def total_minor(self) -> int:
        """The control sum."""
        return sum(payout.amount_minor for payout in self.payouts)


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """A balance that waits for the next run."""

    party: str
    currency: str
    amount_minor: int
    why: Carry


class HeldPayout(msgspec.Struct, frozen=True, kw_only=True):
    """A balance that waits for a person."""

    party: str
    currency: str
    amount_minor: int
    references: tuple[str, ...]
    held: Held


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """`minimum_minor` by currency; none: every minor unit is paid."""

    minimum_minor: tuple[tuple[str, int], ...] = ()
    use_instant: bool = False

    def minimum(self, currency: str) -> int:
        return dict(self.minimum_minor).get(currency, 1)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Every payable given stands in exactly one of the three."""

    batches: tuple[Batch, ...]
    carried: tuple[Carried, ...]
    held: tuple[HeldPayout, ...]


class _Position(msgspec.Struct, frozen=True, kw_only=True):
    party: str
    currency: str
    amount_minor: int
    references: tuple[str, ...]


def plan(
    payables: Iterable[Payable],
    payees: Mapping[str, MoneyParty],
    debtors: Mapping[str, Account],
    policy: Policy,
    execute_on: date,
) -> Plan:
    """Nets payables per payee and currency; `debtors` are the hub's accounts by currency."""
    carried: list[Carried] = []
    held: list[HeldPayout] = []
    files: dict[tuple[str, Service], list[Payout]] = {}
    for position in _net(payables):
        why = _carry(position, policy)
        if why is not None:
            carried.append(_carried(position, why))
            continue
        creditor = _creditor(position, payees, debtors)
        if isinstance(creditor, Held):
            held.append(_held(position, creditor))
            continue
        service = _service(position.currency, debtors[position.currency], creditor, policy)
        payout = _payout(position, creditor, execute_on)
        files.setdefault((position.currency, service), []).append(payout)
    batches = [
        _batch(
            currency, service, debtors[currency], execute_on, payouts[start : start + PAYOUTS_MAX]
        )
        for (currency, service), payouts in sorted(files.items())
        for start in range(0, len(payouts), PAYOUTS_MAX)
    ]
    return Plan(batches=tuple(batches), carried=tuple(carried), held=tuple(held))


def _net(payables: Iterable[Payable]) -> list[_Position]:
    found: dict[tuple[str, str], list[Payable]] = {}
    for payable in payables:
        found.setdefault((payable.party, payable.currency), []).append(payable)
    return [
        _Position(
            party=party,
            currency=currency,
            amount_minor=sum(payable.amount_minor for payable in group),
            references=tuple(sorted(payable.reference for payable in group)),
        )
        for (party, currency), group in sorted(found.items())
    ]


def _carry(position: _Position, policy: Policy) -> Carry | None:
    if position.amount_minor <= 0:
        return Carry.NOT_OWED
    if position.amount_minor < policy.minimum(position.currency):
        return Carry.BELOW_MINIMUM
    return None


def _creditor(
    position: _Position, payees: Mapping[str, MoneyParty], debtors: Mapping[str, Account]
) -> Account | Held:
    payee = payees.get(position.party)
    if payee is None:
        return Held(reason=Reason.PARTY_MISSING, detail=f"{position.party} is not known")
    if position.currency not in debtors:
        detail = f"the hub has no account in {position.currency} to pay {position.party} from"
        return Held(reason=Reason.PAYEE_BANK_MISSING, detail=detail, field="debtor")
    return account_of(payee, position.currency)


def _service(currency: str, debtor: Account, creditor: Account, policy: Policy) -> Service:
    if currency != "EUR" or not (debtor.is_sepa and creditor.is_sepa):
        return Service.LOCAL
    return Service.INSTANT if policy.use_instant else Service.SEPA


def _payout(position: _Position, creditor: Account, execute_on: date) -> Payout:
    return Payout(
        payout_id=_digest(
            "P", (position.party, position.currency, execute_on.isoformat()), position.references
        ),
        party=position.party,
        amount_minor=position.amount_minor,
        creditor=creditor,
        references=position.references,
    )


def _batch(
    currency: str, service: Service, debtor: Account, execute_on: date, payouts: Sequence[Payout]
) -> Batch:
    ids = tuple(payout.payout_id for payout in payouts)
    return Batch(
        batch_id=_digest("B", (currency, service.value, execute_on.isoformat()), ids),
        currency=currency,
        service=service,
        debtor=debtor,
        execute_on=execute_on,
        payouts=tuple(payouts),
    )


def _carried(position: _Position, why: Carry) -> Carried:
    return Carried(
        party=position.party,
        currency=position.currency,
        amount_minor=position.amount_minor,
        why=why,
    )


def _held(position: _Position, held: Held) -> HeldPayout:
    return HeldPayout(
        party=position.party,
        currency=position.currency,
        amount_minor=position.amount_minor,
        references=position.references,
        held=held,
    )


def _digest(kind: str, of: tuple[str, ...], parts: tuple[str, ...]) -> str:
    """An id of what it stands for: letters and digits only, as every bank passes them on."""
    content = "\x1f".join((kind, *of, *parts))
    return f"NC{kind}{hashlib.sha256(content.encode()).hexdigest()[:30].upper()}"
