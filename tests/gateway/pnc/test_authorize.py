"""POST /pnc/v1/authorize over HTTP, on real stores, with a test PKI of our own."""

from __future__ import annotations

import base64
import hashlib
import socket
import time
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web

from gateway.http import pnc as room
from gateway.hub import contract as contracts
from gateway.hub import trust as trusts
from gateway.hub.contract import PlugAndCharge
from gateway.hub.trust import Trust
from gateway.store import contract as store
from pnc import authority, certificate, pem

EMAID = "DE-8AA-C12345678-4"
KEY = "DE8AAC12345678"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def pki() -> authority.Pki:
    return authority.make(NOW - timedelta(hours=1))


class Hubs:
    """Gateways that answer Plug & Charge, and one way to ask them."""

    def __init__(self, node, port: int, session: aiohttp.ClientSession, authorization: str) -> None:
        self.node = node
        self.url = f"http://127.0.0.1:{port}/pnc/v1/authorize"
        self.session = session
        self.headers = {"Authorization": authorization}

    async def ask(self, status: int = 200, **body):
        async with self.session.post(
            self.url, json={"emaid": EMAID} | body, headers=self.headers
        ) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json(content_type=None)


@pytest.fixture
async def start(nodes, world, issuers, authorization, pki, database):
    """Starts hubs that trust the PKI, among a CPO and the issuer of the contract."""
    runners, sessions = [], []
    issuer, url = await issuers()
    issuer.answer = {"allowed": "ALLOWED"}
    await world.platform("NL-CPO", "CPO", token="cpo-token")
    await world.platform("DE-MSP", "EMSP", token="msp", url=url)
    await world.prefix("DE8AA", "DE-MSP")

    async def make() -> Hubs:
        node = await nodes()
        app = web.Application()
        room.add(app, PlugAndCharge(node.authoriser, Trust(database, node.keeper)))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        await web.SockSite(runner, listener).start()
        runners.append(runner)
        sessions.append(aiohttp.ClientSession())
        hubs = Hubs(node, listener.getsockname()[1], sessions[-1], authorization("cpo-token"))
        hubs.issuer = issuer
        return hubs

    yield make
    for session in sessions:
        await session.close()
    for runner in runners:
        await runner.cleanup()


async def learn(node, pki, *, revoked: tuple[bytes, ...] = (), at: datetime = NOW) -> None:
    """Anchors and fresh CRLs, as an operator would add them."""

    async def write(conn):
        for name in ("mo-root", "v2g-root"):
            await trusts.add_anchor(
                conn, pki.issued[name].certificate, authority.ANCHORS[name], (), "test"
            )
        for der in pki.crls(at, revoked=revoked).values():
            await trusts.keep_evidence(conn, der, "crl", NOW)

    await contracts.change(node.keeper, node.hub.db, write)


def chain(pki, name="contract") -> str:
    return pem.join(pki.chain(name)).decode()


def hash_data(pki, form: str = "hex", digest: str = "sha256") -> list[dict]:
    leaf, sub = (certificate.parse(der) for der in pki.chain("contract")[:2])
    name = hashlib.new(digest, sub.subject).digest()
    key = hashlib.new(digest, sub.key.bits).digest()
    if form == "hex":
        texts = (name.hex(), key.hex().upper(), format(leaf.serial, "x"))
    else:
        texts = (
            *(base64.urlsafe_b64encode(b).decode().rstrip("=") for b in (name, key)),
            str(leaf.serial),
        )
    return [
        {
            "hash_algorithm": digest.upper(),
            "issuer_name_hash": texts[0],
            "issuer_key_hash": texts[1],
            "serial_number": texts[2],
            "responder_url": "http://127.0.0.1:1/",
        }
    ]


async def test_authorize_when_chain_and_token_are_good_then_one_answer_says_so(
    start, pki, world
) -> None:
    hub = await start()
    await learn(hub.node, pki)
    await world.token("DE-MSP", "UID1", type="OTHER", contract_id=EMAID, whitelist="ALWAYS")
    answer = await hub.ask(
        certificate=chain(pki), location_id="L1", evse_uid="E1", iso15118_version="2"
    )
    assert (answer["allowed"], answer["id_token_status"], answer["certificate_status"]) == (
        "ALLOWED",
        "Accepted",
        "Accepted",
    )
    assert (answer["emaid"], answer["token"]["uid"]) == (KEY, "UID1")
    assert answer["issuer"] == {"country_code": "DE", "party_id": "MSP"}
    assert len(answer["authorization_reference"]) <= 36
    assert {c["result"] for c in answer["checks"]} == {"passed"}
    assert answer["tariff"] is None
    assert hub.issuer.asked == []
    for spelling in ("de8aac12345678", "DE-8AA-C12345678", "DE8AAC123456784"):
        assert (await hub.ask(emaid=spelling, certificate=chain(pki)))["allowed"] == "ALLOWED"


async def test_authorize_when_the_contract_is_unknown_then_its_issuer_is_asked_in_real_time(
    start, pki
) -> None:
    hub = await start()
    await learn(hub.node, pki)
    answer = await hub.ask(certificate=chain(pki))
    assert answer["allowed"] == "ALLOWED"
    assert hub.issuer.asked[0].path == f"/tokens/{EMAID}/authorize"
    for allowed, status, certificate_status in [
        ("BLOCKED", "Blocked", "ContractCancelled"), ("EXPIRED", "Expired", "ContractCancelled"),
        ("NO_CREDIT", "NoCredit", "Accepted"), ("NOT_ALLOWED", "NotAtThisLocation", "Accepted"),
    ]:  # fmt: skip
        hub.issuer.answer = {"allowed": allowed}
        answer = await hub.ask(certificate=chain(pki))
        assert (answer["allowed"], answer["id_token_status"], answer["certificate_status"]) == (
            allowed,
            status,
            certificate_status,
        )
    hub.issuer.code, hub.issuer.status = 2004, 404
    answer = await hub.ask(certificate=chain(pki))
    assert (answer["allowed"], answer["id_token_status"], answer["certificate_status"]) == (
        "NOT_ALLOWED",
        "Unknown",
        "ContractCancelled",
    )


async def test_authorize_when_the_certificate_is_bad_then_it_is_refused_by_name_and_nobody_is_asked(
    start, pki
) -> None:
    hub = await start()
    refused = await hub.ask(certificate=chain(pki))  # no anchor yet
    assert (refused["allowed"], refused["id_token_status"], refused["certificate_status"]) == (
        "NOT_ALLOWED",
        "Invalid",
        "CertChainError",
    )
    await learn(hub.node, pki)
    assert (await hub.ask(certificate=chain(pki)))["allowed"] == "ALLOWED"
    other = await hub.ask(emaid="DE-8AA-C99999999", certificate=chain(pki))
    assert (other["allowed"], other["reason"]) == ("NOT_ALLOWED", "certificate-emaid")
    secc = await hub.ask(certificate=chain(pki, "secc"))
    assert secc["certificate_status"] == "CertChainError"
    flipped = bytearray(pki.chain("contract")[0])
    flipped[-5] ^= 1
    broken = await hub.ask(
        certificate=pem.join([bytes(flipped), *pki.chain("contract")[1:]]).decode()
    )
    assert broken["allowed"] == "NOT_ALLOWED"
    both = await hub.ask(certificate=chain(pki, "secc"), certificate_hash_data=hash_data(pki))
    assert both["allowed"] == "NOT_ALLOWED"  # the chain decides
    old = authority.make(NOW - timedelta(days=3 * 365))
    await learn(hub.node, old)
    expired = await hub.ask(certificate=chain(old))
    assert (expired["allowed"], expired["id_token_status"], expired["certificate_status"]) == (
        "EXPIRED",
        "Expired",
        "CertificateExpired",
    )
    assert len(hub.issuer.asked) == 1


async def test_authorize_when_only_hash_data_comes_then_the_known_certificate_is_judged(
    start, pki
) -> None:
    hub = await start()
    await learn(hub.node, pki)
    unknown = await hub.ask(certificate_hash_data=hash_data(pki))
    assert (unknown["allowed"], unknown["certificate_status"], unknown["id_token_status"]) == (
        "NOT_ALLOWED",
        "CertChainError",
        "Invalid",
    )
    nothing = await hub.ask()
    assert (nothing["allowed"], nothing["certificate_status"]) == (
        "NOT_ALLOWED",
        "NoCertificateAvailable",
    )
    await contracts.change(
        hub.node.keeper,
        hub.node.hub.db,
        lambda conn: contracts.add_contract(conn, pki.chain("contract")),
    )
    for form, digest in (("hex", "sha256"), ("hex", "sha512"), ("josev", "sha256")):
        assert (await hub.ask(certificate_hash_data=hash_data(pki, form, digest)))[
            "allowed"
        ] == "ALLOWED"
    another = await hub.ask(emaid="DE-8AA-C99999999", certificate_hash_data=hash_data(pki))
    assert another["reason"] == "certificate-emaid"
    for junk in ("", "zz", "\u0663", "0" * 200):
        entry = hash_data(pki)[0] | {"serial_number": junk}
        await hub.ask(
            400 if len(junk) > 128 or not junk.isascii() else 200, certificate_hash_data=[entry]
        )


async def test_authorize_when_revoked_or_cancelled_then_refused_on_every_hub_from_that_moment(
    start, pki, database
) -> None:
    left, right = await start(), await start()
    await learn(left.node, pki)
    for hub in (left, right):
        assert (await hub.ask(certificate=chain(pki)))["allowed"] == "ALLOWED"
    leaf, sub = (certificate.parse(der) for der in pki.chain("contract")[:2])
    await contracts.change(
        left.node.keeper, database,
        lambda conn: trusts.revoke(conn, leaf, sub, now=NOW, reason="keyCompromise", source="test"),
    )  # fmt: skip
    acknowledged = time.monotonic()
    for hub in (right, left):
        refused = await hub.ask(certificate=chain(pki))
        assert (refused["allowed"], refused["certificate_status"]) == (
            "BLOCKED",
            "CertificateRevoked",
        )
    assert time.monotonic() - acknowledged < 1.0
    made, presented = authority.issue_contract(pki, "DE-8AA-C00000007", NOW - timedelta(minutes=1))
    assert made.certificate == presented[0]
    text = pem.join(presented).decode()
    await contracts.change(
        left.node.keeper, database, lambda conn: contracts.add_contract(conn, presented)
    )
    assert (await right.ask(emaid="DE-8AA-C00000007", certificate=text))["allowed"] == "ALLOWED"
    await contracts.change(
        left.node.keeper,
        database,
        lambda conn: store.cancel(conn, "DE8AAC00000007"),
        contracts=("DE8AAC00000007",),
    )
    for hub in (right, left):
        refused = await hub.ask(emaid="DE-8AA-C00000007", certificate=text)
        assert (refused["allowed"], refused["certificate_status"]) == (
            "BLOCKED",
            "ContractCancelled",
        )


async def test_authorize_when_the_request_is_wrong_then_the_field_is_named(start, pki) -> None:
    hub = await start()
    for status, field, body in [
        (400, "emaid", {"emaid": "hello"}),
        (400, "emaid", {"emaid": ""}),
        (400, None, {"emaid": 7}),
        (400, "location_id", {"location_id": "x" * 37}),
        (400, "evse_uid", {"evse_uid": "a\u0000"}),
        (400, "iso15118_version", {"iso15118_version": "3"}),
        (400, "certificate_hash_data", {"certificate_hash_data": hash_data(pki) * 5}),
        (422, "certificate", {"certificate": "hello"}),
        (
            422,
            "certificate",
            {"certificate": "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"},
        ),
        (422, "certificate", {"certificate": pem.join([b"\x30\x03\x02\x01\x01"]).decode()}),
        (422, "certificate", {"certificate": pem.join([b"x"] * 9).decode()}),
    ]:
        assert (await hub.ask(status, **body)).get("field") == field
    hub.headers = {"Authorization": "Token bm9ib2R5"}
    await hub.ask(401)
    hub.headers = {}
    await hub.ask(401)


async def test_authorize_when_the_cpo_publishes_a_tariff_then_it_is_shown(
    start, pki, world
) -> None:
    hub = await start()
    await learn(hub.node, pki)
    moment = '"last_updated":"2026-01-01T00:00:00Z"'
    location = (
        '{"country_code":"NL","party_id":"CPO","id":"L1","publish":true,"address":"a","city":"c","country":"NLD",'
        '"coordinates":{"latitude":"50.1","longitude":"8.1"},"time_zone":"Europe/Amsterdam","evses":[{"uid":"E1",'
        '"status":"AVAILABLE","connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE",'
        f'"max_voltage":230,"max_amperage":32,"tariff_ids":["T1"],{moment}}}],{moment}}}],{moment}}}'
    )
    sql = "INSERT INTO {} (country_code, party_id, id_key, version, body, body_hash, last_updated{}) VALUES ('NL','CPO',$1,'2.2.1',$2,'',now(){})"
    await world.db.execute(sql.format("location", "", ""), "L1", location.encode())
    await world.db.execute(sql.format("tariff", ", currency", ", 'EUR'"), "T1", b'{"id":"T1"}')
    answer = await hub.ask(certificate=chain(pki), location_id="l1", evse_uid="e1")
    assert answer["tariff"] == {"id": "T1"}
