"""The rules of OCPI 2.2.1 message routing, as a table."""

from __future__ import annotations

import pytest

from ocpi.header import Routing
from ocpi.model.party import PartyId
from ocpi.routing import (
    UNADDRESSED,
    Answer,
    Broadcast,
    By,
    Forward,
    OpenRoute,
    Refuse,
    Request,
    decide,
    onward,
    reply,
)
from ocpi.wire.catalog import FUNCTIONAL, ROUTES

CPO, EMSP, OTHER = PartyId("DE", "CPO"), PartyId("NL", "MSP"), PartyId("FR", "OTH")
HUB = PartyId("NL", "NCO")
GONE, PLANNED, NOBODY = PartyId("BE", "OFF"), PartyId("BE", "PLA"), PartyId("XX", "XXX")
STATUS = {CPO: "CONNECTED", EMSP: "CONNECTED", GONE: "OFFLINE", PLANNED: "PLANNED"}
CALLERS = {
    CPO: {CPO: frozenset({"CPO"})},
    EMSP: {EMSP: frozenset({"EMSP"})},
    OTHER: {OTHER: frozenset({"OTHER"})},
}


def route(module, interface, method, *, who, to=None, from_=None, owner=None, is_list=False):
    request = Request(
        module=module,
        interface=interface,
        method=method,
        is_list=is_list,
        routing=Routing(to, from_),
        owner=owner,
    )
    return decide(request, CALLERS[who], HUB, STATUS.get)


def refusal(decision):
    assert isinstance(decision, Refuse)
    return decision.error.code, decision.error.http_status


@pytest.mark.parametrize("to", [None, HUB])
@pytest.mark.parametrize(
    ("module", "method", "who", "hears", "not_"),
    [
        ("locations", "PUT", CPO, {"EMSP", "NSP", "NAP", "OTHER"}, {"CPO"}),
        ("locations", "PATCH", CPO, {"EMSP", "NSP", "NAP", "OTHER"}, {"CPO"}),
        ("tariffs", "PUT", CPO, {"EMSP", "OTHER"}, {"CPO"}),
        ("tariffs", "DELETE", CPO, {"EMSP", "OTHER"}, {"CPO"}),
        ("tokens", "PUT", EMSP, {"CPO"}, {"EMSP", "OTHER"}),
        ("tokens", "PATCH", OTHER, {"CPO"}, {"EMSP", "OTHER"}),
    ],
)
def test_a_push_to_the_hub_or_to_nobody_reaches_the_opposite_roles(
    module, method, who, hears, not_, *, to
):
    decision = route(module, "RECEIVER", method, who=who, to=to, from_=who, owner=who)
    assert isinstance(decision, Broadcast)
    assert hears <= decision.roles
    assert not (not_ & decision.roles)
    assert onward(decision, PartyId("SE", "RCV"), HUB) == Routing(PartyId("SE", "RCV"), HUB)
    assert reply(decision, HUB) == Routing(who, HUB)


@pytest.mark.parametrize("to", [None, HUB])
@pytest.mark.parametrize(
    ("module", "interface", "method", "who", "by"),
    [
        ("sessions", "RECEIVER", "PUT", CPO, By.CDR_TOKEN),
        ("sessions", "RECEIVER", "PATCH", CPO, By.SESSION),
        ("cdrs", "RECEIVER", "POST", CPO, By.CDR_TOKEN),
        ("tokens", "SENDER", "POST", CPO, By.TOKEN),
        ("commands", "RECEIVER", "POST", EMSP, By.COMMAND),
        ("locations", "SENDER", "GET", EMSP, By.LOCATION),
        ("sessions", "SENDER", "PUT", EMSP, By.SESSION),
        ("chargingprofiles", "RECEIVER", "PUT", EMSP, By.SESSION),
    ],
)
def test_what_concerns_one_party_is_routed_by_content_and_never_broadcast(
    module, interface, method, who, by, *, to
):
    decision = route(module, interface, method, who=who, to=to)
    assert decision == OpenRoute(who, by)
    found = PartyId("SE", "RCV")
    assert onward(decision, found, HUB) == Routing(found, who)
    assert reply(decision, HUB, found) == Routing(who, found)


def test_a_direct_request_keeps_both_names_on_both_legs():
    decision = route("cdrs", "RECEIVER", "POST", who=CPO, to=EMSP, from_=CPO)
    assert decision == Forward(EMSP, CPO)
    assert onward(decision, EMSP, HUB) == Routing(EMSP, CPO)
    assert reply(decision, HUB) == Routing(CPO, EMSP)


@pytest.mark.parametrize("to", [None, HUB])
@pytest.mark.parametrize("module", ["locations", "tariffs", "tokens", "sessions", "cdrs"])
def test_a_list_from_the_hub_is_merged_by_the_hub(module, to):
    decision = route(module, "SENDER", "GET", who=EMSP, to=to, is_list=True)
    assert decision == Answer(EMSP)
    assert reply(decision, HUB) == Routing(EMSP, HUB)


@pytest.mark.parametrize(("to", "code"), [(NOBODY, 4001), (GONE, 4003), (PLANNED, 4003)])
def test_an_unknown_or_absent_receiver_is_answered_without_a_call(to, code):
    decision = route("commands", "RECEIVER", "POST", who=EMSP, to=to)
    assert refusal(decision) == (code, 200)


def test_nobody_speaks_for_another_party():
    assert refusal(route("locations", "RECEIVER", "PUT", who=CPO, from_=EMSP, owner=CPO)) == (
        2001,
        200,
    )
    assert refusal(route("locations", "RECEIVER", "PUT", who=CPO, from_=CPO, owner=EMSP)) == (
        2001,
        404,
    )
    assert refusal(route("locations", "RECEIVER", "GET", who=CPO, owner=EMSP)) == (2001, 404)


def test_credentials_with_several_parties_must_agree_with_the_url():
    second = PartyId("DE", "CP2")
    both = {CPO: frozenset({"CPO"}), second: frozenset({"CPO"})}

    def put(from_, owner):
        request = Request(
            module="locations",
            interface="RECEIVER",
            method="PUT",
            routing=Routing(None, from_),
            owner=owner,
        )
        return decide(request, both, HUB, STATUS.get)

    assert put(None, second).from_ == second
    assert refusal(put(CPO, second)) == (2001, 200)
    nameless = Request(module="cdrs", interface="RECEIVER", method="POST")
    assert refusal(decide(nameless, both, HUB, STATUS.get)) == (2001, 200)


def test_only_the_owning_role_publishes():
    assert refusal(route("tariffs", "RECEIVER", "PUT", who=EMSP, owner=EMSP)) == (2001, 200)
    assert refusal(route("tokens", "RECEIVER", "PUT", who=CPO, owner=CPO)) == (2001, 200)
    assert refusal(route("cdrs", "RECEIVER", "POST", who=EMSP)) == (2001, 200)


@pytest.mark.parametrize("module", ["credentials", "versions", "hubclientinfo"])
def test_configuration_modules_are_not_routed(module):
    decision = route(module, "SENDER", "GET", who=CPO, to=EMSP, from_=EMSP)
    assert decision == Answer(None)
    assert reply(decision, HUB) == Routing()


def test_an_undefined_method_is_refused():
    assert refusal(route("locations", "RECEIVER", "DELETE", who=CPO, owner=CPO)) == (2001, 405)
    assert refusal(route("cdrs", "RECEIVER", "PUT", who=CPO)) == (2001, 405)


def test_the_table_covers_exactly_the_catalogue():
    routed = {
        (r.module, r.interface, r.method, r.is_list) for r in ROUTES if r.module in FUNCTIONAL
    }
    assert routed == set(UNADDRESSED)
