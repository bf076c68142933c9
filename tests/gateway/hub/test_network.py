"""Who reaches whom: relations, audiences, standings (pure look-ups over one picture)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.hub.announce import Announcement, announcement
from gateway.hub.network import Member, Network, Platform
from gateway.push.spread import receivers
from gateway.store.object import Key
from ocpi.model.party import PartyId, parse_party

HUB = parse_party("NL-NCO")
CPO, CPO2, EMSP, EMSP2, OTHER, AWAY = (
    parse_party(p) for p in ("DE-AAA", "DE-BBB", "NL-CCC", "FR-DDD", "BE-EEE", "AT-FFF")
)
SUPPLY = {("tokens", "RECEIVER"): "u", ("commands", "RECEIVER"): "u"}
DEMAND = {(m, "RECEIVER"): "u" for m in ("locations", "tariffs", "sessions", "cdrs")}


def network(relations: dict[tuple[str, str, str], bool] | None = None) -> Network:
    members: dict[int, Member] = {}
    rows: list[tuple[PartyId, str, str, dict[Any, str]]] = [
        (CPO, "CPO", "REGISTERED", SUPPLY),
        (CPO2, "CPO", "REGISTERED", SUPPLY),
        (EMSP, "EMSP", "REGISTERED", DEMAND),
        (EMSP2, "EMSP", "REGISTERED", {("locations", "RECEIVER"): "u"}),
        (OTHER, "OTHER", "REGISTERED", DEMAND | {("hubclientinfo", "RECEIVER"): "u"}),
        (AWAY, "EMSP", "SUSPENDED", DEMAND),
    ]
    platforms = {}
    for n, (party, role, state, endpoints) in enumerate(rows):
        members[n] = Member(
            party=party, role=role, platform_id=n, name="x", business_details=b"{}",
            last_updated=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        platforms[n] = Platform(
            platform_id=n, name="x", kind="ocpi", state=state,
            connection="CONNECTED" if state == "REGISTERED" else "SUSPENDED", version="v",
            versions_url=None, last_seen=None, quirks={}, members=(members[n],), endpoints=endpoints,
            token_kind=None, token_sealed=None,
        )  # fmt: skip
    return Network(
        hub=HUB, platforms=platforms, by_party={m.party: (m,) for m in members.values()},
        credentials={}, relations=relations or {}, prefixes={},
    )  # fmt: skip


def told(picture: Network, what: Announcement) -> set[PartyId]:
    return {party for _, party in receivers(picture, what)}


def change(module: str, origin: PartyId, to: PartyId | None = None) -> Announcement:
    return announcement(
        module, Key(origin, "X"), version="v", correlation_id="c", origin=origin, to=to
    )


def test_receivers_when_a_cpo_publishes_then_the_demand_side_that_takes_it() -> None:
    assert told(network(), change("locations", CPO)) == {EMSP, EMSP2, OTHER}
    assert told(network(), change("tariffs", CPO)) == {EMSP, OTHER}


def test_receivers_when_an_emsp_publishes_tokens_then_cpos_only() -> None:
    assert told(network(), change("tokens", EMSP)) == {CPO, CPO2}
    assert told(network(), change("tokens", OTHER)) == {CPO, CPO2}


def test_receivers_when_one_is_named_then_only_it_and_only_if_it_takes_it() -> None:
    assert told(network(), change("sessions", CPO, EMSP)) == {EMSP}
    assert told(network(), change("sessions", CPO, EMSP2)) == set()
    assert told(network(), change("sessions", CPO, parse_party("XX-XXX"))) == set()


def test_receivers_when_client_info_then_whoever_listens_but_not_its_subject() -> None:
    assert told(network(), change("hubclientinfo", CPO)) == {OTHER}
    assert told(network(), change("hubclientinfo", OTHER)) == set()


@pytest.mark.parametrize(
    ("rows", "allowed"),
    [
        ({}, True),
        ({("*-*", "*-*", "*"): False}, False),
        ({("*-*", "*-*", "*"): False, ("DE-AAA", "NL-CCC", "*"): True}, True),
        ({("DE-AAA", "NL-CCC", "*"): True, ("DE-AAA", "NL-CCC", "locations"): False}, False),
        ({("DE-AAA", "*-*", "*"): False, ("DE-AAA", "NL-*", "*"): True}, True),
        ({("NL-CCC", "DE-AAA", "*"): False}, True),
        ({("DE-BBB", "NL-CCC", "*"): False}, True),
    ],
)
def test_allows_when_several_rows_fit_then_the_most_specific_wins(
    rows: dict[tuple[str, str, str], bool], allowed: bool
) -> None:
    picture = network(rows)
    assert picture.allows(CPO, EMSP, "locations") is allowed
    assert (EMSP in told(picture, change("locations", CPO))) is allowed
    assert (str(CPO) in picture.hidden_from(EMSP, "locations")) is not allowed


def test_standing_when_suspended_then_said_so_but_cdrs_are_taken() -> None:
    picture = network()
    assert picture.standing(CPO, module="locations") == "CONNECTED"
    assert picture.standing(AWAY, module="locations") == "SUSPENDED"
    assert picture.standing(AWAY, module="cdrs") == "CONNECTED"
    assert picture.standing(parse_party("XX-XXX"), module="cdrs") is None
