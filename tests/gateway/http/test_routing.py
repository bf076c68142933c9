"""Where messages go: direct, broadcast, open routing, GET-all (OCPI 2.2.1 transport §Message routing)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from gateway.hub import partner as administration
from ocpi.model.party import PartyId, parse_party

LOC = "/receiver/locations/DE/AAA/LOC1"
NOBODY = parse_party("XX-XXX")


async def test_broadcast_when_two_emsps_then_both_hear_with_the_hub_as_sender(
    join: Any, make: Any
) -> None:
    cpo = await join("CPO", "DE-AAA")
    emsps = [await join("EMSP", "NL-BBB"), await join("EMSP", "NL-CCC")]
    peer_cpo = await join("CPO", "DE-DDD")
    hub = PartyId("NL", "NCO")
    sent = cpo.routing(hub) | {"X-Correlation-ID": "corr-1", "X-Request-ID": "req-1"}
    status, body, headers = await cpo.call_all("PUT", LOC, make.location(cpo.party), headers=sent)
    assert (status, body["status_code"]) == (201, 1000)
    assert (headers["X-Request-ID"], headers["X-Correlation-ID"]) == ("req-1", "corr-1")
    assert (headers["OCPI-to-party-id"], headers["OCPI-from-party-id"]) == ("AAA", "NCO")
    for emsp in emsps:
        _, path, heard, pushed = await emsp.hears("PUT", LOC)
        assert path == LOC, "the URL keeps the owner"
        assert heard["OCPI-from-party-id"] == "NCO"
        assert heard["OCPI-to-party-id"] == emsp.party.party_id
        assert heard["X-Correlation-ID"] == "corr-1"
        assert heard["X-Request-ID"] not in {"req-1", ""}
        assert pushed["last_updated"] == make.location(cpo.party)["last_updated"]
    await asyncio.sleep(0.2)
    assert not any("/locations" in entry[1] for entry in (*cpo.heard, *peer_cpo.heard))


async def test_broadcast_when_one_receiver_is_slow_and_one_is_broken_then_the_third_hears_at_once(
    join: Any, make: Any
) -> None:
    cpo = await join("CPO", "DE-AAA")
    slow, broken, fine = [await join("EMSP", f"NL-{x}") for x in ("BBB", "CCC", "DDD")]

    async def sleep(request: web.Request, body: Any) -> web.Response:
        await asyncio.sleep(3)
        return slow.envelope(None)

    async def fail(request: web.Request, body: Any) -> web.Response:
        return web.Response(status=500, text="oops")

    slow.answers["PUT", "/receiver/locations"] = sleep
    broken.answers["PUT", "/receiver/locations"] = fail
    for n in range(12):
        path = f"/receiver/locations/DE/AAA/L{n}"
        assert (await cpo.call("PUT", path, make.location(cpo.party, f"L{n}")))[0] == 201
    for n in range(12):
        await fine.hears("PUT", f"/receiver/locations/DE/AAA/L{n}", timeout_s=2)
    del broken.answers["PUT", "/receiver/locations"]
    for n in range(12):
        await broken.hears("PUT", f"/receiver/locations/DE/AAA/L{n}", timeout_s=20)


async def test_changes_when_a_receiver_is_busy_then_the_newest_state_is_told_once(
    join: Any, make: Any
) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    gate = asyncio.Event()

    async def wait(request: web.Request, body: Any) -> web.Response:
        await gate.wait()
        return emsp.envelope(None)

    emsp.answers["PUT", LOC] = wait
    for minute in range(10, 30):
        body = make.location(cpo.party, updated=f"2026-11-20T10:{minute}:00Z")
        assert (await cpo.call("PUT", LOC, body))[1]["status_code"] == 1000
    await asyncio.sleep(0.3)
    gate.set()
    del emsp.answers["PUT", LOC]
    heard: list[str] = []
    while not heard or heard[-1] != "2026-11-20T10:29:00Z":
        heard.append((await emsp.hears("PUT", LOC))[3]["last_updated"])
    assert heard == sorted(heard)
    assert len(heard) < 20


async def test_direct_when_the_receiver_answers_then_its_envelope_comes_back_unchanged(
    join: Any, make: Any
) -> None:
    cpo, emsp, other = [
        await join(r, p) for r, p in (("CPO", "DE-AAA"), ("EMSP", "NL-BBB"), ("EMSP", "NL-CCC"))
    ]

    async def refuse(request: web.Request, body: Any) -> web.Response:
        return web.json_response(
            {
                "status_code": 2003,
                "status_message": "my own words",
                "timestamp": "2026-11-20T10:00:00Z",
                "x": 1,
            }
        )

    emsp.answers["PUT", LOC] = refuse
    headers = cpo.routing(emsp.party) | {"X-Correlation-ID": "corr-2"}
    raw = json.dumps(make.location(cpo.party, weird={"a": 1}), indent=2).encode()
    status, body, answered = await cpo.call_all("PUT", LOC, raw=raw, headers=headers)
    assert (status, body) == (
        200, {"status_code": 2003, "status_message": "my own words", "timestamp": "2026-11-20T10:00:00Z", "x": 1}
    )  # fmt: skip
    assert (answered["OCPI-from-party-id"], answered["OCPI-to-party-id"]) == ("BBB", "AAA")
    _, _, heard, pushed = await emsp.hears("PUT", LOC)
    assert pushed == json.loads(raw)
    assert (heard["OCPI-from-party-id"], heard["OCPI-to-party-id"]) == ("AAA", "BBB")
    assert heard["X-Correlation-ID"] == "corr-2"
    await asyncio.sleep(0.2)
    assert other.heard == [] or not any("/locations" in e[1] for e in other.heard)


async def test_direct_when_unknown_or_offline_or_silent_then_4001_4003_4002(
    join: Any, make: Any, database: Any
) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    to_nobody = cpo.routing(NOBODY)
    assert (await cpo.call("PUT", LOC, make.location(cpo.party), headers=to_nobody))[1][
        "status_code"
    ] == 4001
    assert await database.fetchval("SELECT count(*) FROM location") == 0
    to_emsp = cpo.routing(emsp.party)

    async def cut(request: web.Request, body: Any) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    emsp.answers["PUT", LOC] = cut
    assert (await cpo.call("PUT", LOC, make.location(cpo.party), headers=to_emsp))[1][
        "status_code"
    ] == 4003
    del emsp.answers["PUT", LOC]
    await emsp.hears("PUT", LOC)
    await database.execute("UPDATE platform SET connection = 'OFFLINE' WHERE name LIKE 'EMSP%'")
    await cpo.world.hub.directory.reload()
    status, body = await cpo.call("PUT", LOC, make.location(cpo.party, name="x"), headers=to_emsp)
    assert (status, body["status_code"]) == (200, 4003)


async def test_get_all_when_several_cpos_then_merged_and_one_party_when_named(
    join: Any, make: Any
) -> None:
    one, two = await join("CPO", "DE-AAA"), await join("CPO", "NO-BBB")
    emsp = await join("EMSP", "NL-CCC")
    for cpo in (one, two):
        path = f"/receiver/locations/{cpo.party.country_code}/{cpo.party.party_id}/L"
        await cpo.call("PUT", path, make.location(cpo.party, "L"))
    hub = PartyId("NL", "NCO")
    _, body, headers = await emsp.call_all("GET", "/sender/locations", headers=emsp.routing(hub))
    assert [(x["country_code"], x["party_id"]) for x in body["data"]] == [
        ("DE", "AAA"),
        ("NO", "BBB"),
    ]
    assert headers["OCPI-from-party-id"] == "NCO"

    async def own(request: web.Request, body: Any) -> web.Response:
        if "offset" in request.query:
            return two.envelope(["second page"])
        here = f"{two.url}{request.path}"
        return two.envelope(
            ["first page"],
            **{"X-Total-Count": "2", "Link": f'<{here}?offset=1&limit=1>; rel="next"'},
        )

    two.answers["GET", "/sender/locations"] = own
    named = emsp.routing(two.party)
    _, body, headers = await emsp.call_all("GET", "/sender/locations?limit=1", headers=named)
    assert body["data"] == ["first page"]
    assert headers["X-Total-Count"] == "2"
    link = headers["Link"].split(">")[0].strip("<")
    assert link.startswith(emsp.world.url)
    assert two.url.removeprefix("http://") not in link
    assert (await emsp.call("GET", link, headers=named))[1]["data"] == ["second page"]
    assert (await emsp.call("GET", link, headers=emsp.routing(one.party)))[1]["status_code"] == 2001


async def test_single_location_when_open_then_found_by_its_id(join: Any, make: Any) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    await cpo.call("PUT", LOC, make.location(cpo.party))
    assert (await emsp.call("GET", "/sender/locations/LOC1"))[1]["data"]["id"] == "LOC1"
    assert (await emsp.call("GET", "/sender/locations/LOC1/E1"))[1]["data"]["uid"] == "E1"
    assert (await emsp.call("GET", "/sender/locations/NONE"))[1]["status_code"] == 2003


async def test_charging_preferences_when_open_then_forwarded_to_the_sessions_cpo(
    join: Any, make: Any
) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    stranger = await join("EMSP", "NL-CCC")
    await cpo.call("PUT", "/receiver/sessions/DE/AAA/S1", make.session(cpo.party, emsp.party))

    async def accept(request: web.Request, body: Any) -> web.Response:
        return cpo.envelope("ACCEPTED")

    cpo.answers["PUT", "/sender/sessions/S1/charging_preferences"] = accept
    wish = {"profile_type": "GREEN"}
    path = "/sender/sessions/S1/charging_preferences"
    assert (await emsp.call("PUT", path, wish))[1]["data"] == "ACCEPTED"
    assert (await stranger.call("PUT", path, wish))[0] == 404


async def test_relation_when_closed_then_neither_told_nor_shown_nor_forwarded(
    join: Any, make: Any, database: Any
) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    await database.execute("INSERT INTO relation VALUES ('DE', 'AAA', 'NL', 'BBB', '*', false)")
    await cpo.world.hub.refresh_network()
    assert (await cpo.call("PUT", LOC, make.location(cpo.party)))[0] == 201
    assert (await emsp.call("GET", "/sender/locations"))[1]["data"] == []
    direct = cpo.routing(emsp.party)
    assert (await cpo.call("PUT", LOC, make.location(cpo.party), headers=direct))[1][
        "status_code"
    ] == 4001
    await asyncio.sleep(0.2)
    assert not any("/locations" in entry[1] for entry in emsp.heard)


async def test_hub_client_info_when_partners_come_and_go_then_listed_and_pushed(join: Any) -> None:
    cpo = await join("CPO", "DE-AAA")
    emsp = await join("EMSP", "NL-BBB")
    info = (await cpo.hears("PUT", "/receiver/hubclientinfo/NL/BBB"))[3]
    assert (info["role"], info["status"]) == ("EMSP", "CONNECTED")
    _, body = await cpo.call("GET", "/sender/hubclientinfo")
    assert [(x["party_id"], x["status"]) for x in body["data"]] == [("BBB", "CONNECTED")]
    await administration.suspend(cpo.world.hub, emsp.party)
    assert (await cpo.hears("PUT", "/receiver/hubclientinfo/NL/BBB"))[3]["status"] == "SUSPENDED"


async def test_still_alive_when_a_partner_is_gone_then_offline_and_back_when_it_speaks(
    join: Any, database: Any
) -> None:
    from gateway.push import chores

    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    await cpo.hears("PUT", "/receiver/hubclientinfo/NL/BBB")
    token = emsp.own_token
    emsp.own_token = "not any more"
    emsp.answers.clear()
    await emsp._runner.cleanup()
    await asyncio.sleep(1.5)  # its last sign of life is written down first
    await database.execute("UPDATE platform SET last_seen = now() - interval '1 hour'")
    await cpo.world.hub.directory.reload()
    await chores.check_silent(cpo.world.hub)
    assert (await cpo.hears("PUT", "/receiver/hubclientinfo/NL/BBB"))[3]["status"] == "OFFLINE"
    emsp.own_token = token
    assert (await emsp.call("GET", "/sender/locations"))[0] == 200
    assert (await cpo.hears("PUT", "/receiver/hubclientinfo/NL/BBB"))[3]["status"] == "CONNECTED"


async def test_pull_when_a_partner_serves_lists_then_stored_and_told_on(
    join: Any, make: Any
) -> None:
    emsp = await join("EMSP", "NL-BBB")
    cpo = await join("CPO", "DE-AAA", register=False)
    foreign = make.location(PartyId("NO", "ZZZ"), "THEIRS")
    everything = [make.location(cpo.party, f"L{n}") for n in range(5)] + [{"id": "broken"}, foreign]

    async def page(request: web.Request, body: Any) -> web.Response:
        start, limit = int(request.query.get("offset", 0)), 2
        headers = {"X-Total-Count": str(len(everything))}
        if start + limit < len(everything):
            headers["Link"] = '<https://absurd/ocpi/ModuleID.locations/?date_from=None>; rel="next"'
        return cpo.envelope(everything[start : start + limit], **headers)

    cpo.answers["GET", "/sender/locations"] = page
    await cpo.register()
    for n in range(5):
        await emsp.hears("PUT", f"/receiver/locations/DE/AAA/L{n}")
    assert len((await emsp.call("GET", "/sender/locations"))[1]["data"]) == 5
