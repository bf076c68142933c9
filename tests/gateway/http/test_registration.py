"""Registration by a real handshake, both ways (OCPI 2.2.1 credentials; ocpi.md §3 rows 11–13, 18)."""

from __future__ import annotations

from typing import Any


async def test_register_when_invited_then_token_c_works(join: Any) -> None:
    cpo = await join("CPO", "DE-AAA")
    status, body = await cpo.call("GET", "/credentials")
    assert (status, body["status_code"]) == (200, 1000)
    assert body["data"]["roles"] == [
        {
            "role": "HUB",
            "business_details": {"name": "NetworkCore"},
            "party_id": "NCO",
            "country_code": "NL",
        }
    ]
    assert body["data"]["token"] == cpo.token


async def test_location_put_then_list_when_registered(join: Any, make: Any) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    status, body = await cpo.call(
        "PUT", "/receiver/locations/DE/AAA/LOC1", make.location(cpo.party)
    )
    assert (status, body["status_code"]) == (201, 1000), body
    status, body, headers = await emsp.call_all("GET", "/sender/locations")
    assert status == 200, body
    assert [x["id"] for x in body["data"]] == ["LOC1"]
    assert headers["X-Total-Count"] == "1"
    _, path, heard, pushed = await emsp.hears("PUT", "/receiver/locations")
    assert path == "/receiver/locations/DE/AAA/LOC1"
    assert pushed == make.location(cpo.party)
    assert (heard["OCPI-from-country-code"], heard["OCPI-from-party-id"]) == ("NL", "NCO")
    assert (heard["OCPI-to-country-code"], heard["OCPI-to-party-id"]) == ("NL", "BBB")
