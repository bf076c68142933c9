"""Commands and charging profiles: out with the hub's response_url, the result back to the asker."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

LOC = "/receiver/locations/DE/AAA/LOC1"


def start(emsp: Any, make: Any, **more: Any) -> dict[str, Any]:
    body = {
        "response_url": f"{emsp.url}/results/1",
        "token": make.token(emsp.party),
        "location_id": "LOC1",
    }
    return body | more


async def pair(join: Any, make: Any) -> Any:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    await cpo.call("PUT", LOC, make.location(cpo.party))

    async def accept(request: web.Request, body: Any) -> web.Response:
        return cpo.envelope({"result": "ACCEPTED", "timeout": 30})

    cpo.answers["POST", "/receiver/commands"] = accept
    return cpo, emsp


async def test_start_session_when_open_then_response_and_result_travel_both_ways(
    join: Any, make: Any
) -> None:
    cpo, emsp = await pair(join, make)
    headers = {"X-Correlation-ID": "corr-3"}
    status, body = await emsp.call(
        "POST", "/receiver/commands/START_SESSION", start(emsp, make, x=1), headers=headers
    )
    assert (status, body["data"]) == (200, {"result": "ACCEPTED", "timeout": 30})
    _, path, heard, order = await cpo.hears("POST", "/receiver/commands")
    assert path == "/receiver/commands/START_SESSION"
    assert heard["X-Correlation-ID"] == "corr-3"
    assert (heard["OCPI-from-party-id"], heard["OCPI-to-party-id"]) == ("BBB", "AAA")
    assert order["response_url"].startswith(cpo.world.url)
    assert {k: v for k, v in order.items() if k != "response_url"} == {
        k: v for k, v in start(emsp, make, x=1).items() if k != "response_url"
    }
    status, body = await cpo.call("POST", order["response_url"], {"result": "ACCEPTED"})
    assert (status, body["status_code"]) == (200, 1000), body
    _, path, heard, result = await emsp.hears("POST", "/results/1")
    assert result == {"result": "ACCEPTED"}
    assert (heard["OCPI-from-party-id"], heard["OCPI-to-party-id"]) == ("AAA", "BBB")


async def test_result_when_somebody_else_sends_it_then_404_and_nothing_is_told(
    join: Any, make: Any
) -> None:
    cpo, emsp = await pair(join, make)
    stranger = await join("CPO", "DE-DDD")
    await emsp.call("POST", "/receiver/commands/START_SESSION", start(emsp, make))
    url = (await cpo.hears("POST", "/receiver/commands"))[3]["response_url"]
    assert (await stranger.call("POST", url, {"result": "ACCEPTED"}))[0] == 404
    assert (
        await cpo.call("POST", url.replace("START_SESSION", "STOP_SESSION"), {"result": "ACCEPTED"})
    )[0] == 404
    assert (await cpo.call("POST", url[:-1], {"result": "ACCEPTED"}))[0] == 404
    assert not any("/results" in entry[1] for entry in emsp.heard)


async def test_command_when_wrong_then_2001_and_the_cpo_hears_nothing(join: Any, make: Any) -> None:
    cpo, emsp = await pair(join, make)
    stranger = await join("EMSP", "NL-CCC")
    cases = [
        ("FLY_AWAY", start(emsp, make), 2001),
        ("START_SESSION", start(emsp, make, location_id="NONE"), 2003),
        ("START_SESSION", start(emsp, make) | {"token": make.token(stranger.party)}, 2001),
        ("START_SESSION", {"location_id": "LOC1"}, 2001),
        ("STOP_SESSION", {"response_url": f"{emsp.url}/r", "session_id": "S1"}, 2001),
    ]
    for name, body, code in cases:
        status, answer = await emsp.call("POST", f"/receiver/commands/{name}", body)
        assert status in {200, 404}
        assert answer["status_code"] == code, (name, answer)
    assert not any("/commands" in entry[1] for entry in cpo.heard)


async def test_stop_session_when_it_is_another_emsps_then_404(join: Any, make: Any) -> None:
    cpo, emsp = await pair(join, make)
    stranger = await join("EMSP", "NL-CCC")
    await cpo.call("PUT", "/receiver/sessions/DE/AAA/S1", make.session(cpo.party, emsp.party))
    body = {"response_url": f"{emsp.url}/r", "session_id": "S1"}
    direct = stranger.routing(cpo.party)
    assert (await stranger.call("POST", "/receiver/commands/STOP_SESSION", body))[0] == 404
    assert (await stranger.call("POST", "/receiver/commands/STOP_SESSION", body, headers=direct))[
        0
    ] == 404
    assert (await emsp.call("POST", "/receiver/commands/STOP_SESSION", body))[1]["data"][
        "result"
    ] == "ACCEPTED"


async def test_command_when_no_result_comes_then_the_asker_is_told_timeout(
    join: Any, make: Any, database: Any
) -> None:
    _, emsp = await pair(join, make)
    await emsp.call("POST", "/receiver/commands/START_SESSION", start(emsp, make))
    await database.execute("UPDATE command SET expires_at = now() - interval '1 s'")
    assert (await emsp.hears("POST", "/results/1"))[3] == {"result": "TIMEOUT"}
    await asyncio.sleep(1.2)
    assert not any("/results" in entry[1] for entry in emsp.heard), "once"


async def test_charging_profile_when_set_and_asked_then_results_are_relayed(
    join: Any, make: Any
) -> None:
    cpo, emsp = await pair(join, make)
    await cpo.call("PUT", "/receiver/sessions/DE/AAA/S1", make.session(cpo.party, emsp.party))

    async def accept(request: web.Request, body: Any) -> web.Response:
        return cpo.envelope({"result": "ACCEPTED", "timeout": 15})

    for method in ("GET", "PUT", "DELETE"):
        cpo.answers[method, "/receiver/chargingprofiles/S1"] = accept
    profile = {
        "charging_profile": {"charging_rate_unit": "W"},
        "response_url": f"{emsp.url}/results/p",
    }
    status, body = await emsp.call("PUT", "/receiver/chargingprofiles/S1", profile)
    assert (status, body["data"]["result"]) == (200, "ACCEPTED"), body
    url = (await cpo.hears("PUT", "/receiver/chargingprofiles"))[3]["response_url"]
    assert (await cpo.call("POST", url, {"result": "ACCEPTED"}))[1]["status_code"] == 1000
    assert (await emsp.hears("POST", "/results/p"))[3] == {"result": "ACCEPTED"}
    for method in ("GET", "DELETE"):
        path = f"/receiver/chargingprofiles/S1?duration=60&response_url={emsp.url}/results/{method}"
        assert (await emsp.call(method, path))[1]["data"]["result"] == "ACCEPTED"
        query = parse_qs(urlsplit((await cpo.hears(method, "/receiver/chargingprofiles"))[1]).query)
        assert query["duration"] == ["60"]
        assert query["response_url"][0].startswith(cpo.world.url)
        assert (await cpo.call("POST", query["response_url"][0], {"result": "REJECTED"}))[0] == 200
        await emsp.hears("POST", f"/results/{method}")
    assert (await emsp.call("GET", "/receiver/chargingprofiles/S1?duration=60"))[1][
        "status_code"
    ] == 2001
