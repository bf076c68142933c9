from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.errors import MoneyError, UnbalancedError
from settlement.ledger import account
from settlement.ledger.entry import (
    GENESIS,
    Leg,
    canonical,
    chain_hash,
    entry,
    entry_hash,
    idem_key,
    reversal,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def legs(*amounts, currency="EUR"):
    return [
        Leg(account=f"payable:P{i}:{currency}", currency=currency, amount_minor=amount)
        for i, amount in enumerate(amounts)
    ]


def made(*more, **stated):
    given_legs = stated.pop("legs", None) or legs(5, -5)
    return entry(
        **{
            "kind": "settlement",
            "idem": idem_key("a"),
            "input_hash": bytes(32),
            "occurred_at": NOW,
            "legs": [*given_legs, *more],
            "ref": {"cdr": "X", "a": "1"},
            **stated,
        }
    )


def test_entry_that_does_not_balance_is_refused():
    with pytest.raises(UnbalancedError):
        made(legs=legs(5, -4))


def test_currencies_do_not_balance_each_other():
    with pytest.raises(UnbalancedError, match="EUR, NOK"):
        made(legs=[*legs(5), *legs(-5, currency="NOK")])


def test_legs_of_one_account_are_joined_and_empty_ones_fall_away():
    twice = made(legs=[*legs(5, -9), *legs(4), *legs(0, 0, 0)])
    assert [leg.amount_minor for leg in twice.legs] == [9, -9]


@pytest.mark.parametrize(
    "wrong",
    [
        {"idem": b"short"},
        {"input_hash": b""},
        {"occurred_at": datetime(2026, 3, 2)},  # noqa: DTZ001 - a naive moment is what is refused
        {"legs": legs(2**63, -(2**63))},
        {"legs": [Leg(account="payable:A:EUR", currency="NOK", amount_minor=1)]},
        {"legs": [Leg(account="payable:A:ZZZ", currency="ZZZ", amount_minor=1)]},
    ],
)
def test_entry_that_cannot_be_stored_is_refused(wrong):
    with pytest.raises(MoneyError):
        made(**wrong)


def test_canonical_text_is_stable():
    assert canonical(made()) == (
        b'["ncj1","settlement","' + idem_key("a").hex().encode() + b'","' + b"0" * 64 + b'",'
        b'"2026-03-02T12:00:00.000000Z","",[["payable:P0:EUR","EUR",5],["payable:P1:EUR","EUR",-5]],'
        b'[["a","1"],["cdr","X"]]]'
    )


def test_every_field_is_in_the_hash():
    first = entry_hash(made())
    for change in ({"kind": "x"}, {"idem": idem_key("b")}, {"ref": {}}, {"reverses": bytes(32)}):
        assert entry_hash(made(**change)) != first


def test_idem_key_separates_its_parts():
    assert idem_key("a", "bc") != idem_key("ab", "c")
    assert idem_key("a", "b") == idem_key("a", "b")


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_chain_depends_on_every_row_and_its_order(rows):
    link = chain_hash(GENESIS, rows)
    assert chain_hash(GENESIS, rows) == link
    assert chain_hash(link, rows) != link
    if len(set(rows)) > 1:
        assert chain_hash(GENESIS, sorted(rows, reverse=True)) != chain_hash(GENESIS, sorted(rows))
    assert chain_hash(GENESIS, [b"".join(rows), b""]) != chain_hash(GENESIS, [b"".join(rows)])


@given(st.lists(st.integers(-(10**12), 10**12).filter(bool), min_size=1, max_size=10))
def test_reversal_takes_everything_back(amounts):
    rest = -sum(amounts)
    first = made(legs=legs(*amounts, *([rest] if rest else [])))
    back = reversal(first, kind="credit", idem=idem_key("r"), input_hash=bytes(32), occurred_at=NOW)
    sums: dict[str, int] = {}
    for leg in (*first.legs, *back.legs):
        sums[leg.account] = sums.get(leg.account, 0) + leg.amount_minor
    assert not any(sums.values())
    assert back.reverses == first.idem


def test_entry_travels_as_json():
    first = made()
    assert msgspec.json.decode(msgspec.json.encode(first), type=type(first)) == first


def test_accounts_tell_currency_and_party():
    name = account.payable("NL-ABC", "EUR")
    assert name == "payable:NL-ABC:EUR"
    assert account.currency_of(name) == "EUR"
    assert account.party_of(name) == "NL-ABC"
    assert account.party_of(account.fx_spread("EUR")) is None
