"""What a party gives for its account, its VAT number and its currency."""

from __future__ import annotations

import pytest

from gateway.hub.means import MeansError, checked_currency, checked_iban, checked_vat_id


@pytest.mark.parametrize("text", ["DE89 3704 0044 0532 0130 00", "de89370400440532013000"])
def test_iban_when_it_is_one_then_it_is_written_without_blanks(text: str) -> None:
    assert checked_iban(text) == "DE89370400440532013000"


@pytest.mark.parametrize("text", ["DE00", "DE89370400440532013001", "XX12", "x" * 5000, "DE\u0000"])
def test_iban_when_it_is_none_then_the_field_is_named(text: str) -> None:
    with pytest.raises(MeansError, match=r"^iban: .* is not an IBAN") as caught:
        checked_iban(text)
    assert caught.value.field == "iban"
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("DE 136 695 976", "DE136695976"), ("nl004495445b01", "NL004495445B01"),
        ("NO995525828MVA", "NO995525828MVA"), ("CHE-116.281.710 MWST", "CHE116281710MWST"),
        ("", None), (None, None), ("   ", None),
    ],
)  # fmt: skip
def test_vat_id_when_it_may_be_one_then_it_is_written_without_blanks(
    text: str | None, kept: str | None
) -> None:
    assert checked_vat_id(text) == kept


@pytest.mark.parametrize("text", ["nonsense", "136695976", "D1", "DE1\u0000", "DE" + "1" * 400])
def test_vat_id_when_it_cannot_be_one_then_the_field_is_named(text: str) -> None:
    with pytest.raises(MeansError, match=r"^vat_id: "):
        checked_vat_id(text)


def test_currency_when_iso_4217_has_it_then_it_is_kept_in_capitals() -> None:
    assert checked_currency(" nok ") == "NOK"


@pytest.mark.parametrize("text", ["QQQ", "EURO", "", "XAU", "€"])
def test_currency_when_no_money_comes_in_it_then_the_field_is_named(text: str) -> None:
    with pytest.raises(MeansError, match=r"^currency: "):
        checked_currency(text)
