"""Odd partner input is taken and talked about."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ocpi import finding
from ocpi.wire import codec

V = "2.2.1"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def lint(kind: str, value) -> dict[str, str]:
    raw = json.dumps(value).encode()
    found = finding.lint(V, kind, raw, codec.decode(V, kind, raw), NOW)
    return {f.field: f.message for f in found}


def tariff(*elements, **more):
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "T",
        "currency": "EUR",
        "elements": list(elements),
        "last_updated": "2026-01-01T00:00:00Z",
    } | more


def element(type_="ENERGY", restrictions=None, **more):
    part = {"type": type_, "price": 1, "step_size": 1} | more
    made = {"price_components": [part]}
    return made | ({"restrictions": restrictions} if restrictions else {})


def test_a_sound_tariff_has_no_finding():
    assert lint("tariff", tariff(element(), element("TIME"))) == {}


def test_a_misspelt_field_is_recognised():
    found = lint("tariff", tariff(element(step_sise=5), currancy="EUR", min_prize=None))
    assert found["elements[0].price_components[0].step_sise"] == "unknown field"
    assert found["min_prize"] == "unknown field: is min_price meant?"
    assert "currancy" in found


def test_what_prices_wrongly_is_said():
    assert "elements" in lint("tariff", tariff())
    assert (
        "never reached"
        in lint("tariff", tariff(element(), element()))["elements[1].price_components[0]"]
    )
    found = lint("tariff", tariff(element("SUNSHINE", step_size=0, price=-1, vat=500)))
    at = "elements[0].price_components[0]"
    assert {f"{at}.type", f"{at}.step_size", f"{at}.price", f"{at}.vat"} <= found.keys()
    gap = lint("tariff", tariff(element(restrictions={"min_kwh": 5})))
    assert "free when none" in gap["elements"]
    never = lint("tariff", tariff(element(restrictions={"min_kwh": 5, "max_kwh": 5})))
    assert "elements[0].restrictions.min_kwh" in never
    upside = tariff(
        element(),
        min_price={"excl_vat": 5},
        max_price={"excl_vat": 1},
        start_date_time="2026-02-01T00:00:00",
        end_date_time="2026-01-01T00:00:00",
    )
    assert {"min_price", "end_date_time"} <= lint("tariff", upside).keys()


def test_a_reservation_element_does_not_hide_a_charging_element():
    reserved = element("TIME", {"reservation": "RESERVATION"})
    assert lint("tariff", tariff(reserved, element("TIME"))) == {}


def location(**more):
    plug = {
        "id": "1",
        "standard": "CHADEMO",
        "format": "CABLE",
        "power_type": "DC",
        "max_voltage": 400,
        "max_amperage": 100,
        "last_updated": "2026-01-01T00:00:00Z",
    }
    evse = {
        "uid": "E",
        "status": "AVAILABLE",
        "connectors": [plug],
        "last_updated": plug["last_updated"],
    }
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "L",
        "publish": True,
        "address": "a",
        "city": "c",
        "country": "NLD",
        "coordinates": {"latitude": "52.1", "longitude": "5.1"},
        "evses": [evse],
        "time_zone": "Europe/Amsterdam",
        "last_updated": plug["last_updated"],
    } | more


def test_a_location_that_drivers_would_not_find():
    assert lint("location", location()) == {}
    evse = location()["evses"][0]
    found = lint(
        "location",
        location(
            country="NL",
            time_zone="CET",
            coordinates={"latitude": "152", "longitude": "x"},
            evses=[evse, evse | {"uid": "e", "connectors": []}],
            floor=1,
        ),
    )
    assert found.keys() == {
        "floor",
        "country",
        "time_zone",
        "coordinates.latitude",
        "coordinates.longitude",
        "evses",
        "evses[1].connectors",
    }
    assert lint("location", location(evses=[]))["evses"] == "no EVSE"


@pytest.mark.shared
def test_an_implausible_cdr_is_described(shared):
    value = json.loads((shared / "ocpi-examples" / V / "cdr_example.json").read_text())
    assert lint("cdr", value) == {"end_date_time": "older than 90 days"}
    found = lint(
        "cdr",
        value
        | {
            "end_date_time": "2027-01-01T00:00:00Z",
            "total_energy": 1001,
            "charging_periods": [],
            "credit": True,
        },
    )
    assert found.keys() == {
        "end_date_time",
        "total_energy",
        "charging_periods",
        "credit_reference_id",
    }


def test_findings_are_bounded():
    value = tariff(element(), **{f"f{n}": n for n in range(500)})
    assert len(lint("tariff", value)) == finding.FINDINGS_MAX
