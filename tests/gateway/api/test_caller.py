"""Who may call what: bearer tokens of partners and of administrators, and no other tokens."""

from __future__ import annotations

import base64
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict

from gateway.hub import partner
from gateway.sim import profile as who
from ocpi.model.party import PartyId

NEAR = "/locations?latitude=0&longitude=0"
INVITE = {"role": "CPO", "country_code": "SE", "party_id": "NEW", "name": "Ny Laddning AB"}
PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Token {0}", "Basic {0}", "{0}", "Bearer {0}x", "Bearer {0},{0}", "Bearer x" + "y" * 300,
     "bearer\t{0}", "Bearer \u00fc"],
)  # fmt: skip
async def test_caller_when_unknown_then_401_problem(hub, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.format(hub.token)}
    for method, path in (("GET", NEAR), ("POST", "/sessions"), ("POST", "/admin/partners"), ("GET", "/sessions/x/events")):  # fmt: skip
        answer = await hub.call(method, path, token="", headers=headers)
        assert answer.status == 401, (path, answer.body)
        assert answer.headers["Content-Type"] == PROBLEM
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.body["field"] == "Authorization"


async def test_caller_when_two_headers_then_401(hub) -> None:
    twice = CIMultiDict([("Authorization", f"Bearer {hub.token}")] * 2)
    async with hub.session.get(f"{hub.url}/api/v1{NEAR}", headers=twice) as answer:
        assert answer.status == 401
    async with hub.session.get(
        f"{hub.url}/api/v1{NEAR}", headers={"Authorization": f"bEARER  {hub.token} "}
    ) as answer:
        assert answer.status == 200


async def test_caller_when_suspended_then_403_until_resumed(hub) -> None:
    party = PartyId("FR", "BLZ")
    await partner.suspend(hub.hub, party)
    answer = await hub.call("GET", NEAR)
    assert (answer.status, answer.body["title"]) == (403, "suspended")
    assert answer.headers["Content-Type"] == PROBLEM
    await partner.resume(hub.hub, party)
    assert (await hub.call("GET", NEAR)).status == 200


async def test_token_when_issued_again_then_the_old_one_is_void_at_once(hub) -> None:
    new = await hub.admit(who.BLEUZEN)
    assert (await hub.call("GET", NEAR)).status == 401
    assert (await hub.call("GET", NEAR, token=new)).status == 200


async def test_tokens_when_used_on_the_other_side_then_they_open_nothing(living) -> None:
    ocpi_token = living.cpo.token_at_hub
    assert (await living.call("GET", NEAR, token=ocpi_token)).status == 401
    assert (await living.call("GET", NEAR, token=living.settings.admin_token)).status == 401
    assert (await living.call("POST", "/admin/partners", INVITE)).status == 401
    assert (await living.call("POST", "/admin/partners", INVITE, token=ocpi_token)).status == 401
    for token in (living.token, living.settings.admin_token):
        for text in (token, base64.b64encode(token.encode()).decode()):
            for path in ("/versions", "/2.2.1/sender/locations", "/2.2.1/credentials"):
                headers = {"Authorization": f"Token {text}"}
                answer = await living.call("GET", path, token="", headers=headers, root="/ocpi")
                assert answer.status == 401, path
    assert await living.db.fetchval("SELECT count(*) FROM party WHERE country_code = 'SE'") == 0


async def test_admin_when_it_invites_then_the_token_works_and_stands_in_no_log(hub) -> None:
    admin = hub.settings.admin_token
    invited = await hub.call("POST", "/admin/partners", INVITE | {"more": 1}, token=admin)
    assert invited.status == 201
    assert invited.body["versions_url"] == f"{hub.url}/ocpi/versions"
    auth = "Token " + base64.b64encode(invited.body["token_a"].encode()).decode()
    answer = await hub.call("GET", "/versions", token="", headers={"Authorization": auth}, root="/ocpi")  # fmt: skip
    assert answer.status == 200
    address = {"street": "Gata 1", "city": "Malmö"}
    wallet = INVITE | {"kind": "api", "role": "EMSP", "party_id": "WAL", "address": address}
    api = await hub.call("POST", "/admin/partners", wallet, token=admin)
    assert (await hub.call("GET", NEAR, token=api.body["api_token"])).status == 200
    kept = await hub.db.fetchval("SELECT address FROM party WHERE party_id = 'WAL'")
    assert '"Malmö"' in kept
    assert '"SE"' in kept
    await hub.assembly.exchanges.flush()
    rows = await hub.db.fetch("SELECT * FROM exchange WHERE path LIKE '%admin%'")
    assert len(rows) == 2
    assert all(row["request"] is None and row["response"] is None for row in rows)


async def test_admin_when_the_invitation_is_wrong_then_the_field_is_named(living) -> None:
    admin = living.settings.admin_token
    wrong: list[tuple[dict[str, Any], int, str]] = [
        ({"role": "HUB"}, 422, "role"), ({"role": "CPO", "kind": "api"}, 422, "role"), ({"name": "  "}, 422, "name"),
        ({"name": "x" * 101}, 422, "name"), ({"currency": "EUR\n"}, 422, "currency"), ({"currency": "euro"}, 422, "currency"),
        ({"address": {"street": 7}}, 422, "address.street"), ({"address": {"country": "DEU"}}, 422, "address.country"),
        ({"address": {"street": "a\u0000b"}}, 422, "address.street"), ({"vat_id": "x" * 33}, 422, "vat_id"),
        ({"country_code": "NL", "party_id": "NCO"}, 409, "party_id"),
        ({"country_code": "NL", "party_id": "NCO", "kind": "api", "role": "EMSP"}, 409, "party_id"),
        ({"country_code": "DE", "party_id": "RHE"}, 409, "party_id"),
        ({"country_code": "DE", "party_id": "RHE", "kind": "api", "role": "EMSP"}, 409, "party_id"),
        ({"language": "EN"}, 422, "language"), ({"party_id": "ABCD"}, 422, "party_id"), ({"country_code": "ß"}, 422, "country_code"),
    ]  # fmt: skip
    before = await living.db.fetchval("SELECT count(*) FROM party")
    for change, status, field in wrong:
        answer = await living.call("POST", "/admin/partners", INVITE | change, token=admin)
        assert (answer.status, answer.body["field"]) == (status, field), (change, answer.body)
    assert await living.db.fetchval("SELECT count(*) FROM party") == before


async def test_token_when_put_then_the_card_is_known_and_a_wrong_one_is_refused(living) -> None:
    card = {"contract_id": "FR-BLZ-C00000001", "type": "RFID", "whitelist": "ALLOWED"}
    put = await living.call("PUT", "/tokens/04AABBCC", card | {"more": {}})
    assert put.status == 200
    assert put.body["party_id"] == "BLZ"
    station = living.cpo.stations[0]
    assert (await living.cpo.authorise("04AABBCC", station)).data["allowed"] == "ALLOWED"
    await living.call("PUT", "/tokens/04AABBCC", card | {"valid": False})
    assert (await living.cpo.authorise("04AABBCC", station)).data["allowed"] == "BLOCKED"
    wrong = (
        ("/tokens/" + "A" * 37, card, 422, "uid"), ("/tokens/" + "A" * 65, card, 404, "uid"), ("/tokens/%00", card, 404, "uid"),
        ("/tokens/%C3%9F", card, 422, "uid"), ("/tokens/X", {}, 422, "contract_id"), ("/tokens/X", card | {"type": "NFC"}, 422, "type"),
        ("/tokens/X", card | {"valid": "yes"}, 422, "valid"), ("/tokens/X", card | {"whitelist": "NEVER"}, 422, "whitelist"),
        ("/tokens/X", card | {"visual_number": "x" * 65}, 422, "visual_number"),
    )  # fmt: skip
    for path, body, status, field in wrong:
        answer = await living.call("PUT", path, body)
        assert (answer.status, answer.body["field"]) == (status, field), (path, answer.body)
    assert await living.db.fetchval("SELECT count(*) FROM token") == 1


async def test_path_when_there_is_none_or_the_method_is_wrong_then_a_problem_says_so(hub) -> None:
    for root, path in (("/api", "/v1/nothing"), ("/api", "/v2/locations"), ("/api", "/v1/sessions/"), ("/api", "/")):  # fmt: skip
        answer = await hub.call("GET", path, root=root)
        assert (answer.status, answer.headers["Content-Type"]) == (404, PROBLEM), path
    wrong = await hub.call("DELETE", "/sessions/abc")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET")
    assert (await hub.call("GET", "/sessions")).headers["Allow"] == "POST"


async def test_call_when_the_store_is_away_then_503_problem_and_the_description_still_there(
    living,
) -> None:
    at = {"country_code": "DE", "party_id": "RHE", "location_id": "KOELN-DOM", "evse_uid": "KOELN-DOM-1"}  # fmt: skip
    await living.db.close()
    for method, path, body in (
        ("GET", NEAR, None), ("POST", "/sessions", at | {"contract_id": "C"}), ("GET", "/sessions/x/events", None),
        ("POST", "/quotes", at | {"energy_kwh": "1"}),
    ):  # fmt: skip
        answer = await living.call(method, path, body)
        assert (answer.status, answer.headers["Content-Type"]) == (503, PROBLEM), path
        assert answer.headers["Retry-After"]
    assert (await living.call("GET", "/openapi.json", root="/api")).status == 200
    assert not living.cpo.charges


async def test_console_when_it_shows_a_call_then_with_its_bodies_and_without_the_token(
    living,
) -> None:
    body = {"contract_id": "FR-BLZ-C1", "visual_number": "a-number-to-find"}
    await living.call("PUT", "/tokens/CARD", body)
    await living.assembly.exchanges.flush()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as visitor:
        form = {"token": living.settings.admin_token}
        async with visitor.post(f"{living.url}/console/login", data=form) as answer:
            assert answer.status == 200
        async with visitor.get(f"{living.url}/console/exchanges?module=api&party=FR-BLZ") as answer:
            listing = await answer.text()
        number = await living.db.fetchval("SELECT max(exchange_id) FROM exchange WHERE module = 'api'")  # fmt: skip
        async with visitor.get(f"{living.url}/console/exchanges/{number}") as answer:
            page = await answer.text()
    assert "/api/v1/tokens/CARD" in listing
    assert "a-number-to-find" in page
    assert living.token not in page
