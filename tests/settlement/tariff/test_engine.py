from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.errors import Held, Reason
from settlement.tariff import (
    Group,
    NoteCode,
    PricePolicy,
    ReservationState,
    VatMissing,
    compile_tariff,
    differences,
    explain,
    price,
    request,
)

UTC_ZONE = "UTC"
BERLIN = "Europe/Berlin"


def priced(cdr, *tariffs, zone=UTC_ZONE, **more):
    made = request(cdr, tariffs or cdr.tariffs, zone, **more)
    return made if isinstance(made, Held) else price(made)


def codes(result):
    return {note.code for note in result.notes}


# --- step_size ---------------------------------------------------------------------------------


def test_step_of_last_component_counts_and_surplus_goes_to_its_price(cdr, tariff, element):
    three = tariff(
        element(("ENERGY", "2", None, 10_000), max_kwh=Decimal(3)),
        element(("ENERGY", "5", None, 10_000), max_kwh=Decimal(6)),
        element(("ENERGY", "2", None, 10_000)),
    )
    session = cdr((0, {"ENERGY": "3"}), (30, {"ENERGY": "3"}), (60, {"ENERGY": "3"}))
    assert priced(session, three).total.before_taxes == 29


def test_step_is_counted_over_the_whole_session(cdr, tariff, element):
    two = tariff(
        element(("ENERGY", "0.20", None, 500), end_time="17:00"),
        element(("ENERGY", "0.27", None, 500), start_time="17:00"),
    )
    session = cdr(
        (0, {"ENERGY": "4.3"}),
        (30, {"ENERGY": "1.1"}),
        start=datetime(2026, 3, 2, 16, 30, tzinfo=UTC),
    )
    result = priced(session, two)
    assert [line.billed for line in result.lines] == [Fraction("4.3"), Fraction("1.2")]


@pytest.mark.parametrize(
    ("step", "billed"), [(0, "0.1152"), (1, "0.116"), (25, "0.125"), (500, "0.5")]
)
def test_step_of_one_is_real(cdr, tariff, element, step, billed):
    session = cdr((0, {"ENERGY": "0.1152"}))
    line = priced(session, tariff(element(("ENERGY", "0.25", None, step)))).lines[0]
    assert line.billed == Fraction(billed)


def test_charging_time_is_not_rounded_where_parking_is_priced(cdr, tariff, element):
    both = tariff(element(("TIME", "60", None, 300), ("PARKING_TIME", "60", None, 300)))
    session = cdr((0, {"TIME": "0.35"}), (21, {"PARKING_TIME": "0.1167"}))
    result = priced(session, both)
    assert [line.amount for line in result.lines] == [21, 10]


def test_hours_rounded_on_the_wire_are_noted_and_forgiven_only_by_policy(cdr, tariff, element):
    five_minutes = tariff(element(("TIME", "12", None, 300)))
    session = cdr((0, {"TIME": "0.0833"}), (5, {"TIME": "0.0834"}), (10, {"TIME": "0.0834"}))
    strict = priced(session, five_minutes)
    assert NoteCode.STEP_BOUNDARY_WITHIN_ROUNDING in codes(strict)
    assert strict.total.before_taxes == 4
    lenient = priced(session, five_minutes, policy=PricePolicy(step_tolerance=True))
    assert lenient.total.before_taxes == 3
    assert NoteCode.STEP_TOLERANCE_APPLIED in codes(lenient)


def test_step_ends_where_a_tariff_ends(cdr, tariff, element):
    one = tariff(element(("ENERGY", "1", None, 1000)), name="A")
    two = tariff(element(("ENERGY", "1", None, 1000)), name="B")
    session = cdr((0, {"ENERGY": "1.2"}, "A"), (30, {"ENERGY": "1.2"}, "b"))
    result = priced(session, one, two)
    assert result.total.before_taxes == Fraction("3.2")
    assert NoteCode.STEP_OF_LAST_TARIFF_ONLY in codes(result)


# --- restrictions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "amount"), [((6, 59), 1), ((7, 0), 2), ((21, 59), 2), ((22, 0), 1), ((23, 59), 1)]
)
def test_start_is_inclusive_end_exclusive_and_night_wraps(cdr, tariff, element, clock, amount):
    day_night = tariff(
        element(("ENERGY", "1"), start_time="22:00", end_time="07:00"), element(("ENERGY", "2"))
    )
    session = cdr((0, {"ENERGY": "1"}), start=datetime(2026, 3, 2, *clock, tzinfo=UTC))
    assert priced(session, day_night).total.before_taxes == amount


def test_midnight_as_an_end_is_the_end_of_the_day(cdr, tariff, element):
    evening = tariff(element(("ENERGY", "1"), start_time="20:00", end_time="00:00"))
    session = cdr((0, {"ENERGY": "1"}), start=datetime(2026, 3, 2, 23, 59, tzinfo=UTC))
    assert priced(session, evening).total.before_taxes == 1


def test_equal_start_and_end_is_the_whole_day_and_noted(cdr, tariff, element):
    result = priced(
        cdr((0, {"ENERGY": "1"})),
        tariff(element(("ENERGY", "1"), start_time="08:00", end_time="08:00")),
    )
    assert result.total.before_taxes == 1
    assert NoteCode.TIME_WINDOW_UNDEFINED in codes(result)


def test_dates_are_local_and_the_end_is_exclusive(cdr, tariff, element):
    dated = tariff(element(("ENERGY", "1"), start_date="2026-03-02", end_date="2026-03-03"))
    late = cdr((0, {"ENERGY": "1"}), start=datetime(2026, 3, 2, 23, 30, tzinfo=UTC))
    assert priced(late, dated).total.before_taxes == 1
    assert priced(late, dated, zone=BERLIN).total.before_taxes == 0


def test_day_of_week_is_that_of_the_location(cdr, tariff, element):
    monday = tariff(element(("ENERGY", "1"), day_of_week=("MONDAY",)))
    sunday_in_utc = cdr((0, {"ENERGY": "1"}), start=datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
    assert priced(sunday_in_utc, monday, zone=BERLIN).total.before_taxes == 1
    assert priced(sunday_in_utc, monday).total.before_taxes == 0


def test_current_not_measured_counts_as_met_and_is_noted(cdr, tariff, element):
    strong = tariff(element(("ENERGY", "9"), min_current=Decimal(32)), element(("ENERGY", "1")))
    blind = priced(cdr((0, {"ENERGY": "1"})), strong)
    assert blind.total.before_taxes == 9
    assert NoteCode.MEASURE_MISSING in codes(blind)
    seen = priced(cdr((0, {"ENERGY": "1", "MIN_CURRENT": "16", "MAX_CURRENT": "20"})), strong)
    assert seen.total.before_taxes == 1


def test_duration_counts_parking_but_not_a_reservation(cdr, tariff, element):
    late = tariff(element(("PARKING_TIME", "6"), min_duration=3600))
    session = cdr(
        (0, {"RESERVATION_TIME": "0.5"}), (30, {"TIME": "0.5"}), (60, {"PARKING_TIME": "1"})
    )
    assert priced(session, late).total.before_taxes == 0
    longer = cdr((0, {"TIME": "1"}), (60, {"PARKING_TIME": "1"}))
    assert priced(longer, late).total.before_taxes == 6


def test_unknown_word_prices_nothing_and_is_noted(cdr, tariff, element):
    odd = tariff(element(("ENERGY", "9"), reservation="BOOKING"), element(("ENERGY", "1")))
    result = priced(cdr((0, {"ENERGY": "1"})), odd)
    assert result.total.before_taxes == 1
    assert NoteCode.RESTRICTION_UNKNOWN in codes(result)


def test_period_across_a_price_change_is_noted_and_priced_at_its_start(cdr, tariff, element):
    changing = tariff(
        element(("ENERGY", "1"), end_time="10:00"), element(("ENERGY", "2"), start_time="10:00")
    )
    across = priced(cdr((0, {"ENERGY": "4"})), changing)
    assert across.total.before_taxes == 4
    assert NoteCode.PERIOD_SPANS_PRICE_CHANGE in codes(across)
    apart = priced(cdr((0, {"ENERGY": "2"}), (60, {"ENERGY": "2"})), changing)
    assert apart.total.before_taxes == 6
    assert NoteCode.PERIOD_SPANS_PRICE_CHANGE not in codes(apart)


def test_dimension_without_a_price_is_free_and_noted(cdr, tariff, element):
    result = priced(cdr((0, {"ENERGY": "1", "TIME": "1"})), tariff(element(("ENERGY", "1"))))
    assert result.total.before_taxes == 1
    assert NoteCode.DIMENSION_UNPRICED in codes(result)


# --- daylight saving -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "hours"),
    [
        (datetime(2026, 10, 24, 23, 30, tzinfo=UTC), 4),
        (datetime(2026, 3, 28, 23, 30, tzinfo=UTC), 4),
    ],
)
def test_real_hours_are_billed_in_both_dst_nights(cdr, tariff, element, start, hours):
    hourly = tariff(element(("TIME", "3", None, 1)))
    session = cdr((0, {"TIME": str(hours)}), start=start, end=start + timedelta(hours=hours))
    assert priced(session, hourly, zone=BERLIN).total.before_taxes == 3 * hours


def test_wall_clock_decides_restrictions_in_the_night_that_is_longer(cdr, tariff, element):
    until_three = tariff(
        element(("TIME", "1", None, 1), end_time="03:00"), element(("TIME", "9", None, 1))
    )
    session = cdr(
        (0, {"TIME": "1"}),  # 01:30 CEST
        (60, {"TIME": "1"}),  # 02:30 CEST
        (120, {"TIME": "1"}),  # 02:30 CET, an hour later
        (180, {"TIME": "1"}),  # 03:30 CET
        start=datetime(2026, 10, 24, 23, 30, tzinfo=UTC),
        end=datetime(2026, 10, 25, 3, 30, tzinfo=UTC),
    )
    assert priced(session, until_three, zone=BERLIN).total.before_taxes == 3 + 9


# --- fixed fees, limits, taxes ------------------------------------------------------------------------


def test_flat_is_charged_once_when_it_first_matches(cdr, tariff, element):
    fees = tariff(
        element(("FLAT", "1"), end_time="09:30"),
        element(("FLAT", "5"), start_time="09:30"),
        element(("ENERGY", "1")),
    )
    session = cdr((0, {"ENERGY": "1"}), (60, {"ENERGY": "1"}))
    assert priced(session, fees).group(Group.FIXED).before_taxes == 1


def test_limit_without_gross_keeps_the_tax_in_proportion(cdr, tariff, element):
    capped = tariff(element(("ENERGY", "1", "20")), max_price=("10", None))
    result = priced(cdr((0, {"ENERGY": "40"})), capped)
    assert (result.total.before_taxes, result.total.after_taxes) == (10, 12)
    assert result.adjustment.before_taxes == -30


def test_min_price_of_an_unused_reservation_is_policy(cdr, tariff, element):
    held = tariff(
        element(("TIME", "1", "20"), reservation="RESERVATION"),
        element(("ENERGY", "1", "20")),
        min_price=("5", "6"),
    )
    unused = cdr((0, {"RESERVATION_TIME": "1"}))
    assert priced(unused, held).total.before_taxes == 5
    spared = priced(unused, held, policy=PricePolicy(min_price_on_reservation_only=False))
    assert spared.total.before_taxes == 1


def test_gross_price_is_divided_exactly(cdr, tariff, element):
    gross = tariff(element(("ENERGY", "1.19", "19")), tax_included="YES")
    total = priced(cdr((0, {"ENERGY": "10"})), gross).total
    assert (total.before_taxes, total.after_taxes) == (10, Fraction("11.9"))


def test_vat_missing_on_some_components_means_none_there(cdr, tariff, element):
    mixed = tariff(element(("ENERGY", "1", "20"), ("TIME", "1")))
    result = priced(cdr((0, {"ENERGY": "10", "TIME": "1"})), mixed)
    assert result.total.after_taxes == 13
    assert NoteCode.VAT_MISSING_ON_SOME in codes(result)


def test_vat_missing_everywhere_is_unknown_unless_the_version_says_none(cdr, tariff, element):
    bare, session = tariff(element(("ENERGY", "1"))), cdr((0, {"ENERGY": "10"}))
    assert priced(session, bare).total.after_taxes is None
    assert priced(session, bare, vat_missing=VatMissing.NONE).total.after_taxes == 10


def test_not_applicable_tax_makes_net_and_gross_equal(cdr, tariff, element):
    total = priced(
        cdr((0, {"ENERGY": "10"})), tariff(element(("ENERGY", "1", "20")), tax_included="N/A")
    ).total
    assert total.before_taxes == total.after_taxes == 10


def test_totals_are_rounded_once_where_the_policy_says_so(cdr, tariff, element):
    session, cheap = cdr((0, {"ENERGY": "0.5"})), tariff(element(("ENERGY", "0.01", "0", 1)))
    assert priced(session, cheap).total.before_taxes == Fraction(1, 200)
    rounded = priced(session, cheap, policy=PricePolicy(total_decimals=2))
    assert rounded.total.before_taxes == Fraction(1, 100)


def test_free_tariff_costs_nothing_and_is_known_to(cdr, tariff, element):
    total = priced(cdr((0, {"ENERGY": "10"})), tariff(element(("FLAT", "0", None, 0)))).total
    assert total.before_taxes == total.after_taxes == 0


# --- which tariff ---------------------------------------------------------------------------------------


def test_period_without_tariff_is_free_where_others_name_one(cdr, tariff, element):
    session = cdr((0, {"ENERGY": "1"}, "T1"), (30, {"ENERGY": "1"}))
    result = priced(session, tariff(element(("ENERGY", "1"))))
    assert result.total.before_taxes == 1
    assert NoteCode.PERIOD_WITHOUT_TARIFF in codes(result)


def test_period_that_names_an_unknown_tariff_is_held(cdr, tariff, element):
    held = priced(cdr((0, {"ENERGY": "1"}, "X")), tariff(element(("ENERGY", "1"))))
    assert held.reason is Reason.TARIFF_MISSING


def test_given_tariff_prices_whatever_the_periods_name_when_forced(cdr, tariff, element):
    session = cdr((0, {"ENERGY": "1"}, "X"))
    result = priced(session, tariff(element(("ENERGY", "1"))), is_forced=True)
    assert result.total.before_taxes == 1
    assert NoteCode.TARIFF_ID_DIFFERS in codes(result)


def test_two_fitting_tariffs_are_ambiguous_and_the_first_is_taken(cdr, tariff, element):
    session = cdr((0, {"ENERGY": "1"}))
    result = priced(
        session,
        tariff(element(("ENERGY", "9")), name="P", type="PROFILE_FAST"),
        tariff(element(("ENERGY", "1")), name="A"),
        tariff(element(("ENERGY", "2")), name="B"),
    )
    assert result.is_ambiguous
    assert result.total.before_taxes == 1


def test_profile_decides_where_it_is_known(cdr, tariff, element):
    tariffs = (
        tariff(element(("ENERGY", "9")), name="P", type="PROFILE_FAST"),
        tariff(element(("ENERGY", "3")), name="T", type="AD_HOC_PAYMENT"),
    )
    session = cdr((0, {"ENERGY": "1"}))
    assert priced(session, *tariffs, preference="PROFILE_FAST").total.before_taxes == 9
    assert priced(session, *tariffs, at_terminal=True).total.before_taxes == 3
    assert priced(session, *tariffs).reason is Reason.TARIFF_MISSING


def test_no_tariff_is_no_information_and_not_free(cdr):
    assert priced(cdr((0, {"ENERGY": "1"}))).reason is Reason.TARIFF_MISSING


def test_two_currencies_in_one_session_are_held(cdr, tariff, element):
    one = tariff(element(("ENERGY", "1")), name="A")
    two = tariff(element(("ENERGY", "1")), name="B", currency="NOK")
    session = cdr((0, {"ENERGY": "1"}, "A"), (30, {"ENERGY": "1"}, "B"))
    assert priced(session, one, two).reason is Reason.CURRENCY_MISMATCH


# --- bad input ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["1e1000000", "NaN", "Infinity", "-1e400", "9" * 30])
def test_price_out_of_bounds_is_held_at_once(cdr, tariff, element, number):
    held = priced(cdr((0, {"ENERGY": "1"})), tariff(element(("ENERGY", number))))
    assert held.reason is Reason.TARIFF_UNUSABLE


@pytest.mark.parametrize("number", ["1e1000000", "NaN", "sNaN", "1e-100000"])
def test_volume_out_of_bounds_is_held_at_once(cdr, tariff, element, number):
    good = cdr((0, {"ENERGY": "1"}))
    period = good.charging_periods[0]
    dimension = msgspec.structs.replace(period.dimensions[0], volume=Decimal(number))
    bad = msgspec.structs.replace(
        good, charging_periods=(msgspec.structs.replace(period, dimensions=(dimension,)),)
    )
    assert priced(bad, tariff(element(("ENERGY", "1")))).reason is Reason.CDR_OUT_OF_BOUNDS


@pytest.mark.parametrize(
    "restriction",
    [
        {"start_time": "8:00"},
        {"end_time": "24:00"},
        {"start_date": "2026-02-30"},
        {"end_date": "x"},
    ],
)
def test_restriction_that_cannot_be_read_is_held(cdr, tariff, element, restriction):
    held = priced(cdr((0, {"ENERGY": "1"})), tariff(element(("ENERGY", "1"), **restriction)))
    assert held.reason is Reason.TARIFF_UNUSABLE


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../etc/passwd", "Europe", "A" * 5000, "a\0b"])
def test_zone_that_is_none_is_held(cdr, tariff, element, zone):
    held = priced(cdr((0, {"ENERGY": "1"})), tariff(element(("ENERGY", "1"))), zone=zone)
    assert held.reason is Reason.TIME_ZONE_MISSING


def test_cost_out_of_bounds_is_held_and_not_compared(cdr, tariff, element):
    session = cdr((0, {"ENERGY": "1"}), total=("1e1000000", None))
    held = explain(session, (tariff(element(("ENERGY", "1"))),), UTC_ZONE)
    assert held.reason is Reason.CDR_OUT_OF_BOUNDS


def test_time_outside_of_the_calendar_is_held(cdr, tariff, element):
    first = cdr((0, {"ENERGY": "1"}), start=datetime(1, 1, 1, tzinfo=UTC))
    held = priced(first, tariff(element(("ENERGY", "1"))), zone="America/New_York")
    assert held.reason is Reason.TIME_UNKNOWN


def test_word_for_taxes_that_is_not_one_is_held(cdr, tariff, element):
    odd = tariff(element(("ENERGY", "1")), tax_included="PERHAPS")
    assert priced(cdr((0, {"ENERGY": "1"})), odd).reason is Reason.TARIFF_UNUSABLE


# --- comparison and explanation ------------------------------------------------------------------------------


def test_cent_of_truncation_is_named(cdr, tariff, element, cost):
    session = cdr((0, {"ENERGY": "1.837"}), total=("1.83", None))
    result = priced(session, tariff(element(("ENERGY", "1", "21", 0))))
    assert [d.field for d in differences(session, result)] == ["total_cost.before_taxes"]
    assert differences(session, result, tolerance_minor=1) == ()


@pytest.mark.parametrize("stated", ["1.84", "1.837", "1.8370"])
def test_any_honest_rounding_of_the_cdr_matches(cdr, tariff, element, stated):
    session = cdr((0, {"ENERGY": "1.837"}), total=(stated, None))
    assert differences(session, priced(session, tariff(element(("ENERGY", "1", "21", 0))))) == ()


def test_answer_explains_every_line(cdr, tariff, element):
    session = cdr((0, {"ENERGY": "20.45"}), total=("5.63", "6.24"))
    table = tariff(element(("FLAT", "0.5", "20"), ("ENERGY", "0.25", "10", 100)))
    answer = explain(session, (table,), UTC_ZONE)
    assert answer.total.before_taxes == "5.625"
    assert answer.total.after_taxes == "6.2375"
    assert answer.matches_cdr
    flat = next(line for line in answer.lines if line.dimension == "FLAT")
    energy = next(line for line in answer.lines if line.dimension == "ENERGY")
    assert flat.why == "element 0 has no restriction: 0.5 EUR once per session"
    assert energy.billed_quantity == "20.5"
    assert "rounded up by 50 Wh to a whole step of 100 Wh" in energy.why


def test_numbers_whose_decimals_never_end_are_cut_late(cdr, tariff, element):
    answer = explain(
        cdr((0, {"TIME": "0.1"})), (tariff(element(("TIME", "1", "21", 1200))),), UTC_ZONE
    )
    assert answer.lines[0].billed_quantity == "0.333333333333"


# --- properties -----------------------------------------------------------------------------------------------

volumes = st.decimals("0", "100", places=4)
prices = st.decimals("0", "5", places=3)


@given(st.tuples(volumes, volumes), st.tuples(prices, prices, st.integers(0, 1000)))
def test_price_is_monotone_in_energy(cdr, tariff, element, energies, terms):
    (one, more), (low, high, step) = energies, terms
    both = tariff(
        element(("ENERGY", low, "21", step), max_kwh=Decimal(20)),
        element(("ENERGY", high, "21", step)),
    )
    small = priced(cdr((0, {"ENERGY": one})), both).total.before_taxes
    large = priced(cdr((0, {"ENERGY": one + more})), both).total.before_taxes
    assert small <= large


@given(st.lists(volumes, min_size=1, max_size=6), st.tuples(prices, prices, st.integers(0, 1200)))
def test_lines_and_groups_sum_to_the_total(cdr, tariff, element, parts, terms):
    energy, time, step = terms
    table = tariff(
        element(("ENERGY", energy, "21", step), ("FLAT", "0.35", "21"), end_time="10:00"),
        element(("ENERGY", time, "9", step), ("TIME", time, "9", step)),
        max_price=("50", None),
    )
    session = cdr(*((20 * i, {"ENERGY": v, "TIME": "0.25"}) for i, v in enumerate(parts)))
    result = priced(session, table)
    adjustment = result.adjustment.before_taxes if result.adjustment else 0
    assert sum(line.net for line in result.lines) + adjustment == result.total.before_taxes
    assert sum(a.before_taxes for _, a in result.groups) + adjustment == result.total.before_taxes
    assert all(line.billed >= line.quantity for line in result.lines)


@given(st.lists(volumes, min_size=2, max_size=5), prices)
def test_cutting_a_session_into_periods_changes_nothing(cdr, tariff, element, parts, energy):
    table = tariff(element(("ENERGY", energy, "21", 250)))
    apart = cdr(*((10 * i, {"ENERGY": v}) for i, v in enumerate(parts)))
    whole = cdr((0, {"ENERGY": sum(parts)}))
    assert priced(apart, table).total == priced(whole, table).total


def test_compiled_tariff_is_shared_between_requests(tariff, element):
    assert compile_tariff(tariff(element(("ENERGY", "1")))) is compile_tariff(
        tariff(element(("ENERGY", "1")))
    )


def test_reservation_state_follows_from_the_periods(cdr, tariff, element):
    table = (tariff(element(("ENERGY", "1"))),)
    unused = request(cdr((0, {"RESERVATION_TIME": "1"})), table, UTC_ZONE)
    used = request(cdr((0, {"RESERVATION_TIME": "1"}), (60, {"TIME": "1"})), table, UTC_ZONE)
    assert unused.reservation is ReservationState.EXPIRED
    assert used.reservation is ReservationState.USED
