"""Locations near a point: who is shown, in which order, up to where."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.hub.nearby import box
from gateway.sim import profile as who

NEAR = "/locations?latitude={}&longitude={}&radius_m={}"


async def ids(living: Any, latitude: object, longitude: object, radius_m: int = 5000) -> list[str]:
    answer = await living.call("GET", NEAR.format(latitude, longitude, radius_m))
    assert answer.status == 200, answer.body
    return [place["location_id"] for place in answer.body["locations"]]


async def test_near_when_places_lie_around_then_nearest_first_within_the_radius(living) -> None:
    assert await ids(living, "50.94", "6.96", 5000) == ["KOELN-DOM"]
    assert await ids(living, "50.94", "6.96", 30_000) == ["KOELN-DOM", "BONN-HBF"]
    assert await ids(living, "50.73", "7.09", 30_000) == ["BONN-HBF", "KOELN-DOM"]
    assert await ids(living, "50.94", "6.96", 1) == []
    limited = await living.call("GET", NEAR.format("50.94", "6.96", 30_000) + "&limit=1")
    (place,) = limited.body["locations"]
    assert place["operator"] == "Rheinstrom Ladenetz GmbH"
    assert place["distance_m"] == pytest.approx(192, abs=5)
    assert place["coordinates"] == {"latitude": "50.941357", "longitude": "6.958307"}
    assert [e["uid"] for e in place["evses"]] == ["KOELN-DOM-1", "KOELN-DOM-2"]
    assert place["evses"][0]["connectors"][0]["tariff_ids"] == [who.GERMAN_PRICE.tariff_id]


async def test_near_when_at_a_pole_or_across_the_antimeridian_then_still_found(hub) -> None:
    first = who.GERMAN_STATIONS[0]
    spots = {
        "POLE": ("89.999000", "10.000000"), "FAR-SIDE": ("89.999000", "-170.000000"),
        "EAST": ("10.000000", "179.990000"), "WEST": ("10.000000", "-179.990000"),
        "SOUTH": ("-90.000000", "0.000000"), "EDGE": ("60.898000", "10.000000"),
    }  # fmt: skip
    stations = tuple(
        msgspec.structs.replace(first, location_id=name, latitude=lat, longitude=lon, evses=1)
        for name, (lat, lon) in spots.items()
    )
    cpo = await hub.operator(who.RHEINSTROM, stations, who.GERMAN_PRICE)
    try:
        assert set(await ids(hub, 90, 0)) == {"POLE", "FAR-SIDE"}
        assert set(await ids(hub, 89.999, 10)) == {"POLE", "FAR-SIDE"}
        assert await ids(hub, -90, 180) == ["SOUTH"]
        assert await ids(hub, 10, 179.995) == ["EAST", "WEST"]
        assert set(await ids(hub, 10, -180)) == {"EAST", "WEST"}
        # 99.85 km due north: inside the circle, and so inside the box that is searched first
        assert await ids(hub, 60, 10, 100_000) == ["EDGE"]
        assert await ids(hub, 0, 0, 100_000) == []
    finally:
        await cpo.stop()


def test_box_when_compared_with_the_circle_then_it_contains_it() -> None:
    assert box(0, 111_195) == pytest.approx((1.0, 1.0), rel=1e-4)
    assert box(60, 100_000)[1] > 2 * box(0, 100_000)[1]
    assert box(89.9, 100_000)[1] == box(-90, 1)[1] == 360.0


async def test_near_when_unpublished_hidden_or_removed_then_not_shown(living) -> None:
    cpo, owner = living.cpo, "/DE/RHE/"
    body = cpo.locations()[0] | {"publish": False}
    assert (
        await cpo.call("PUT", "locations", "RECEIVER", f"{owner}KOELN-DOM", body=body)
    ).is_success
    await cpo.set_status(cpo.stations[1], 2, "REMOVED")
    assert await ids(living, "50.94", "6.96", 30_000) == ["BONN-HBF"]
    found = await living.call("GET", NEAR.format("50.73", "7.09", 5000))
    assert [e["uid"] for e in found.body["locations"][0]["evses"]] == ["BONN-HBF-1"]
    gone = {"country_code": "DE", "party_id": "RHE", "location_id": "BONN-HBF", "evse_uid": "BONN-HBF-2"}  # fmt: skip
    refused = await living.call("POST", "/quotes", gone | {"energy_kwh": "1"})
    assert (refused.status, refused.body["field"]) == (422, "evse_uid")


async def test_place_when_the_operator_is_hidden_by_relation_then_not_seen_quoted_or_started(
    living,
) -> None:
    await living.db.execute(
        "INSERT INTO relation VALUES ('DE', 'RHE', 'FR', 'BLZ', 'locations', false)"
    )
    await living.hub.refresh_network()
    assert await ids(living, "50.94", "6.96", 30_000) == []
    at = {"country_code": "DE", "party_id": "RHE", "location_id": "KOELN-DOM", "evse_uid": "KOELN-DOM-1"}  # fmt: skip
    for path, more in (("/quotes", {"energy_kwh": "1"}), ("/sessions", {"contract_id": "C1"})):
        answer = await living.call("POST", path, at | more)
        assert (answer.status, answer.body["field"]) == (422, "location_id"), answer.body
    assert await living.db.fetchval("SELECT count(*) FROM charge") == 0


async def test_near_when_the_query_is_wrong_then_422_names_the_parameter(living) -> None:
    wrong = {
        "latitude=91&longitude=0": "latitude", "latitude=nan&longitude=0": "latitude",
        "latitude=0&longitude=181": "longitude", "latitude=0&longitude=inf": "longitude",
        "latitude=0": "longitude", "": "latitude", "latitude=0&longitude=0&radius_m=0": "radius_m",
        "latitude=0&longitude=0&radius_m=100001": "radius_m", "latitude=0&longitude=0&limit=201": "limit",
        "latitude=0&longitude=0&limit=1&limit=2": "limit", "latitude=0&longitude=x": "longitude",
    }  # fmt: skip
    for query, field in wrong.items():
        answer = await living.call("GET", f"/locations?{query}")
        assert (answer.status, answer.body.get("field")) == (422, field), (query, answer.body)
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert (await living.call("GET", "/locations?latitude=0&longitude=0&unknown=1")).status == 200
