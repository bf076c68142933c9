"""Registration by a real handshake, both ways (OCPI 2.2.1 credentials; ocpi.md §3 rows 11-13, 18)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from gateway.hub import partner as administration
from gateway.hub.partner import PartnerError
from ocpi.errors import OcpiError
from ocpi.model.party import parse_party


async def test_register_when_invited_then_token_c_works(join: Any) -> None:
    cpo = await join("CPO", "DE-AAA")
    status, body = await cpo.call("GET", "/credentials")
    assert (status, body["status_code"]) == (200, 1000)
    role = {"role": "HUB", "business_details": {"name": "NetworkCore"}}
    assert body["data"]["roles"] == [role | {"party_id": "NCO", "country_code": "NL"}]
    assert body["data"]["token"] == cpo.token


async def test_versions_and_details_when_invited_then_every_endpoint_is_absolute(join: Any) -> None:
    cpo = await join("CPO", "DE-AAA")
    _, body = await cpo.call("GET", "/versions", root=f"{cpo.world.url}/ocpi")
    assert [v["version"] for v in body["data"]] == ["2.2.1"]
    _, body = await cpo.call("GET", body["data"][0]["url"])
    modules = {(e["identifier"], e["role"]) for e in body["data"]["endpoints"]}
    assert {
        ("locations", "SENDER"),
        ("locations", "RECEIVER"),
        ("hubclientinfo", "SENDER"),
    } <= modules
    assert all(e["url"].startswith(cpo.world.url) for e in body["data"]["endpoints"])


async def test_token_a_when_used_on_a_module_then_401(join: Any) -> None:
    cpo = await join("CPO", "DE-AAA", register=False)
    cpo.token = (await cpo.world.invite("DE-AAA")).token_a
    assert (await cpo.call("GET", "/sender/locations"))[0] == 401
    assert (await cpo.call("GET", "/sender/locations?x=versions&credentials"))[0] == 401
    assert (await cpo.call("GET", "/versions", root=f"{cpo.world.url}/ocpi"))[0] == 200


async def test_put_and_delete_when_not_registered_then_405_and_post_when_registered_then_405(
    join: Any,
) -> None:
    cpo = await join("CPO", "DE-AAA", register=False)
    cpo.token = (await cpo.world.invite("DE-AAA")).token_a
    assert (await cpo.call("PUT", "/credentials", cpo.credentials()))[0] == 405
    assert (await cpo.call("DELETE", "/credentials"))[0] == 405
    assert (await cpo.register())[0] == 200
    assert (await cpo.call("POST", "/credentials", cpo.credentials()))[0] == 405


async def test_token_a_when_used_twice_then_401(join: Any) -> None:
    cpo = await join("CPO", "DE-AAA", register=False)
    invitation = await cpo.world.invite("DE-AAA")
    cpo.token = invitation.token_a
    both = await asyncio.gather(
        *(cpo.call("POST", "/credentials", cpo.credentials()) for _ in range(2))
    )
    first, second = sorted(status for status, _ in both)
    assert first == 200
    assert second in {401, 405}
    again = await cpo.call("POST", "/credentials", cpo.credentials(), token=invitation.token_a)
    assert again[0] == 401


async def test_token_a_when_a_week_old_then_401(join: Any, database: Any) -> None:
    cpo = await join("CPO", "DE-AAA", register=False)
    cpo.token = (await cpo.world.invite("DE-AAA")).token_a
    await database.execute(
        "UPDATE credential SET expires_at = expires_at - $1::interval", timedelta(days=8)
    )
    await cpo.world.hub.directory.reload()
    assert (await cpo.call("POST", "/credentials", cpo.credentials()))[0] == 401


async def test_foreign_role_when_registering_or_updating_then_2001_and_nothing_changes(
    join: Any, database: Any
) -> None:
    victim = await join("CPO", "DE-AAA")
    thief = await join("CPO", "NL-BAD")
    everything = (
        "SELECT (SELECT jsonb_agg(p) FROM party p), (SELECT jsonb_agg(c) FROM credential c)"
    )
    before = tuple(await database.fetchrow(everything))
    stolen = thief.credentials()
    stolen["roles"].append(victim.credentials()["roles"][0])
    status, body = await thief.call("PUT", "/credentials", stolen)
    assert (status, body["status_code"]) == (200, 2001)
    assert "roles[1]" in body["status_message"]
    assert tuple(await database.fetchrow(everything)) == before
    assert (await thief.call("GET", "/credentials"))[0] == 200


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("dead", 3001),
        ("html", 3001),
        ("other version", 3002),
        ("no credentials", 3003),
        ("useless", 3003),
    ],
)
async def test_post_when_the_partners_api_is_unusable_then_3001_to_3003(
    join: Any, what: str, code: int
) -> None:
    cpo = await join("CPO", "DE-AAA", register=False)
    sent = cpo.credentials()
    if what == "dead":
        sent["url"] = "http://127.0.0.1:1/versions"
    elif what == "html":
        sent["url"] = f"{cpo.url}/nothing"
        cpo.answers["GET", "/nothing"] = _html
    elif what == "other version":
        cpo.version = "2.1.1"
    elif what == "no credentials":
        cpo.modules = lambda: [("locations", "SENDER")]
    else:
        cpo.modules = lambda: [("credentials", "SENDER"), ("locations", "RECEIVER")]
    cpo.token = (await cpo.world.invite("DE-AAA")).token_a
    status, body = await cpo.call("POST", "/credentials", sent)
    assert (status, body["status_code"]) == (200, code), body
    assert "data" not in body
    assert (await cpo.call("GET", "/credentials"))[0] == 200, "the invitation is not used up"


async def _html(request: web.Request, body: Any) -> web.Response:
    return web.Response(text="<html>secret of the intranet</html>", content_type="text/html")


async def test_put_when_registered_then_new_token_and_the_old_one_dies(join: Any) -> None:
    cpo = await join("CPO", "DE-AAA")
    old = cpo.token
    cpo.own_token = "renewed-token"
    status, body = await cpo.call("PUT", "/credentials", cpo.credentials())
    assert (status, body["status_code"]) == (200, 1000)
    cpo.token = body["data"]["token"]
    assert cpo.token != old
    assert (await cpo.call("GET", "/credentials", token=old))[0] == 401
    assert (await cpo.call("GET", "/sender/tokens"))[0] == 200


async def test_delete_when_registered_then_401_and_invited_again_it_registers(join: Any) -> None:
    cpo = await join("CPO", "DE-AAA")
    assert (await cpo.call("DELETE", "/credentials"))[0] == 200
    assert (await cpo.call("GET", "/credentials"))[0] == 401
    assert (await cpo.register())[0] == 200


async def test_tokens_at_rest_are_hashed_and_sealed(join: Any, database: Any) -> None:
    cpo = await join("CPO", "DE-AAA")
    dump = "".join(str(tuple(r)) for r in await database.fetch("SELECT * FROM credential"))
    log = "".join(str(tuple(r)) for r in await database.fetch("SELECT * FROM exchange"))
    for secret in (cpo.token, cpo.own_token):
        assert secret not in dump
        assert secret not in log


async def test_register_when_the_hub_is_the_initiator_then_both_tokens_work(join: Any) -> None:
    cpo = await join("CPO", "DE-AAA", register=False)
    token_a, cpo.own_token = cpo.own_token, cpo.own_token

    async def accept(request: web.Request, body: Any) -> web.Response:
        cpo.token = body["token"]
        status, versions = await cpo.call("GET", body["url"])
        assert status == 200, versions
        cpo.own_token = "token-c-of-the-cpo"
        return cpo.envelope(cpo.credentials())

    cpo.answers["POST", "/sender/credentials"] = accept
    parties = await administration.register(cpo.world.hub, f"{cpo.url}/versions", token_a)
    assert parties == (cpo.party,)
    assert (await cpo.call("GET", "/sender/tokens"))[0] == 200


async def test_register_when_the_partner_names_a_registered_party_then_refused(join: Any) -> None:
    await join("CPO", "DE-AAA")
    thief = await join("CPO", "DE-AAA", register=False)

    async def accept(request: web.Request, body: Any) -> web.Response:
        thief.token = body["token"]
        return thief.envelope(thief.credentials())

    thief.answers["POST", "/sender/credentials"] = accept
    with pytest.raises(PartnerError):
        await administration.register(thief.world.hub, f"{thief.url}/versions", thief.own_token)
    assert (await thief.call("GET", "/sender/tokens"))[0] == 401


async def test_rotate_when_the_hub_asks_then_both_tokens_are_new(join: Any) -> None:
    cpo = await join("CPO", "DE-AAA")
    old = cpo.token

    async def accept(request: web.Request, body: Any) -> web.Response:
        cpo.token, cpo.own_token = body["token"], "own-token-after-rotation"
        return cpo.envelope(cpo.credentials())

    cpo.answers["PUT", "/receiver/credentials"] = accept
    await administration.rotate(cpo.world.hub, cpo.party)
    assert cpo.token != old
    assert (await cpo.call("GET", "/sender/tokens"))[0] == 200
    assert (await cpo.call("GET", "/sender/tokens", token=old))[0] == 401


async def test_suspend_when_registered_then_only_credentials_and_resume_opens_again(
    join: Any,
) -> None:
    cpo = await join("CPO", "DE-AAA")
    hub = cpo.world.hub
    await administration.suspend(hub, cpo.party)
    assert (await cpo.call("GET", "/sender/tokens"))[0] == 401
    assert (await cpo.call("GET", "/credentials"))[0] == 200
    _, body = await cpo.call("PUT", "/credentials", cpo.credentials())
    cpo.token = body["data"]["token"]
    assert (await cpo.call("GET", "/sender/tokens"))[0] == 401, (
        "an update does not end a suspension"
    )
    await administration.resume(hub, cpo.party)
    assert (await cpo.call("GET", "/sender/tokens"))[0] == 200


async def test_authorization_when_raw_base64_or_with_newline_then_recognised(join: Any) -> None:
    import base64

    cpo = await join("CPO", "DE-AAA")
    for text in (cpo.token, cpo.token + "\n"):
        value = "Token " + base64.b64encode(text.encode()).decode()
        assert (await cpo.call("GET", "/sender/tokens", headers={"Authorization": value}))[0] == 200
    assert (
        await cpo.call("GET", "/sender/tokens", headers={"Authorization": f"Token {cpo.token}"})
    )[0] == 200


async def test_invite_when_registered_then_refused(join: Any) -> None:
    cpo = await join("CPO", "DE-AAA")
    with pytest.raises(PartnerError):
        await cpo.world.invite("DE-AAA")
    with pytest.raises((PartnerError, OcpiError)):
        await administration.suspend(cpo.world.hub, parse_party("ZZ-ZZZ"))


async def test_credentials_when_two_processes_then_new_works_and_old_is_refused_on_both(
    join: Any, settings: Any
) -> None:
    from .conftest import Started

    other = Started(settings)
    beside = await other.start()
    try:
        root = f"{beside.url}/ocpi/2.2.1"
        cpo = await join("CPO", "DE-AAA")
        assert (await cpo.call("GET", "/sender/tokens", root=root))[0] == 200
        old = cpo.token
        cpo.token = (await cpo.call("PUT", "/credentials", cpo.credentials()))[1]["data"]["token"]
        assert (await cpo.call("GET", "/sender/tokens", root=root))[0] == 200
        assert (await cpo.call("GET", "/sender/tokens", root=root, token=old))[0] == 401
        await administration.suspend(cpo.world.hub, cpo.party)
        await asyncio.sleep(0.1)
        assert (await cpo.call("GET", "/sender/tokens", root=root))[0] == 401
    finally:
        await other.stop()


async def test_party_commands_when_run_beside_a_gateway_then_they_do_what_they_say(
    join: Any, settings: Any, tmp_path: Any
) -> None:
    """The command line over the same stores, and a partner that calls the gateway back."""
    import json
    import os
    import sys

    cpo = await join("CPO", "DE-AAA", register=False)
    own = {
        "NETWORKCORE_DATA_DIR": str(settings.data_dir), "NETWORKCORE_DATABASE_URL": settings.database_url,
        "NETWORKCORE_REDIS_URL": settings.redis_url, "NETWORKCORE_PUBLIC_URL": cpo.world.url,
        "NETWORKCORE_ALLOW_PRIVATE_PEERS": "true",
    }  # fmt: skip

    async def run(*words: str) -> tuple[int, str, str]:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "party", *words, env=os.environ | own, cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await child.communicate()
        return child.returncode or 0, out.decode(), err.decode()

    names = ("--country", "NL", "--party", "BBB", "--name", "Bee B.V.")
    code, out, err = await run("invite", "--role", "EMSP", *names, "--json")
    assert code == 0, err
    said = json.loads(out)
    assert (said["versions_url"], said["role"]) == (f"{cpo.world.url}/ocpi/versions", "EMSP")
    assert (await cpo.call("GET", said["versions_url"], token=said["token_a"]))[0] == 200

    async def accept(request: web.Request, body: Any) -> web.Response:
        cpo.token = body["token"]
        assert (await cpo.call("GET", body["url"]))[0] == 200
        return cpo.envelope(cpo.credentials())

    cpo.answers["POST", "/sender/credentials"] = accept
    address = ("--versions-url", f"{cpo.url}/versions", "--token-a", cpo.own_token)
    code, out, err = await run("register", *address, "--json")
    assert code == 0, err
    assert [(p["party_id"], p["state"]) for p in json.loads(out)] == [("AAA", "REGISTERED")]
    assert (await cpo.call("GET", "/sender/tokens"))[0] == 200
    code, out, _ = await run("list", "--json")
    assert [(p["party_id"], p["connection"]) for p in json.loads(out)] == [
        ("AAA", "CONNECTED"),
        ("BBB", "PLANNED"),
    ]
    assert (await run("suspend", "DE-AAA"))[0] == 0
    await asyncio.sleep(0.1)
    assert (await cpo.call("GET", "/sender/tokens"))[0] == 401
