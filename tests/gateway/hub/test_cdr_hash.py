"""The same content, whatever its arrangement; any other content, never (ocpi.md §9.11)."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.hub.cdr import content_hash
from gateway.hub.seal import Seal, SealBroken, new_token, token_hash

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(VALUES)
def test_content_hash_when_rearranged_then_equal(value: object) -> None:
    plain = json.dumps(value, ensure_ascii=False).encode()
    other = json.dumps(value, indent=3, sort_keys=True).encode()
    assert content_hash(plain) == content_hash(other)


def test_content_hash_when_a_digit_differs_then_not_equal() -> None:
    assert content_hash(b'{"a":1.10}') != content_hash(b'{"a":1.11}')
    assert content_hash(b'{"a":1.5}') != content_hash(b'{"a":"number:1.5 "}')
    assert content_hash(b'{"a":"1"}') != content_hash(b'{"a":1}')


def test_seal_when_opened_elsewhere_then_broken() -> None:
    seal = Seal(b"k" * 32)
    token = new_token()
    sealed = seal.close(token, context="platform:1")
    assert seal.open(sealed, context="platform:1") == token
    assert token.encode() not in sealed
    for other, context in ((seal, "platform:2"), (Seal(b"j" * 32), "platform:1")):
        try:
            other.open(sealed, context=context)
        except SealBroken:
            continue
        raise AssertionError(context)
    assert len(token) <= 64
    assert token_hash(token) != token_hash(token + "x")
