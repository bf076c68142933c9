"""The specification's own worked examples, all exact."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from ocpi.model.cdr import Cdr
from ocpi.model.scalar import Number
from ocpi.model.tariff import Tariff
from ocpi.wire.codec import decode
from settlement.money import Rounding, round_to_decimals
from settlement.tariff import compile_tariff, explain, price, request
from settlement.tariff.table import PriceRequest, ReservationState, Usage

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data"
FILE = FOLDER / "tariff-cases" / "cases.json"
CASES = json.loads(FILE.read_text())["cases"] if FILE.exists() else []
FIELDS = {
    "ENERGY": "energy",
    "TIME": "time",
    "PARKING_TIME": "parking",
    "RESERVATION_TIME": "reservation",
}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not CASES, reason="the folder of shared examples does not exist here"),
]


def moment(text):
    return datetime.fromisoformat(text)


def scalar(kind, value):
    """Numbers and times of the model, straight from JSON text: this page prices, it does not decode."""
    return Decimal(str(value)) if kind is Number else moment(value)


def load(name, kind=Tariff):
    text = (FOLDER / "ocpi-examples" / "2.3.0" / name).read_text()
    stated = json.loads(text, parse_float=Decimal)
    for tariff in stated.get("tariffs", [stated]):
        tariff.setdefault("last_updated", "2024-01-01T00:00:00Z")
        tariff.setdefault("tax_included", "NO")
    return msgspec.convert(stated, kind, dec_hook=scalar)


def as_request(case):
    starts = [moment(period["start"]) for period in case["periods"]]
    ends = [*starts[1:], moment(case["end"])]
    usages = tuple(
        Usage(
            start=start,
            end=end,
            **{
                FIELDS.get(d["type"], d["type"].lower()): Fraction(d["volume"])
                for d in period["dimensions"]
            },
        )
        for start, end, period in zip(starts, ends, case["periods"], strict=True)
    )
    reserved = any(usage.reservation is not None for usage in usages)
    return PriceRequest(
        start=moment(case["start"]),
        end=moment(case["end"]),
        usages=usages,
        tables=(compile_tariff(load(case["tariff"])),),
        zone=case["time_zone"],
        reservation=ReservationState(case.get("reservation", "USED" if reserved else "NONE")),
    )


def shown(value, expected):
    if value is None:
        return None
    return round_to_decimals(value, -expected.as_tuple().exponent, Rounding.HALF_UP)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case_is_exact(case):
    priced = price(as_request(case))
    for stated, ours in (
        (case["expect"]["excl_vat"], priced.total.before_taxes),
        (case["expect"]["incl_vat"], priced.total.after_taxes),
    ):
        if stated is not None:
            assert shown(ours, Decimal(stated)) == Decimal(stated)


def test_net_of_a_gross_tariff_without_percentage_stays_unknown():
    case = next(case for case in CASES if case["name"] == "na_inclusive")
    assert price(as_request(case)).total.before_taxes is None


def test_gross_of_a_net_tariff_without_percentage_stays_unknown():
    case = next(case for case in CASES if case["name"] == "na_exclusive")
    assert price(as_request(case)).total.after_taxes is None


def test_example_cdr_of_the_specification_matches_its_own_total():
    cdr = load("cdr_example.json", Cdr)
    answer = explain(cdr, cdr.tariffs, "Europe/Brussels")
    assert answer.total.before_taxes == "4"
    assert answer.lines[0].billed_quantity == "2"
    assert answer.matches_cdr, answer.differences


def test_older_example_cdr_matches_its_own_total():
    cdr = decode("2.2.1", "cdr", (FOLDER / "ocpi-examples/2.2.1/cdr_example.json").read_bytes())
    assert explain(cdr, cdr.tariffs, "Europe/Brussels").matches_cdr


def test_request_from_a_cdr_equals_request_by_hand():
    cdr = load("cdr_example.json", Cdr)
    made = request(cdr, cdr.tariffs, "UTC")
    assert made.usages[0].time == Fraction(1973, 1000)
    assert made.reservation is ReservationState.NONE
