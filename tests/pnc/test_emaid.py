from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pnc import emaid


@pytest.fixture(scope="module")
def vectors(shared):
    return json.loads((shared / "emaid-vectors.json").read_text())


@pytest.mark.shared
def test_check_digits_when_computed_then_as_published(vectors):
    for row in vectors["iso15118_emi3"]:
        assert emaid.iso_check_digit(row["body"]) == row["check_digit"]
    for row in vectors["din_spec_91286"]:
        assert emaid.din_check_digit(row["body"]) == row["check_digit"]


@pytest.mark.shared
def test_normalise_when_spelled_differently_then_one_key(vectors):
    for group in vectors["same_id"]:
        assert len({emaid.normalise(text).key for text in group}) == 1
    for text in vectors["not_an_id"]:
        assert emaid.normalise(text) is None


@pytest.mark.shared
def test_check_digit_when_wrong_then_reported_not_refused(vectors):
    rows = vectors["wrong_check_digit"] + vectors["seen_with_a_check_digit_that_does_not_compute"]
    for row in rows:
        found = emaid.normalise(row["id"])
        assert found.computed_check_digit == row["computed"]
        assert found.has_valid_check_digit is False


def test_three_spellings_when_made_from_din_then_as_published():
    din = emaid.normalise("NL-TNM-012204-5")
    assert str(din) == "NL-TNM-012204-5"
    assert str(emaid.iso_from_din(din)) == "NL-TNM-000122045-U"
    assert str(emaid.emi3_from_din(din)) == "NL-TNM-C00122045-K"
    for longer in (emaid.iso_from_din(din), emaid.emi3_from_din(din)):
        assert emaid.din_from_longer(longer).key == din.key
    with pytest.raises(ValueError):
        emaid.iso_from_din(emaid.iso_from_din(din))


def test_same_contract_when_spellings_differ_then_only_for_named_providers():
    din, iso, emi3 = map(
        emaid.normalise, ("NL-TNM-012204-5", "NL-TNM-000122045-U", "NL-TNM-C00122045-K")
    )
    assert not emaid.same_contract(din, iso)
    assert not emaid.same_contract(din, iso, equating={"DE8AA"})
    for equating in ({"NLTNM"}, {"*"}):
        assert emaid.same_contract(din, iso, equating=equating)
        assert emaid.same_contract(emi3, iso, equating=equating)
    other = emaid.normalise("NL-TNM-012205")
    assert not emaid.same_contract(other, iso, equating={"*"})
    assert not emaid.same_contract(emaid.normalise("NLTNM123456789"), iso, equating={"*"})


@pytest.mark.parametrize(
    "text",
    [
        "NLTNM000122045U\n",
        " NLTNM000122045",
        "NLTNM00012204567",
        "NL_TNM_000122045",
        "N" * 200,
        "\uff2e\uff2cTNM000122045",
        "DE\u212aAA123456789",
    ],
)
def test_normalise_when_no_id_then_none(text):
    assert emaid.normalise(text) is None


@given(st.text(max_size=70))
def test_normalise_when_any_text_then_a_key_of_ascii_or_none(text):
    found = emaid.normalise(text)
    if found is not None:
        assert found.key.isascii()
        assert found.key == found.key.upper()
        assert len(found.key) in {11, 14}
        assert emaid.normalise(found.key).key == found.key


@given(st.from_regex(r"[A-Z]{2}[A-Z0-9]{12}", fullmatch=True), st.data())
def test_iso_check_digit_when_one_character_changes_then_the_digit_does(body, data):
    at = data.draw(st.integers(2, 13))
    other = data.draw(st.sampled_from([c for c in emaid._ALPHABET if c != body[at]]))
    changed = body[:at] + other + body[at + 1 :]
    assert emaid.iso_check_digit(body) != emaid.iso_check_digit(changed)
