from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from settlement.errors import Held, MoneyError, Reason
from settlement.tax import Kind, TaxRow, Verified, load, shipped

HEADER = "country,kind,rate,valid_from,valid_to,source,verified\n"
TODAY = date(2026, 11, 20)


def entered(rate, **more):
    stated = {
        "jurisdiction": "NO",
        "kind": Kind.EV_CHARGING,
        "rate": Decimal(rate),
        "source": "entered by the operator",
        "verified": Verified.SECONDARY,
        "reviewer": "Kari Nordmann",
        "reviewed_at": TODAY,
    }
    return TaxRow(**{**stated, **more})


@pytest.mark.shared
def test_shipped_rows_are_those_of_the_reference(shared_data):
    assert shipped().rows == load((shared_data / "vat-rates-2026.csv").read_text())


@pytest.mark.parametrize(
    ("day", "rate"),
    [
        (date(2020, 6, 30), 19),
        (date(2020, 7, 1), 16),
        (date(2020, 12, 31), 16),
        (date(2021, 1, 1), 19),
    ],
)
def test_both_dates_of_a_row_are_inclusive(day, rate):
    assert shipped().find("DE", Kind.STANDARD, day).rate == rate


@pytest.mark.parametrize(
    ("country", "rate"),
    [("DE", "19"), ("GR", "6"), ("IE", "9"), ("HR", "13"), ("CH", "8.1"), ("GB", "20")],
)
def test_charging_has_its_own_rate(country, rate):
    assert shipped().find(country, Kind.EV_CHARGING, TODAY).rate == Decimal(rate)


@pytest.mark.parametrize("country", ["NO", "NL", "FR", "IT", "LU", "MT"])
def test_unverified_row_is_held(country):
    held = shipped().find(country, Kind.EV_CHARGING, TODAY)
    assert isinstance(held, Held)
    assert held.reason is Reason.VAT_ROW_UNREVIEWED


@pytest.mark.parametrize("country", ["AT", "PL", "US", ""])
def test_no_row_is_held_and_never_the_standard_rate(country):
    assert shipped().find(country, Kind.EV_CHARGING, TODAY).reason is Reason.VAT_ROW_MISSING


@pytest.mark.parametrize(
    "kind", [Kind.EV_OCCUPANCY, Kind.EV_RESERVATION, Kind.EV_RESERVATION_EXPIRED]
)
def test_fees_that_need_a_decision_have_none_yet(kind):
    assert shipped().find("DE", kind, TODAY).reason is Reason.VAT_ROW_MISSING


def test_row_is_not_valid_before_its_day():
    assert (
        shipped().find("GR", Kind.EV_CHARGING, date(2023, 10, 11)).reason is Reason.VAT_ROW_MISSING
    )


def test_entered_row_beats_an_unverified_one_and_names_its_reviewer():
    row = shipped().with_rows([entered("25")]).find("NO", Kind.EV_CHARGING, TODAY)
    assert row.rate == 25
    assert row.reviewer == "Kari Nordmann"
    assert row.row_id.startswith("NO/ev_charging/")


def test_sample_reviewer_counts_only_in_demonstrations():
    row = entered("25", reviewer="sample")
    refused = shipped().with_rows([row]).find("NO", Kind.EV_CHARGING, TODAY)
    assert refused.reason is Reason.VAT_ROW_UNREVIEWED
    shown = shipped(accept_sample=True).with_rows([row]).find("NO", Kind.EV_CHARGING, TODAY)
    assert shown.rate == 25


def test_superseded_row_is_gone():
    wrong = entered("15")
    right = entered("25", supersedes=wrong.row_id, reviewed_at=date(2020, 1, 1))
    assert shipped().with_rows([wrong, right]).find("NO", Kind.EV_CHARGING, TODAY).rate == 25


@pytest.mark.parametrize(
    "line",
    [
        "DE,standard,abc,,,x,yes",
        "DE,standard,1e9,,,x,yes",
        "DE,standard,-1,,,x,yes",
        "DE,standard,101,,,x,yes",
        "DE,luxury,19,,,x,yes",
        "DE,standard,19,2020-13-01,,x,yes",
        "DE,standard,19,,,,yes",
        "DE,standard,19,,,x,perhaps",
        "DE",
    ],
)
def test_row_that_cannot_be_read_names_its_line(line):
    with pytest.raises(MoneyError, match="line 2"):
        load(HEADER + line + "\n")
