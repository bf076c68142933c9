"""Answering on real stores, with issuers that answer, refuse, break and hang."""

from __future__ import annotations

import asyncio
import time

import pytest

from gateway.hub.authorise import AuthoriseRequest, Place
from ocpi.model.party import parse_party

CPO, EMSP, OTHER = "DE-CPO", "NL-MSP", "FR-MSQ"


def ask(uid: str, **fields) -> AuthoriseRequest:
    return AuthoriseRequest(
        **{"uid": uid, "type": "RFID", "requester": parse_party(CPO), "version": "2.2.1"} | fields
    )


@pytest.fixture
async def issuer(issuers, world):
    server, url = await issuers()
    await world.platform(CPO, "CPO", token="cpo-token")
    server.platform_id = await world.platform(EMSP, "EMSP", token="msp-token", url=url)
    return server


async def authorise(node, uid: str, **fields):
    return await node.authoriser.authorise(ask(uid, **fields))


@pytest.mark.parametrize("whitelist", ["ALWAYS", "ALLOWED"])
async def test_authorise_when_whitelisted_then_allowed_without_asking(
    node, world, issuer, whitelist
) -> None:
    await world.token(EMSP, "Abc1", whitelist=whitelist)
    result = await authorise(node, "aBC1", place=Place("L1", ("E1",)))
    assert result.decision.is_allowed
    assert result.reference and len(result.reference) <= 36
    assert result.issuer == parse_party(EMSP)
    assert issuer.asked == []


async def test_authorise_when_the_whitelist_says_never_then_the_issuer_decides(
    node, world, issuer
) -> None:
    await world.token(EMSP, "Abc1", whitelist="NEVER")
    issuer.answer = {"allowed": "NO_CREDIT", "info": {"language": "en", "text": "top up"}}
    result = await authorise(node, "ABC1", place=Place("L1"), correlation_id="c-1")
    assert result.decision.allowed == "NO_CREDIT"
    request = issuer.asked[0]
    assert request.path == "/tokens/Abc1/authorize"  # its own spelling
    assert request.query["type"] == request.query["token_type"] == "RFID"
    assert issuer.bodies[0] == b'{"location_id":"L1","evse_uids":[]}'
    assert request.headers["X-Correlation-ID"] == "c-1"
    assert request.headers["OCPI-from-party-id"] == "CPO"
    assert request.headers["OCPI-to-party-id"] == "MSP"


@pytest.mark.parametrize(("whitelist", "allowed"), [("ALLOWED_OFFLINE", True), ("NEVER", False)])
async def test_authorise_when_the_issuer_hangs_then_the_deadline_holds_and_its_whitelist_decides(
    node, world, issuer, whitelist, allowed
) -> None:
    await world.token(EMSP, "T1", whitelist=whitelist)
    await world.db.execute(
        'UPDATE platform SET quirks = \'{"authorise":{"deadline_s":0.3}}\' WHERE platform_id = $1',
        issuer.platform_id,
    )
    issuer.delay_s = 30
    started = time.monotonic()
    result = await authorise(node, "T1")
    assert time.monotonic() - started < 2.5
    assert result.decision.is_allowed == allowed
    if not allowed:
        assert result.decision.ocpi_status == 4002
        assert result.reference is None


@pytest.mark.parametrize(
    "raw",
    [
        b"<html>",
        b"{}",
        b'{"status_code":1000,"data":[]}',
        b'{"status_code":1000,"data":{"allowed":7}}',
        b'{"status_code":3000}',
        b"",
        b"\x00" * 9,
    ],
)
async def test_authorise_when_the_issuer_talks_nonsense_then_offline_is_its_own_choice(
    node, world, issuer, raw
) -> None:
    await world.token(EMSP, "OFF", whitelist="ALLOWED_OFFLINE")
    await world.token(EMSP, "NEV", whitelist="NEVER")
    issuer.raw = raw
    assert (await authorise(node, "OFF")).decision.reason == "issuer-silent-offline-allowed"
    refused = await authorise(node, "NEV")
    assert (refused.decision.is_allowed, refused.decision.ocpi_status) == (False, 4000)


async def test_authorise_when_the_issuer_is_offline_then_it_is_not_called(
    node, world, issuer
) -> None:
    await world.token(EMSP, "OFF", whitelist="ALLOWED_OFFLINE")
    await world.token(EMSP, "NEV", whitelist="NEVER")
    await world.db.execute(
        "UPDATE platform SET connection = 'OFFLINE' WHERE platform_id = $1", issuer.platform_id
    )
    assert (await authorise(node, "OFF")).decision.reason == "issuer-offline-allowed"
    assert (await authorise(node, "NEV")).decision.ocpi_status == 4003
    assert issuer.asked == []


async def test_authorise_when_forty_are_asked_and_five_hang_then_the_first_allowed_wins(
    node, world, issuers
) -> None:
    await world.platform(CPO, "CPO", token="cpo-token")
    servers = []
    for number in range(40):
        server, url = await issuers()
        server.code, server.status = 2004, 404
        if number < 5:
            server.delay_s = 30
        await world.platform(f"NL-{number:03d}", "EMSP", token=f"t{number}", url=url)
        servers.append(server)
    knows = servers[20]
    knows.code, knows.status, knows.delay_s = 1000, 200, 0.15
    knows.answer = {"allowed": "ALLOWED", "authorization_reference": "theirs"}
    started = time.monotonic()
    result = await authorise(node, "NOBODY-PUBLISHED-ME")
    assert time.monotonic() - started < 1.5
    assert result.decision.is_allowed
    assert (str(result.issuer), result.reference) == ("NL-020", "theirs")
    assert all(len(server.asked) == 1 for server in servers)
    assert node.authoriser.cut_off == 5


async def test_authorise_when_nobody_knows_the_token_then_404_and_2004(node, world, issuer) -> None:
    issuer.code, issuer.status = 2004, 404
    result = await authorise(node, "NOSUCH")
    assert (result.decision.ocpi_status, result.decision.http_status) == (2004, 404)


async def test_authorise_when_an_unknown_token_is_blocked_at_its_issuer_then_that_is_said(
    node, world, issuer
) -> None:
    issuer.answer = {"allowed": "BLOCKED"}
    assert (await authorise(node, "STOLEN")).decision.allowed == "BLOCKED"


async def test_authorise_when_a_receiver_is_named_then_only_its_tokens_count(
    node, world, issuer, issuers
) -> None:
    other, url = await issuers()
    await world.platform(OTHER, "EMSP", token="other", url=url)
    await world.token(EMSP, "SAME", whitelist="ALWAYS")
    await world.token(OTHER, "SAME", valid=False)
    assert (await authorise(node, "SAME")).issuer == parse_party(EMSP)
    refused = await authorise(node, "SAME", to=parse_party(OTHER))
    assert refused.decision.reason == "token-invalid"
    other.answer = {"allowed": "ALLOWED"}
    assert (await authorise(node, "ELSE", to=parse_party(OTHER))).decision.is_allowed
    assert issuer.asked == []
    nobody = await authorise(node, "SAME", to=parse_party("XX-YYY"))
    assert nobody.decision.ocpi_status == 4001


async def test_authorise_when_the_relation_is_closed_then_neither_side_is_told_anything(
    node, world, issuer
) -> None:
    await world.token(EMSP, "T1")
    assert (await authorise(node, "T1")).decision.is_allowed
    await world.relation(EMSP, CPO, allowed=False)
    await node.hub.network_changed()
    refused = await authorise(node, "T1")
    assert (refused.decision.reason, refused.decision.discloses) == ("no-relation", False)
    issuer.answer = {"allowed": "ALLOWED"}
    assert (await authorise(node, "UNKNOWN")).decision.ocpi_status == 2004
    assert issuer.asked == []


async def test_authorise_when_the_location_must_be_known_then_it_is_looked_up(
    node, world, issuer
) -> None:
    await world.token(EMSP, "T1")
    policy = '{"authorise":{"location_required":true,"location_known":true}}'
    await world.db.execute(
        "UPDATE platform SET quirks = $2 WHERE platform_id = $1", issuer.platform_id, policy
    )
    await world.db.execute(
        "INSERT INTO location (country_code, party_id, id_key, version, body, body_hash, last_updated)"
        " VALUES ('DE', 'CPO', 'L1', '2.2.1', $1, '', now())",
        b'{"country_code":"DE","party_id":"CPO","id":"l1","publish":false,"address":"a","city":"c",'
        b'"country":"DEU","coordinates":{"latitude":"50.1","longitude":"8.1"},"time_zone":"Europe/Berlin",'
        b'"evses":[{"uid":"e1","status":"CHARGING","connectors":[],"last_updated":"2026-01-01T00:00:00Z"}],'
        b'"last_updated":"2026-01-01T00:00:00Z"}',
    )
    assert (await authorise(node, "T1")).decision.ocpi_status == 2002
    assert (await authorise(node, "T1", place=Place("nowhere"))).decision.ocpi_status == 2003
    assert (await authorise(node, "T1", place=Place("L1", ("E2",)))).decision.ocpi_status == 2003
    # unpublished, occupied: no reason to refuse (ocpi.md §3 row 19)
    assert (await authorise(node, "T1", place=Place("L1", ("E1",)))).decision.is_allowed


async def test_authorise_when_the_hub_blocks_a_token_then_it_is_blocked_at_once(
    node, world, issuer
) -> None:
    await world.token(EMSP, "T1")
    assert (await authorise(node, "T1")).decision.is_allowed
    await node.authoriser.block(parse_party(EMSP), "t1", "RFID", "reported stolen")
    assert (await authorise(node, "T1")).decision.reason == "token-blocked"
    await node.authoriser.unblock(parse_party(EMSP), "t1", "RFID")
    assert (await authorise(node, "T1")).decision.is_allowed


async def test_authorise_when_an_emaid_is_unknown_then_the_owner_of_its_prefix_is_asked(
    node, world, issuer, issuers
) -> None:
    other, url = await issuers()
    await world.platform(OTHER, "EMSP", token="other", url=url)
    await world.prefix("DE8AA", EMSP)
    issuer.answer = {"allowed": "ALLOWED"}
    result = await authorise(node, "DE-8AA-C12345678-4", type="EMAID")
    assert result.decision.is_allowed
    assert issuer.asked[0].query["type"] == "OTHER"  # 2.2.1 knows no EMAID
    assert other.asked == []


async def test_authorise_when_a_foreign_party_publishes_a_contract_of_another_then_it_counts_for_nothing(
    node, world, issuer
) -> None:
    await world.platform(OTHER, "EMSP", token="other")
    await world.prefix("DE8AA", EMSP)
    await world.token(OTHER, "EVIL", type="OTHER", contract_id="DE8AAC12345678X")
    issuer.code, issuer.status = 2004, 404
    result = await authorise(node, "DE8AAC12345678", type="EMAID")
    assert not result.decision.is_allowed
    await world.token(EMSP, "GOOD", type="APP_USER", contract_id="DE-8AA-C12345678-4")
    await node.keeper.token_changed("GOOD", "APP_USER")
    assert (await authorise(node, "de8aac12345678", type="EMAID")).token.uid == "GOOD"


async def test_authorise_when_many_ask_for_the_same_unread_token_then_it_is_read_once(
    node, world, issuer, monkeypatch
) -> None:
    await world.token(EMSP, "T1")
    await node.keeper.standings()
    reads = 0
    fetch = node.hub.db.fetch

    async def counted(sql, *args, **options):
        nonlocal reads
        reads += "token_block" in sql
        return await fetch(sql, *args, **options)

    monkeypatch.setattr(node.hub.db, "fetch", counted)
    results = await asyncio.gather(*(authorise(node, "T1") for _ in range(50)))
    assert all(r.decision.is_allowed for r in results)
    assert len({r.reference for r in results}) == 50
    assert reads == 1


async def test_authorise_when_answered_then_each_answer_is_in_the_table(
    node, world, issuer
) -> None:
    await world.token(EMSP, "T1")
    kept = [await authorise(node, "T1", place=Place("L1")) for _ in range(3)]
    issuer.code, issuer.status = 2004, 404
    await authorise(node, "NOSUCH")
    assert node.log.waiting == 4
    await node.log.flush()
    rows = await world.db.fetch("SELECT * FROM authorisation ORDER BY at")
    assert [r["authorization_reference"] for r in rows[:3]] == [k.reference for k in kept]
    assert {r["reason"] for r in rows} == {"whitelist-always", "token-unknown"}
    assert (rows[0]["token_party"], rows[0]["cpo_party"], rows[0]["location_key"]) == (
        "MSP",
        "CPO",
        "L1",
    )
