from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocpi.model.price import Price
from settlement.errors import Held, Reason
from settlement.ledger.entry import check
from settlement.pipeline import (
    Collection,
    MeterProof,
    MeterState,
    Settled,
    SettlementPolicy,
    settle,
)
from settlement.tax import Category, DocumentKind, Liable


def settled(item, reference, now):
    result = settle(item, reference, now)
    assert isinstance(result, Settled), result
    return result


def balances(result):
    return {leg.account: leg.amount_minor for entry in result.entries for leg in entry.legs}


def order(result, kind):
    return next(found for found in result.orders if found.kind is kind)


def test_session_inside_one_currency(session, item, reference, now):
    result = settled(item(session), reference, now)
    assert (result.net_minor, result.vat_minor, result.gross_minor) == (1050, 200, 1250)
    assert balances(result) == {
        "receivable:NL-TNM:EUR": 1250,
        "payable:DE-ALL:EUR": -1250 + 32,
        "revenue:commission:EUR": -32,
        "expense:share:EUR": 16,
        "vat:NL:input:EUR": 3,
        "payable:NL-TNM:EUR": -19,
    }


def test_everyone_is_owed_what_the_entry_says(session, item, reference, now):
    result = settled(item(session), reference, now)
    assert {p.party: p.amount_minor for p in result.payables} == {"DE-ALL": 1218, "NL-TNM": 19}
    assert all(p.due_at == result.due_at for p in result.payables)


def test_documents_of_the_disclosed_agent(session, item, reference, now):
    result = settled(item(session), reference, now)
    receipt = order(result, DocumentKind.RECEIPT)
    assert (receipt.leg.supplier.key, receipt.leg.customer.key) == ("DE-ALL", "driver")
    assert [(line.code, line.net_minor) for line in receipt.lines] == [
        ("energy", 1000),
        ("fixed", 50),
    ]
    assert receipt.leg.subtotals[0].category is Category.STANDARD
    invoice = order(result, DocumentKind.INVOICE)
    assert invoice.leg.liable is Liable.CUSTOMER
    assert invoice.leg.subtotals[0].category is Category.REVERSE_CHARGE
    assert "196" in invoice.leg.subtotals[0].reason
    own = order(result, DocumentKind.SELF_BILLED)
    assert (own.leg.supplier.key, own.leg.issuer, own.leg.vat_minor) == ("NL-TNM", "NL-NCO", 3)


def test_result_names_the_versions_it_rests_on(session, item, reference, now):
    used = settled(item(session), reference, now).used
    assert used.published_hash == "00" * 32
    assert any(row.startswith("DE/ev_charging/") for row in used.vat_rows)
    assert any(row.startswith("NL/standard/") for row in used.vat_rows)
    assert used.route == "disclosed_agent/1"
    assert used.zone == "Europe/Berlin"
    assert len(used.tariff_hash) == 64


def test_price_travels_with_its_explanation(session, item, reference, now):
    price = json.loads(settled(item(session), reference, now).price_json)
    assert price["total"] == {"before_taxes": "10.5", "after_taxes": "12.495"}
    assert price["matches_cdr"] is True


def test_same_input_gives_the_same_bytes(session, item, reference, now):
    one, two = (settle(item(session), reference, now) for _ in range(2))
    assert msgspec.json.encode(one) == msgspec.json.encode(two)


def test_driver_may_pay_the_hub_directly(session, item, reference, now):
    result = settled(item(session, collection=Collection.PSP), reference, now)
    assert balances(result)["psp_clearing:EUR"] == 1250


# --- currencies ---------------------------------------------------------------------------------


def test_each_is_paid_in_its_own_currency(norwegian, item, norsk, reference, now):
    result = settled(item(norwegian, cpo=norsk, zone="Europe/Oslo"), reference, now)
    found = balances(result)
    assert found["payable:NO-NOR:NOK"] == -12_500 + 300
    assert found["receivable:NL-TNM:EUR"] == 1066  # 125 NOK at 11.7345, rounded up
    assert found["payable:NL-TNM:EUR"] == -12 - 3  # 1.50 NOK, rounded down, and its VAT
    assert found["fx:spread:EUR"] > 0
    assert result.used.quotes == ("sample/Q1",)


def test_no_quote_is_held(norwegian, item, norsk, reference, now, replaced):
    held = settle(item(norwegian, cpo=norsk), replaced(reference, quotes=()), now)
    assert held.reason is Reason.FX_QUOTE_MISSING


def test_operator_paid_in_another_currency_than_its_tariff(
    session, item, parties, reference, now, replaced
):
    cpo = replaced(parties["cpo"], currency="NOK")
    result = settled(item(session, cpo=cpo), reference, now)
    found = balances(result)
    assert "payable:DE-ALL:EUR" not in found
    assert found["payable:DE-ALL:NOK"] < -14_000
    receipt = order(result, DocumentKind.RECEIPT)
    assert receipt.leg.place_currency == "NOK"


# --- VAT --------------------------------------------------------------------------------------------


def test_domestic_commission_carries_vat(session, item, parties, reference, now, replaced):
    hub = replaced(parties["hub"], country="DE")
    result = settled(item(session), replaced(reference, hub=hub), now)
    invoice = order(result, DocumentKind.INVOICE)
    assert (invoice.leg.net_minor, invoice.leg.vat_minor) == (32, 6)
    assert balances(result)["vat:DE:output:EUR"] == -6 - 3
    assert order(result, DocumentKind.SELF_BILLED).leg.self_assessed_minor == 3


def test_fee_for_standing_has_its_own_rate(cdr, tariff, element, item, reference, now):
    table = tariff(element(("ENERGY", "0.5", "19"), ("PARKING_TIME", "6", "7")))
    session = cdr(
        (0, {"ENERGY": "20"}), (60, {"PARKING_TIME": "1"}), tariffs=(table,), total=("16", "18.32")
    )
    receipt = order(settled(item(session), reference, now), DocumentKind.RECEIPT)
    assert {(str(s.rate), s.base_minor, s.vat_minor) for s in receipt.leg.subtotals} == {
        ("19", 1000, 190),
        ("7", 600, 42),
    }


def test_gross_tariff_keeps_its_gross(cdr, tariff, element, item, reference, now):
    table = tariff(element(("ENERGY", "0.59", "19")), tax_included="YES")
    session = cdr((0, {"ENERGY": "10"}), tariffs=(table,), total=("4.96", "5.90"))
    result = settled(item(session), reference, now)
    assert (result.net_minor, result.gross_minor) == (496, 590)


def test_tax_left_open_by_the_tariff_comes_from_the_rows(
    cdr, tariff, element, item, reference, now
):
    table = tariff(element(("ENERGY", "0.5")))
    session = cdr((0, {"ENERGY": "20"}), tariffs=(table,), total=("10", None))
    assert settled(item(session), reference, now).gross_minor == 1190
    lying = cdr((0, {"ENERGY": "20"}), tariffs=(table,), total=("10", "12.10"))
    assert settle(item(lying), reference, now).reason is Reason.PRICE_MISMATCH


def test_tax_point_is_the_local_day(cdr, standard, item, reference, now):
    late = cdr(
        (0, {"ENERGY": "20"}),
        tariffs=(standard,),
        total=("10.50", "12.50"),
        start=now - timedelta(hours=14),
        end=now - timedelta(hours=12, minutes=30),
    )
    result = settled(item(late), reference, now)
    assert late.end_date_time.date().isoformat() == "2026-03-01"
    assert result.tax_point.isoformat() == "2026-03-02"


# --- held -------------------------------------------------------------------------------------------------


def spoil_item(**more):
    return lambda item, _replace: msgspec.structs.replace(item, **more)


def spoil_cdr(**more):
    def change(item, replace):
        return replace(item, cdr=replace(item.cdr, **more))

    return change


def spoil_party(side, **more):
    def change(item, replace):
        return replace(item, **{side: replace(getattr(item, side), **more)})

    return change


def cheaper_published(item, replace):
    published = item.published[0]
    tariff = replace(published.tariff, max_price=None, type="PROFILE_CHEAP")
    return replace(item, published=(replace(published, tariff=tariff),))


def published_later(item, replace):
    at = item.cdr.start_date_time + timedelta(seconds=1)
    return replace(item, published=(replace(item.published[0], published_at=at),))


def negative_period(item, replace):
    period = item.cdr.charging_periods[0]
    dimension = replace(period.dimensions[0], volume=Decimal(-20))
    periods = (replace(period, dimensions=(dimension,)),)
    return replace(item, cdr=replace(item.cdr, charging_periods=periods, total_energy=Decimal(-20)))


def late_period(item, replace):
    period = item.cdr.charging_periods[0]
    at = item.cdr.end_date_time + timedelta(minutes=1)
    return replace(
        item, cdr=replace(item.cdr, charging_periods=(replace(period, start_date_time=at),))
    )


def euro_tariff(item, replace):
    return replace(item, cdr=replace(item.cdr, currency="NOK"))


SPOILT = {
    "conflict": (spoil_item(has_conflict=True), Reason.CDR_CONFLICT),
    "overlap": (spoil_item(overlaps=("X",)), Reason.CDR_OVERLAPS),
    "no operator": (spoil_item(cpo=None), Reason.PARTY_MISSING),
    "no partner": (spoil_item(demand=None), Reason.PARTY_MISSING),
    "no contract": (spoil_item(contract=None), Reason.COMMISSION_MISSING),
    "home": (spoil_cdr(home_charging_compensation=True), Reason.HOME_CHARGING),
    "energy": (spoil_cdr(total_energy=Decimal("20.01")), Reason.CDR_INCONSISTENT),
    "huge": (spoil_cdr(total_energy=Decimal("1e9")), Reason.CDR_OUT_OF_BOUNDS),
    "endless": (spoil_cdr(total_energy=Decimal("1e1000000")), Reason.CDR_OUT_OF_BOUNDS),
    "cost": (
        spoil_cdr(total_energy_cost=Price(before_taxes=Decimal("1e1000000"))),
        Reason.CDR_OUT_OF_BOUNDS,
    ),
    "total": (
        spoil_cdr(total_cost=Price(before_taxes=Decimal("NaN"))),
        Reason.CDR_OUT_OF_BOUNDS,
    ),
    "parked": (spoil_cdr(total_parking_time=Decimal(9)), Reason.CDR_INCONSISTENT),
    "negative": (negative_period, Reason.NEGATIVE_QUANTITY),
    "order": (late_period, Reason.CDR_INCONSISTENT),
    "no period": (spoil_cdr(charging_periods=()), Reason.CDR_INCONSISTENT),
    "currency": (euro_tariff, Reason.CURRENCY_MISMATCH),
    "no currency": (spoil_cdr(currency="ZZZ"), Reason.CURRENCY_UNKNOWN),
    "no vat number": (spoil_party("cpo", vat_id=""), Reason.VAT_ID_MISSING),
    "foreign seller": (spoil_party("cpo", country="FR"), Reason.VAT_TREATMENT_MISSING),
    "row": (spoil_item(jurisdiction="AT"), Reason.VAT_TREATMENT_MISSING),
    "other tariff": (cheaper_published, Reason.TARIFF_DIFFERS_FROM_PUBLISHED),
    "later tariff": (published_later, Reason.TARIFF_MISSING),
    "not published": (spoil_item(published=()), Reason.TARIFF_MISSING),
    "zone": (spoil_item(zone="Mars/Base"), Reason.TIME_ZONE_MISSING),
    "signature": (
        spoil_item(meter=MeterProof(state=MeterState.SIGNATURE_INVALID)),
        Reason.METER_SIGNATURE_INVALID,
    ),
    "key": (spoil_item(meter=MeterProof(state=MeterState.KEY_UNKNOWN)), Reason.METER_KEY_UNKNOWN),
    "meter": (
        spoil_item(meter=MeterProof(state=MeterState.ENERGY_DIFFERS)),
        Reason.METER_ENERGY_DIFFERS,
    ),
}


@pytest.mark.parametrize(("spoil", "reason"), SPOILT.values(), ids=SPOILT)
def test_doubtful_item_is_held(spoil, reason, session, item, reference, now, replaced):
    held = settle(spoil(item(session), replaced), reference, now)
    assert isinstance(held, Held), held
    assert held.reason is reason
    assert held.detail


def test_wrong_total_is_held_and_a_cent_is_policy(session, item, reference, now, replaced, cost):
    wrong = item(replaced(session, total_cost=cost("10.49", "12.49")))
    held = settle(wrong, reference, now)
    assert held.reason is Reason.PRICE_MISMATCH
    assert "10.49" in held.detail
    lenient = SettlementPolicy(name="cent", tolerance_minor=1)
    result = settled(wrong, replaced(reference, cpo_policies=(("DE-ALL", lenient),)), now)
    assert (result.net_minor, result.gross_minor, result.used.policy) == (1049, 1249, "cent")


def test_unreviewed_row_is_held(norwegian, item, norsk, reference, now, replaced):
    from settlement.tax import shipped

    held = settle(item(norwegian, cpo=norsk), replaced(reference, taxes=shipped()), now)
    assert held.reason is Reason.VAT_ROW_UNREVIEWED


def test_rate_of_the_tariff_must_be_that_of_the_row(cdr, tariff, element, item, reference, now):
    table = tariff(element(("ENERGY", "0.5", "10")))
    session = cdr((0, {"ENERGY": "20"}), tariffs=(table,), total=("10", "11"))
    assert settle(item(session), reference, now).reason is Reason.VAT_DIFFERS_FROM_TARIFF


def test_standing_without_a_row_is_held(cdr, tariff, element, item, norsk, reference, now):
    table = tariff(element(("PARKING_TIME", "60", "25", 1)), currency="NOK")
    session = cdr((0, {"PARKING_TIME": "1"}), tariffs=(table,), total=("60", "75"), country="NOR")
    held = settle(item(session, cpo=norsk, zone="Europe/Oslo"), reference, now)
    assert held.reason is Reason.VAT_ROW_MISSING


def test_ambiguous_tariff_is_held_unless_it_gives_the_total(
    cdr, tariff, element, item, reference, now
):
    tables = (
        tariff(element(("ENERGY", "0.5", "19")), name="A"),
        tariff(element(("ENERGY", "0.6", "19")), name="B"),
    )
    first = cdr((0, {"ENERGY": "20"}), tariffs=tables, total=("10", "11.90"))
    assert isinstance(settle(item(first), reference, now), Settled)
    second = cdr((0, {"ENERGY": "20"}), tariffs=tables, total=("12", "14.28"))
    assert settle(item(second), reference, now).reason is Reason.AMBIGUOUS_TARIFF


def test_price_change_inside_a_period_is_held_only_where_it_matters(
    cdr, tariff, element, item, reference, now
):
    table = tariff(
        element(("ENERGY", "0.5", "19"), end_time="11:00"), element(("ENERGY", "1", "19"))
    )
    fits = cdr((0, {"ENERGY": "20"}), tariffs=(table,), total=("10", "11.90"))
    result = settle(item(fits), reference, now)
    assert any(note.startswith("period_spans_price_change") for note in result.notes)
    other = cdr((0, {"ENERGY": "20"}), tariffs=(table,), total=("15", "17.85"))
    assert settle(item(other), reference, now).reason is Reason.PERIOD_SPANS_PRICE_CHANGE


def test_old_future_and_endless_sessions_are_held(session, item, reference, now):
    received = session.end_date_time + timedelta(days=91)
    late = settle(item(session, received_at=received), reference, received)
    assert late.reason is Reason.CDR_TOO_OLD
    early = settle(item(session), reference, now - timedelta(days=1))
    assert early.reason is Reason.CDR_OUT_OF_BOUNDS


def test_zone_is_guessed_only_where_the_country_has_one(session, item, reference, now):
    result = settled(item(session, zone=None), reference, now)
    assert "time_zone_from_country: Europe/Berlin" in result.notes


def test_signed_values_are_demanded_where_policy_says_so(session, item, reference, now, replaced):
    strict = replaced(reference, policy=SettlementPolicy(meter_required_in=("DE",)))
    assert settle(item(session), strict, now).reason is Reason.METER_PROOF_MISSING
    proven = item(session, meter=MeterProof(state=MeterState.PROVEN))
    assert isinstance(settle(proven, strict, now), Settled)


def test_free_session_posts_and_prints_nothing(cdr, tariff, element, item, reference, now):
    table = tariff(element(("FLAT", "0", "19", 0)))
    result = settled(item(cdr((0, {"ENERGY": "20"}), tariffs=(table,))), reference, now)
    assert (result.entries, result.orders, result.gross_minor) == ((), (), 0)


# --- credit -------------------------------------------------------------------------------------------------


def credit_of(first, replaced, cost, before="-10.50", after="-12.50", **more):
    stated = {
        "id": "CDR1-C",
        "credit": True,
        "credit_reference_id": "cdr1",
        "total_cost": cost(before, after),
    }
    return replaced(first, **{**stated, **more})


def original_of(cdr, result):
    from settlement.pipeline import Original

    return Original(cdr=cdr, entries=result.entries, orders=result.orders)


def test_credit_reverses_exactly(norwegian, item, norsk, reference, now, replaced, cost):
    first = settled(item(norwegian, cpo=norsk), reference, now)
    credit = credit_of(norwegian, replaced, cost, "-100", "-125")
    back = settled(
        item(credit, cpo=norsk, original=original_of(norwegian, first)),
        replaced(reference, quotes=()),
        now + timedelta(days=40),
    )
    one, two = balances(first), balances(back)
    assert one.keys() == two.keys()
    assert all(one[name] + two[name] == 0 for name in one)
    assert [o.kind for o in back.orders] == [
        DocumentKind.RECEIPT_CREDIT,
        DocumentKind.CREDIT_NOTE,
        DocumentKind.SELF_BILLED_CREDIT,
    ]
    assert [o.corrects for o in back.orders] == [o.idem for o in first.orders]
    assert back.gross_minor == -first.gross_minor
    assert sum(p.amount_minor for p in back.payables) == -sum(
        p.amount_minor for p in first.payables
    )


def test_credit_without_original_is_held(session, item, reference, now, replaced, cost):
    held = settle(item(credit_of(session, replaced, cost)), reference, now)
    assert held.reason is Reason.CREDIT_WITHOUT_ORIGINAL


@pytest.mark.parametrize(
    "more",
    [
        {"before": "-10.49"},
        {"before": "10.50"},
        {"after": "-12.49"},
        {"currency": "NOK"},
        {"credit_reference_id": "OTHER"},
        {"total_energy": Decimal(19)},
    ],
)
def test_credit_of_another_amount_is_held(more, session, item, reference, now, replaced, cost):
    first = settled(item(session), reference, now)
    credit = credit_of(session, replaced, cost, **more)
    held = settle(item(credit, original=original_of(session, first)), reference, now)
    assert held.reason is Reason.CREDIT_DIFFERS_FROM_ORIGINAL


def test_second_credit_has_the_key_of_the_first(session, item, reference, now, replaced, cost):
    first = settled(item(session), reference, now)
    credits_ = [
        settled(
            item(credit_of(session, replaced, cost, id=name), original=original_of(session, first)),
            reference,
            now,
        )
        for name in ("A-C", "B-C")
    ]
    assert credits_[0].entries[0].idem == credits_[1].entries[0].idem


# --- properties ------------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    energy=st.decimals("0", "300", places=3),
    price=st.decimals("0", "3", places=3),
    terms=st.tuples(st.decimals("0", "20", places=1), st.sampled_from(["0", "33.3", "50", "100"])),
    gross=st.booleans(),
)
def test_every_settlement_balances_and_its_parts_sum(
    cdr, tariff, element, item, reference, now, norsk, contract, energy, price, terms, gross
):
    commission, handed_on = terms
    share = (commission * Decimal(handed_on) / 100).quantize(Decimal("0.0001"), "ROUND_DOWN")
    table = tariff(
        element(("ENERGY", price, "25"), ("FLAT", "0.35", "25")),
        currency="NOK",
        tax_included="YES" if gross else "NO",
    )
    amount = float_free(energy, price)
    exact = (amount / Decimal("1.25"), amount) if gross else (amount, amount * Decimal("1.25"))
    stated = [value.quantize(Decimal("0.01"), "ROUND_HALF_UP") for value in exact]
    session = cdr((0, {"ENERGY": energy}), tariffs=(table,), total=stated, country="NOR")
    result = settle(
        item(session, cpo=norsk, contract=contract(commission, share), zone="Europe/Oslo"),
        reference,
        now,
    )
    assert isinstance(result, Settled), result
    for entry in result.entries:
        check(entry)
    assert result.net_minor + result.vat_minor == result.gross_minor
    for found in result.orders:
        assert sum(line.net_minor for line in found.lines) == found.leg.net_minor
        assert sum(s.base_minor for s in found.leg.subtotals) == found.leg.net_minor
        assert sum(s.vat_minor for s in found.leg.subtotals) == found.leg.vat_minor
    split = result.split
    assert split.kept_minor + sum(s.amount_minor for s in split.shares) == split.commission_minor


def float_free(energy, price):
    """What the tariff of the property costs, exactly: step_size 1 Wh, three decimals of kWh."""
    return energy * price + Decimal("0.35")
