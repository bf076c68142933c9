"""Receiver interfaces: what an owner says is stored, answered, kept in order, and told to others."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from gateway.hub.announce import announce, announcement
from gateway.store.object import Key

LATER, LATEST = "2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z"
LOC = "/receiver/locations/DE/AAA/LOC1"


def code(answer: Any) -> tuple[int, int]:
    return answer[0], answer[1]["status_code"]


async def test_location_put_then_list_when_registered(join: Any, make: Any) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    assert code(await cpo.call("PUT", LOC, make.location(cpo.party))) == (201, 1000)
    assert code(await cpo.call("PUT", LOC, make.location(cpo.party))) == (200, 1000)
    status, body, headers = await emsp.call_all("GET", "/sender/locations")
    assert status == 200, body
    assert [x["id"] for x in body["data"]] == ["LOC1"]
    assert headers["X-Total-Count"] == "1"
    _, path, heard, pushed = await emsp.hears("PUT", "/receiver/locations")
    assert path == LOC
    assert pushed == make.location(cpo.party)
    assert (heard["OCPI-from-country-code"], heard["OCPI-from-party-id"]) == ("NL", "NCO")
    assert (heard["OCPI-to-country-code"], heard["OCPI-to-party-id"]) == ("NL", "BBB")
    assert (await cpo.call("GET", LOC))[1]["data"] == make.location(cpo.party)


async def test_unknown_fields_and_values_when_put_then_kept_byte_for_byte(
    join: Any, make: Any
) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    body = make.location(cpo.party, x_own={"n": [1, 2.50]}, parking_type="ON_THE_MOON")
    raw = json.dumps(body, indent=3).replace("2.5", "2.500").encode()
    assert code(await cpo.call("PUT", LOC, raw=raw)) == (201, 1000)
    async with emsp.session.get(
        f"{emsp.world.url}/ocpi/2.2.1/sender/locations",
        headers={"Authorization": f"Token {emsp.token}"},
    ) as answer:
        assert raw in await answer.read()


async def test_older_put_when_newer_is_stored_then_accepted_and_ignored(
    join: Any, make: Any
) -> None:
    cpo = await join("CPO", "DE-AAA")
    await cpo.call("PUT", LOC, make.location(cpo.party, updated=LATER, name="new"))
    assert code(await cpo.call("PUT", LOC, make.location(cpo.party, name="old"))) == (200, 1000)
    assert (await cpo.call("GET", LOC))[1]["data"]["name"] == "new"


async def test_patch_when_known_then_merged_and_told_as_it_came(join: Any, make: Any) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    await cpo.call("PUT", LOC, make.location(cpo.party))
    await emsp.hears("PUT", LOC)
    patch = {"name": "Renamed", "last_updated": LATER}
    assert code(await cpo.call("PATCH", LOC, patch)) == (200, 1000)
    found = (await cpo.call("GET", LOC))[1]["data"]
    assert (found["name"], found["city"], found["last_updated"]) == ("Renamed", "Town", LATER)
    assert (await emsp.hears("PATCH", LOC))[3] == patch


async def test_patch_when_unknown_or_without_last_updated_then_refused(
    join: Any, make: Any
) -> None:
    cpo = await join("CPO", "DE-AAA")
    assert code(await cpo.call("PATCH", LOC, {"name": "x", "last_updated": LATER})) == (404, 2003)
    await cpo.call("PUT", LOC, make.location(cpo.party))
    status, body = await cpo.call("PATCH", LOC, {"name": "x"})
    assert (status, body["status_code"]) == (200, 2001)
    assert "last_updated" in body["status_message"]


def told(partner: Any) -> dict[str, str]:
    """EVSE statuses as a partner has them after all it was told: whole locations, and their parts."""
    found: dict[str, str] = {}
    for method, path, _, body in partner.heard:
        if method == "PUT" and path == LOC:
            found = {evse["uid"]: evse["status"] for evse in body["evses"]}
        elif method in {"PUT", "PATCH"} and path.startswith(f"{LOC}/"):
            found[path.removeprefix(f"{LOC}/")] = body["status"]
    return found


async def test_evse_when_patched_out_of_order_then_each_keeps_its_newest(
    join: Any, make: Any
) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    two = make.location(cpo.party)
    two["evses"].append(json.loads(json.dumps(two["evses"][0])) | {"uid": "E2"})
    await cpo.call("PUT", LOC, two)
    await emsp.hears("PUT", LOC)
    assert code(
        await cpo.call("PATCH", f"{LOC}/E1", {"status": "CHARGING", "last_updated": LATEST})
    ) == (200, 1000)
    assert code(
        await cpo.call("PATCH", f"{LOC}/E2", {"status": "BLOCKED", "last_updated": LATER})
    ) == (200, 1000)
    await cpo.call("PATCH", f"{LOC}/E1", {"status": "AVAILABLE", "last_updated": LATER})
    found = (await cpo.call("GET", LOC))[1]["data"]
    assert [e["status"] for e in found["evses"]] == ["CHARGING", "BLOCKED"]
    assert found["last_updated"] == LATEST
    # Lone changes travel as they came; changes that wait together travel as the whole newest state.
    async with asyncio.timeout(5):
        while told(emsp) != {"E1": "CHARGING", "E2": "BLOCKED"}:  # noqa: ASYNC110 - a plain list
            await asyncio.sleep(0.01)
    assert (await cpo.call("GET", f"{LOC}/E2"))[1]["data"]["status"] == "BLOCKED"
    assert (await cpo.call("GET", f"{LOC}/E2/1"))[1]["data"]["id"] == "1"
    assert code(await cpo.call("GET", f"{LOC}/E9")) == (404, 2003)


async def test_connector_and_evse_when_put_then_inside_the_location(join: Any, make: Any) -> None:
    cpo = await join("CPO", "DE-AAA")
    await cpo.call("PUT", LOC, make.location(cpo.party))
    evse = make.location(cpo.party)["evses"][0] | {"uid": "E2", "last_updated": LATER}
    assert code(await cpo.call("PUT", f"{LOC}/E2", evse)) == (200, 1000)
    plug = evse["connectors"][0] | {"id": "2", "max_amperage": 16, "last_updated": LATEST}
    assert code(await cpo.call("PUT", f"{LOC}/E2/2", plug)) == (200, 1000)
    found = (await cpo.call("GET", LOC))[1]["data"]
    assert [len(e["connectors"]) for e in found["evses"]] == [1, 2]
    assert code(await cpo.call("PUT", f"{LOC}/E2/3", plug)) == (200, 2001)


async def test_tariff_when_changed_and_deleted_then_every_version_is_kept(
    join: Any, make: Any, database: Any
) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    path = "/receiver/tariffs/DE/AAA/T1"
    assert code(await cpo.call("PUT", path, make.tariff(cpo.party))) == (201, 1000)
    assert code(
        await cpo.call("PUT", path, make.tariff(cpo.party, updated=LATER, price="0.30"))
    ) == (200, 1000)
    await emsp.hears("PUT", path)
    assert code(await cpo.call("DELETE", path)) == (200, 1000)
    assert code(await cpo.call("DELETE", path)) == (404, 2001)
    await emsp.hears("DELETE", path)
    assert (await emsp.call("GET", "/sender/tariffs"))[1]["data"] == []
    rows = await database.fetch("SELECT * FROM tariff_version ORDER BY published_at")
    assert len(rows) == 2
    assert rows[0]["withdrawn_at"] == rows[1]["published_at"]
    assert rows[1]["withdrawn_at"] is not None


async def test_token_when_put_and_patched_then_told_to_cpos_with_its_type(
    join: Any, make: Any
) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    path = "/receiver/tokens/NL/BBB/TOK1"
    assert code(await emsp.call("PUT", path, make.token(emsp.party))) == (201, 1000)
    app = make.token(emsp.party, type="APP_USER")
    assert code(await emsp.call("PUT", path, app)) == (200, 2001), "the URL says RFID"
    assert code(await emsp.call("PUT", f"{path}?type=APP_USER", app)) == (201, 1000)
    await cpo.hears("PUT", f"{path}?type=RFID")
    await cpo.hears("PUT", f"{path}?type=APP_USER")
    assert code(await emsp.call("PATCH", path, {"valid": False, "last_updated": LATER})) == (
        200,
        1000,
    )
    assert (await emsp.call("GET", path))[1]["data"]["valid"] is False
    assert (await emsp.call("GET", f"{path}?type=APP_USER"))[1]["data"]["valid"] is True
    _, body = await cpo.call("GET", "/sender/tokens")
    assert len(body["data"]) == 2


async def test_session_when_put_then_told_to_its_emsp_only_with_zone_and_tariff_fixed(
    join: Any, make: Any, database: Any
) -> None:
    cpo = await join("CPO", "DE-AAA")
    emsp, other = await join("EMSP", "NL-BBB"), await join("EMSP", "NL-CCC")
    await cpo.call(
        "PUT", "/receiver/tariffs/DE/AAA/T1", make.tariff(cpo.party, updated="2026-11-19T00:00:00Z")
    )
    await cpo.call("PUT", LOC, make.location(cpo.party))
    path = "/receiver/sessions/DE/AAA/S1"
    assert code(await cpo.call("PUT", path, make.session(cpo.party, emsp.party))) == (201, 1000)
    _, _, heard, _ = await emsp.hears("PUT", path)
    assert (heard["OCPI-from-country-code"], heard["OCPI-from-party-id"]) == ("DE", "AAA")
    first = await database.fetchrow("SELECT time_zone, tariff_hashes FROM session")
    assert first["time_zone"] == "Europe/Berlin"
    assert len(first["tariff_hashes"]) == 1
    await cpo.call(
        "PUT", "/receiver/tariffs/DE/AAA/T1", make.tariff(cpo.party, updated=LATER, price="9")
    )
    period = {"start_date_time": LATER, "dimensions": [{"type": "ENERGY", "volume": 1}]}
    for kwh in (2, 3):
        patch = {
            "kwh": kwh,
            "charging_periods": [period],
            "last_updated": f"2026-11-20T11:0{kwh}:00Z",
        }
        assert code(await cpo.call("PATCH", path, patch)) == (200, 1000)
    found = (await cpo.call("GET", path))[1]["data"]
    assert (found["kwh"], len(found["charging_periods"])) == (3, 2), "periods are added to"
    assert tuple(await database.fetchrow("SELECT time_zone, tariff_hashes FROM session")) == tuple(
        first
    )
    assert (
        len((await emsp.call("GET", "/sender/sessions?date_from=2026-01-01T00:00:00Z"))[1]["data"])
        == 1
    )
    assert (await other.call("GET", "/sender/sessions?date_from=2026-01-01T00:00:00Z"))[1][
        "data"
    ] == []
    assert not any("/sessions/" in entry[1] for entry in other.heard)


async def test_cdr_when_posted_three_times_then_one_row_one_settle_one_url(
    join: Any, make: Any, database: Any
) -> None:
    cpo = await join("CPO", "DE-AAA")
    emsp, other = await join("EMSP", "NL-BBB"), await join("EMSP", "NL-CCC")
    raw = json.dumps(make.cdr(cpo.party, emsp.party)).encode()
    rearranged = json.dumps(
        dict(reversed(make.cdr(cpo.party, emsp.party).items())), indent=1
    ).encode()
    urls = set()
    for body, expected in ((raw, 201), (raw, 200), (rearranged, 200)):
        status, answer, headers = await cpo.call_all("POST", "/receiver/cdrs", raw=body)
        assert (status, answer["status_code"]) == (expected, 1000), answer
        urls.add(headers["Location"])
    assert len(urls) == 1
    assert await database.fetchval("SELECT count(*) FROM cdr") == 1
    assert await database.fetchval("SELECT count(*) FROM outbox WHERE topic = 'settle'") == 1
    url = urls.pop()
    assert (await cpo.call("GET", url))[1]["data"]["id"] == "CDR1"
    assert (await emsp.call("GET", url))[1]["data"]["id"] == "CDR1"
    assert (await other.call("GET", url))[0] == 404
    _, path, heard, pushed = await emsp.hears("POST", "/receiver/cdrs")
    assert (path, pushed) == ("/receiver/cdrs", json.loads(raw))
    assert heard["OCPI-from-party-id"] == "AAA"
    assert len((await emsp.call("GET", "/sender/cdrs"))[1]["data"]) == 1
    assert (await other.call("GET", "/sender/cdrs"))[1]["data"] == []


async def test_cdr_when_the_id_is_known_with_other_content_then_2001_and_a_conflict(
    join: Any, make: Any, database: Any
) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    await cpo.call("POST", "/receiver/cdrs", make.cdr(cpo.party, emsp.party))
    for _ in range(2):
        changed = make.cdr(cpo.party, emsp.party, total_energy=11.0)
        assert code(await cpo.call("POST", "/receiver/cdrs", changed)) == (200, 2001)
    assert await database.fetchval("SELECT count(*) FROM cdr_conflict") == 1
    assert b"11.0" not in await database.fetchval("SELECT body FROM cdr")


async def test_credit_cdr_when_given_twice_then_refused(join: Any, make: Any) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    await cpo.call("POST", "/receiver/cdrs", make.cdr(cpo.party, emsp.party))
    credit = {"credit": True, "credit_reference_id": "CDR1", "total_cost": {"excl_vat": -2.5}}
    assert code(
        await cpo.call("POST", "/receiver/cdrs", make.cdr(cpo.party, emsp.party, "CR1", **credit))
    ) == (201, 1000)
    assert code(
        await cpo.call("POST", "/receiver/cdrs", make.cdr(cpo.party, emsp.party, "CR2", **credit))
    ) == (200, 2001)
    no_reference = {"credit": True}
    assert code(
        await cpo.call(
            "POST", "/receiver/cdrs", make.cdr(cpo.party, emsp.party, "CR3", **no_reference)
        )
    ) == (200, 2001)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("end_date_time", "2026-11-20T08:00:00Z"),
        ("end_date_time", "2100-01-01T00:00:00Z"),
        ("last_updated", "2100-01-01T00:00:00Z"),
        ("currency", "euro"),
        ("total_energy", "ten"),
        ("cdr_token", None),
    ],
)
async def test_cdr_when_a_field_is_wrong_then_2001_names_it(
    join: Any, make: Any, database: Any, field: str, value: Any
) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    status, body = await cpo.call(
        "POST", "/receiver/cdrs", make.cdr(cpo.party, emsp.party, **{field: value})
    )
    assert (status, body["status_code"]) == (200, 2001)
    assert field in body["status_message"]
    assert await database.fetchval("SELECT count(*) FROM cdr") == 0


async def test_ids_when_spelt_in_another_case_then_the_same_object(join: Any, make: Any) -> None:
    cpo = await join("CPO", "DE-AAA")
    await cpo.call("PUT", LOC, make.location(cpo.party))
    status, body = await cpo.call("GET", "/receiver/locations/de/aaa/loc1")
    assert status == 200
    assert body["data"]["id"] == "LOC1"


async def test_ids_when_they_hold_slashes_and_blanks_then_one_object(join: Any, make: Any) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    path = "/receiver/locations/DE/AAA/a%2Fb%20c%25"
    from yarl import URL

    url = URL(f"{cpo.world.url}/ocpi/2.2.1{path}", encoded=True)
    body = json.dumps(make.location(cpo.party, "a/b c%"))
    headers = {"Authorization": f"Token {cpo.token}"}
    async with cpo.session.put(url, data=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
    heard = await emsp.hears("PUT", "/receiver/locations")
    assert heard[3]["id"] == "a/b c%"


async def test_session_put_when_overtaken_then_its_receiver_ends_with_the_newest(
    join: Any, make: Any
) -> None:
    """A request that was held up arrives, or goes on, after a newer one has been told."""
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    path, to = "/receiver/sessions/DE/AAA/S1", cpo.routing(emsp.party)
    whole = make.session(cpo.party, emsp.party)
    first, second = (
        {**whole, "id": "S1", "kwh": n, "last_updated": at} for n, at in ((1, LATER), (2, LATEST))
    )

    held = asyncio.Event()

    async def hold(request: web.Request, body: Any) -> web.Response:
        if body["kwh"] == 1:
            held.set()
            await asyncio.sleep(0.5)
        return emsp.envelope(None)

    emsp.answers["PUT", "/receiver/sessions"] = hold
    slow = asyncio.create_task(cpo.call("PUT", path, first, headers=to))
    await held.wait()
    assert code(await cpo.call("PUT", path, second, headers=to)) == (200, 1000)
    assert code(await slow) == (200, 1000)
    told = [(await emsp.hears("PUT", path))[3]["kwh"] for _ in range(3)]
    assert told[-1] == 2, "the one that was held up ends after the newer, which is told again"
    assert code(await cpo.call("PUT", path, first, headers=to)) == (200, 1000)
    await asyncio.sleep(0.2)
    assert not [entry for entry in emsp.heard if entry[1] == path], "the older is not passed on"


async def test_patch_when_spread_after_a_newer_one_was_told_then_the_whole_newest_is_sent(
    join: Any, make: Any, world: Any
) -> None:
    """Two processes take announcements side by side: the older may become a delivery last."""
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    path = "/receiver/sessions/DE/AAA/S1"
    await cpo.call("PUT", path, make.session(cpo.party, emsp.party))
    await emsp.hears("PUT", path)
    await cpo.call("PATCH", path, {"kwh": 9, "last_updated": LATEST})
    async with asyncio.timeout(5):
        while not any(x[1] == path and x[3]["kwh"] == 9 for x in emsp.heard):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    emsp.heard.clear()
    older = announcement(
        "sessions", Key(cpo.party, "S1"), version="2.2.1", correlation_id="older",
        origin=cpo.party, to=emsp.party, method="PATCH",
        body=json.dumps({"kwh": 5, "last_updated": LATER}).encode(),
    )  # fmt: skip
    async with world.hub.db.transaction() as conn:
        await announce(conn, older)
    world.hub.wake()
    told = await emsp.hears("PUT", path)
    assert told[3]["kwh"] == 9
