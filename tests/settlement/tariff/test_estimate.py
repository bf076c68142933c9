from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.errors import Held, Reason
from settlement.tariff import NoteCode, Plan, quote

BERLIN = "Europe/Berlin"


def plan(**more):
    stated = {
        "zone": BERLIN,
        "start": datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
        "energy_kwh": Decimal(20),
        "charging_s": 3600,
    }
    return Plan(**{**stated, **more})


def test_even_session_is_priced(tariff, element):
    simple = tariff(element(("ENERGY", "0.5", "19"), ("FLAT", "1", "19"), ("TIME", "6", "19", 60)))
    total = quote(simple, plan()).total
    assert (total.before_taxes, total.after_taxes) == (17, Fraction("20.23"))


def test_price_change_on_the_clock_cuts_the_session(tariff, element):
    day = tariff(
        element(("ENERGY", "1", "19", 0), end_time="10:30"), element(("ENERGY", "2", "19", 0))
    )
    result = quote(day, plan())  # 10:00 to 11:00 in Berlin
    assert result.total.before_taxes == 30
    assert NoteCode.PERIOD_SPANS_PRICE_CHANGE not in {note.code for note in result.notes}


def test_energy_and_duration_borders_cut_the_session(tariff, element):
    steps = tariff(
        element(("ENERGY", "1", "19", 0), max_kwh=Decimal(5)),
        element(("ENERGY", "2", "19", 0), max_duration=1800),
        element(("ENERGY", "3", "19", 0)),
    )
    assert quote(steps, plan()).total.before_taxes == 5 + 2 * 5 + 3 * 10


def test_staying_is_priced_as_parking(tariff, element):
    parked = tariff(element(("ENERGY", "0.5", "19"), ("PARKING_TIME", "6", "19", 1)))
    assert quote(parked, plan(parking_s=1800)).total.before_taxes == 13


def test_power_of_the_plan_is_its_own(tariff, element):
    fast = tariff(
        element(("ENERGY", "9", "19"), min_power=Decimal(50)), element(("ENERGY", "1", "19"))
    )
    assert quote(fast, plan()).total.before_taxes == 20
    assert quote(fast, plan(charging_s=600)).total.before_taxes == 180


@pytest.mark.parametrize(
    "wrong",
    [
        {"charging_s": 0},
        {"parking_s": -1},
        {"energy_kwh": Decimal(-1)},
        {"energy_kwh": Decimal("1e1000000")},
        {"energy_kwh": Decimal("NaN")},
        {"charging_s": 8 * 86_400},
        {"charging_s": 10**20},
        {"start": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)},
    ],
)
def test_plan_without_sense_is_held(tariff, element, wrong):
    held = quote(tariff(element(("ENERGY", "1"))), plan(**wrong))
    assert isinstance(held, Held)


def test_unknown_zone_is_held(tariff, element):
    held = quote(tariff(element(("ENERGY", "1"))), plan(zone="Mars/Base"))
    assert held.reason is Reason.TIME_ZONE_MISSING


@given(
    st.integers(0, 86_400),
    st.integers(60, 86_400),
    st.decimals("0.001", "100", places=3),
)
def test_quote_never_spans_a_price_change(tariff, element, offset, charging_s, energy):
    table = tariff(
        element(("ENERGY", "1", "19", 0), start_time="22:00", end_time="06:00"),
        element(("ENERGY", "2", "19", 0), max_kwh=Decimal(10)),
        element(("ENERGY", "3", "19", 0), day_of_week=("SUNDAY",)),
        element(("ENERGY", "4", "19", 0)),
    )
    night = datetime(2026, 10, 24, 12, 0, tzinfo=UTC) + timedelta(seconds=offset)
    result = quote(table, plan(start=night, charging_s=charging_s, energy_kwh=energy))
    assert NoteCode.PERIOD_SPANS_PRICE_CHANGE not in {note.code for note in result.notes}
    assert sum(line.quantity for line in result.lines) == Fraction(energy)
