"""Registration: the state table, versions, endpoints, parties."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import msgspec
import pytest

from ocpi import command, envelope, handshake
from ocpi.errors import OcpiError
from ocpi.handshake import State, Step
from ocpi.model.credentials import Credentials, CredentialsRole, Endpoint
from ocpi.model.location import BusinessDetails
from ocpi.model.party import PartyId
from ocpi.wire import codec
from ocpi.wire.catalog import ROUTES, VERSIONS, endpoints, route

AT = datetime(2026, 1, 1, tzinfo=UTC)
HUB = PartyId("NL", "NCO")
DECODE = partial(codec.decode, VERSIONS[-1])


def code(call, *args):
    with pytest.raises(OcpiError) as refusal:
        call(*args)
    return refusal.value.code, refusal.value.http_status


@pytest.mark.parametrize(
    ("state", "method", "expected"),
    [
        (State.INVITED, "GET", Step.SHOW),
        (State.INVITED, "POST", Step.REGISTER),
        (State.INVITED, "PUT", 405),
        (State.INVITED, "DELETE", 405),
        (State.REGISTERED, "GET", Step.SHOW),
        (State.REGISTERED, "POST", 405),
        (State.REGISTERED, "PUT", Step.UPDATE),
        (State.REGISTERED, "DELETE", Step.REMOVE),
        (State.SUSPENDED, "POST", 405),
        (State.SUSPENDED, "PUT", Step.UPDATE),
        (State.REGISTERED, "PATCH", 405),
    ],
)
def test_credentials_methods_by_state(state, method, expected):
    if expected == 405:
        assert code(handshake.step, state, method)[1] == 405
    else:
        assert handshake.step(state, method) is expected


def test_token_a_opens_versions_and_credentials_only():
    for module in ("versions", "credentials"):
        handshake.check_module(State.INVITED, module)
    for module in ("locations", "tokens", "hubclientinfo", "cdrs", "commands"):
        assert code(handshake.check_module, State.INVITED, module)[1] == 401
        assert code(handshake.check_module, State.SUSPENDED, module)[1] == 401
        handshake.check_module(State.REGISTERED, module)


def versions(*names: str) -> bytes:
    data = [{"version": name, "url": f"https://p.example/{name}"} for name in names]
    return envelope.success(msgspec.json.encode(data), AT)


def test_the_newest_common_version_is_picked():
    assert handshake.pick_version(DECODE, versions("2.1.1", "2.2.1", "9.0"), VERSIONS).url.endswith(
        "2.2.1"
    )
    assert handshake.pick_version(DECODE, versions("a", "b"), ("a", "b")).version == "b"
    assert handshake.pick_version(DECODE, versions("a", "b"), ("a", "b"), "a").version == "a"
    assert code(handshake.pick_version, DECODE, versions("2.0"), VERSIONS) == (3002, 200)
    assert code(handshake.pick_version, DECODE, versions("2.0"), ("2.0",), "3.0") == (3002, 200)


@pytest.mark.parametrize(
    "answer",
    [b"<html>", b"", envelope.failure(2001, "no", AT), envelope.success(b'"x"', AT), b"{}"],
)
def test_an_unusable_partner_is_3001(answer):
    assert code(handshake.pick_version, DECODE, answer, VERSIONS)[0] == 3001
    assert code(handshake.pick_endpoints, DECODE, answer, ["CPO"])[0] == 3001


def details(*pairs: tuple[str, str], wrap: bool = False) -> bytes:
    rows = [{"identifier": m, "role": r, "url": f"https://p.example/{m}"} for m, r in pairs]
    data = {"version": "2.2.1", "endpoints": rows}
    return envelope.success(msgspec.json.encode([data] if wrap else data), AT)


def test_each_role_needs_an_endpoint_it_is_there_for():
    own = ("credentials", "RECEIVER")
    assert handshake.pick_endpoints(DECODE, details(own, ("locations", "SENDER")), ["CPO"])
    assert handshake.pick_endpoints(DECODE, details(own, ("tokens", "SENDER"), wrap=True), ["EMSP"])
    assert handshake.pick_endpoints(DECODE, details(own), ["OTHER"])
    assert (
        code(handshake.pick_endpoints, DECODE, details(own, ("tokens", "SENDER")), ["CPO"])[0]
        == 3003
    )
    assert (
        code(handshake.pick_endpoints, DECODE, details(("tokens", "SENDER")), ["EMSP"])[0] == 3003
    )


def test_advised_endpoints_are_named():
    have = [Endpoint(identifier="locations", role="SENDER", url="https://x")]
    assert ("commands", "RECEIVER") in handshake.advised_missing(have, ["CPO"])
    assert ("locations", "SENDER") not in handshake.advised_missing(have, ["CPO"])


def credentials(*roles: tuple[str, str, str]) -> Credentials:
    return Credentials(
        token="t",
        url="https://p.example/versions",
        roles=tuple(
            CredentialsRole(
                role=role, country_code=cc, party_id=pid, business_details=BusinessDetails(name="x")
            )
            for role, cc, pid in roles
        ),
    )


def test_parties_and_roles_of_a_platform():
    found = handshake.parties(credentials(("CPO", "nl", "abc"), ("EMSP", "NL", "ABC")), HUB)
    assert found == {PartyId("NL", "ABC"): frozenset({"CPO", "EMSP"})}
    twice = credentials(("CPO", "NL", "ABC"), ("CPO", "nl", "abc"))
    assert code(handshake.parties, twice, HUB)[0] == 2001
    assert code(handshake.parties, credentials(("HUB", "NL", "NCO")), HUB)[0] == 2001


def test_the_catalogue_names_each_served_endpoint_once():
    rows = endpoints("2.2.1", "https://hub.example/ocpi/2.2.1/")
    assert len({(module, role) for module, role, _ in rows}) == len(rows)
    urls = {(module, role): url for module, role, url in rows}
    assert urls["locations", "RECEIVER"] == "https://hub.example/ocpi/2.2.1/receiver/locations"
    assert urls["credentials", "RECEIVER"] == "https://hub.example/ocpi/2.2.1/credentials"
    assert ("hubclientinfo", "SENDER") in urls
    assert ("hubclientinfo", "RECEIVER") not in urls
    assert all(
        r.body_kind in {None, "command"} or codec.wire_type(r.version, r.body_kind) for r in ROUTES
    )
    assert all(r.answer_kind is None or codec.wire_type(r.version, r.answer_kind) for r in ROUTES)
    paths = [(r.method, r.path) for r in ROUTES]
    assert len(set(paths)) == len(paths)


def test_an_outgoing_url_encodes_ids_once():
    put = route("2.2.1", "token_put")
    url = put.url(
        "https://p.example/tokens/", country_code="NL", party_id="TNM", token_uid="a/b ü?"
    )
    assert url == "https://p.example/tokens/NL/TNM/a%2Fb%20%C3%BC%3F"
    assert (
        route("2.2.1", "tokens_list").url("https://p.example/tokens/")
        == "https://p.example/tokens/"
    )


def start(**more) -> bytes:
    token = {
        "country_code": "NL",
        "party_id": "TNM",
        "uid": "u",
        "type": "APP_USER",
        "contract_id": "c",
        "issuer": "i",
        "valid": True,
        "whitelist": "NEVER",
        "last_updated": "2026-01-01T00:00:00Z",
    }
    return msgspec.json.encode(
        {"response_url": "https://p.example/r", "token": token, "location_id": "L"} | more
    )


def test_a_command_names_its_target():
    value = codec.decode("2.2.1", command.kind("START_SESSION"), start(evse_uid="E"))
    assert command.target(value) == command.Target(location_id="L", evse_uid="E")
    incomplete = codec.decode("2.2.1", "command.START_SESSION", start(connector_id="1"))
    assert code(command.target, incomplete)[0] == 2001
    stop = codec.decode(
        "2.2.1", command.kind("STOP_SESSION"), b'{"response_url":"h","session_id":"S"}'
    )
    assert command.target(stop).session_id == "S"
    cancel = b'{"response_url":"h","reservation_id":"R"}'
    assert command.target(
        codec.decode("2.2.1", "command.CANCEL_RESERVATION", cancel)
    ).reservation_id
    unlock = b'{"response_url":"h","location_id":"L","evse_uid":"E","connector_id":"1"}'
    assert command.target(codec.decode("2.2.1", "command.UNLOCK_CONNECTOR", unlock)).connector_id
    reserve = start(expiry_date="2026-01-01T00:00:00Z", reservation_id="R")
    assert (
        command.target(codec.decode("2.2.1", "command.RESERVE_NOW", reserve)).reservation_id == "R"
    )
    assert code(command.kind, "SELF_DESTRUCT")[0] == 2001


def test_the_hub_puts_its_own_response_url_in_place():
    raw = start(extra=Decimal("1.10")).replace(b'"1.10"', b"1.10")
    swapped = command.with_response_url(raw, "https://hub.example/x")
    assert b'"extra":1.10' in swapped
    value = codec.decode("2.2.1", "command.START_SESSION", swapped)
    assert value.response_url == "https://hub.example/x"
    assert code(command.with_response_url, b"[]", "x")[0] == 2001
    assert code(command.with_response_url, b"{", "x")[1] == 400


@pytest.mark.parametrize(
    ("events", "end"),
    [
        (["RESPONSE_ACCEPTED", "RESULT"], "ANSWERED"),
        (["RESULT", "RESPONSE_ACCEPTED"], "ANSWERED"),
        (["RESPONSE_OTHER", "RESULT"], "REFUSED"),
        (["RESPONSE_ACCEPTED", "DEADLINE", "RESULT"], "TIMED_OUT"),
        (["DEADLINE"], "TIMED_OUT"),
    ],
)
def test_a_commands_life(events, end):
    state = command.State.SENT
    for event in events:
        state = command.advance(state, command.Event(event))
    assert state.value == end
    assert command.response_event("ACCEPTED") is command.Event.RESPONSE_ACCEPTED
    assert command.response_event("REJECTED") is command.Event.RESPONSE_OTHER
    assert (command.wait_s(0), command.wait_s(30), command.wait_s(10**9)) == (1, 30, 600)
