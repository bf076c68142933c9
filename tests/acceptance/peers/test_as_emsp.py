"""The peer as eMSP: it takes what a CPO says through the hub, and decides on its own tokens."""

from __future__ import annotations

from decimal import Decimal

import pytest
import pytest_asyncio

from gateway.sim import objects
from gateway.sim.profile import GERMAN_STATIONS

pytestmark = pytest.mark.asyncio(loop_scope="session")

STATION = GERMAN_STATIONS[0]
PARTIES = {"py-ocpi": "PYE", "extrawest-ocpi": "XWE"}
LISTED = 120  # more than one page of the hub's pull, and the Link between them leads nowhere


@pytest_asyncio.fixture(loop_scope="session", params=["py-ocpi", "extrawest-ocpi"])
async def peer(request, network, seed):
    """An eMSP with more tokens than a page holds, a blocked one, and one that no list shows."""
    who = PARTIES[request.param]
    cards = [seed.card(who, f"{no:04d}") for no in range(LISTED)]
    cards += [seed.card(who, "BLOCKED", valid=False), seed.card(who, "SECRET")]
    return await network.peer(
        request.param, "EMSP", who, {"tokens": cards}, unlisted=[f"{who}-SECRET"]
    )


async def pulled(network, peer, wait_until) -> None:
    async def all_there() -> bool:
        return sum(uid.startswith(peer.party_id.lower()) for uid in network.cpo.tokens) > LISTED

    await wait_until(all_there, "the CPO hears of every listed token", 30)


async def test_registration_leaves_a_connected_emsp_of_the_common_version(network, peer):
    (fact,) = peer.registered

    assert (fact["country_code"], fact["party_id"], fact["role"]) == ("FR", peer.party_id, "EMSP")
    assert (fact["state"], fact["connection"], fact["version"]) == (
        "REGISTERED", "CONNECTED", "2.2.1",
    )  # fmt: skip
    shown = await network.hub.facts("party", "show", str(peer))
    offered = {(e["identifier"], e["role"]) for e in shown["endpoints"]}
    assert {("tokens", "SENDER"), ("locations", "RECEIVER"), ("cdrs", "RECEIVER")} <= offered
    assert len((await peer.memory())["clients"]) >= 1


async def test_tokens_are_pulled_over_pages_whose_link_leads_nowhere(network, peer, wait_until):
    await pulled(network, peer, wait_until)

    mine = {
        uid: t for uid, t in network.cpo.tokens.items() if uid.startswith(peer.party_id.lower())
    }
    assert len(mine) == LISTED + 1
    assert f"{peer.party_id}-SECRET".lower() not in mine
    assert mine[f"{peer.party_id}-BLOCKED".lower()]["valid"] is False


async def test_its_own_list_is_passed_on_without_the_link_that_leads_nowhere(network, peer):
    reply = await network.cpo.call("GET", "tokens", "SENDER", "?limit=5", to=str(peer))

    assert reply.is_success
    assert len(reply.data) == 5
    assert reply.headers["X-Total-Count"] == str(LISTED + 1)
    assert not reply.headers.get("Link")


async def test_a_published_tariff_arrives(network, peer, same):
    await network.cpo.publish()

    tariff = network.cpo.published_tariff
    held = await peer.holds("tariffs", tariff["id"])
    same({**tariff, "last_updated": held["last_updated"]}, held)


async def test_a_published_location_arrives(network, peer, same):
    await network.cpo.publish()

    location = network.cpo.locations()[0]
    held = await peer.holds("locations", location["id"])
    held["evses"].sort(key=lambda evse: evse["uid"])  # a patched EVSE goes to the end of the list
    for sent, got in zip(location["evses"], held["evses"], strict=True):
        sent["last_updated"] = got["last_updated"]
        sent["connectors"][0]["last_updated"] = got["connectors"][0]["last_updated"]
        sent["status"] = got["status"]
    same({**location, "last_updated": held["last_updated"]}, held)


async def test_what_the_peer_cannot_read_is_given_up_and_holds_up_nothing(
    network, peer, wait_until
):
    """py-ocpi says 422 in words of its own; extrawest takes the same location."""
    await network.cpo.publish()
    refused = network.cpo.locations()[1]["id"]

    async def nothing_waits() -> bool:
        return not (await network.hub.facts("party", "show", str(peer)))["waiting_pushes"]

    await peer.holds("locations", network.cpo.locations()[0]["id"])
    await wait_until(nothing_waits, "nothing waits for the peer")
    is_there = f"locations/{refused.lower()}" in (await peer.memory())["objects"]
    assert is_there is (peer.name != "py-ocpi")


async def test_a_session_is_followed_from_start_to_bill(network, peer, seed, wait_until, same):
    await network.cpo.publish()
    await pulled(network, peer, wait_until)
    token = seed.card(peer.party_id, "0007")

    charge = await network.cpo.begin(token, STATION, auth_method="WHITELIST")
    await peer.holds("sessions", charge.session_id, status="ACTIVE")
    reply = await network.cpo.meter(charge, Decimal("12.345"))
    assert reply.is_success
    await peer.holds("sessions", charge.session_id, kwh=12.345)
    await network.cpo.end(charge)
    held = await peer.holds("sessions", charge.session_id, status="COMPLETED")
    session = objects.session(network.cpo.profile, charge, network.cpo.price, network.cpo.now())
    same({**session, "last_updated": held["last_updated"]}, held)

    reply = await network.cpo.bill(charge)
    assert reply.is_success
    cdr = next(c for c in network.cpo.cdrs if c["session_id"] == charge.session_id)
    # The required evse_uid is no field of the peers' CdrLocation: they forget it.
    held = await peer.holds("cdrs", cdr["id"])
    place = {k: v for k, v in cdr["cdr_location"].items() if k != "evse_uid"}
    same({**cdr, "cdr_location": place}, held)


async def test_an_evse_status_is_patched(network, peer, wait_until):
    await network.cpo.publish()
    await network.cpo.set_status(STATION, 2, "OUTOFORDER")

    async def is_out() -> bool:
        held = await peer.holds("locations", STATION.location_id)
        second = next(e for e in held["evses"] if e["uid"].endswith("-2"))
        return second["status"] == "OUTOFORDER"

    await wait_until(is_out, "the peer hears that the EVSE is out of order")
    await network.cpo.set_status(STATION, 2, "AVAILABLE")


async def test_a_token_never_to_be_whitelisted_is_decided_by_the_peer(network, peer, wait_until):
    await pulled(network, peer, wait_until)

    reply = await network.cpo.authorise(f"{peer.party_id}-0001", STATION)

    assert (reply.http_status, reply.status_code) == (200, 1000), reply.status_message
    assert reply.data["allowed"] == "ALLOWED"
    assert reply.data["authorization_reference"]
    token = reply.data["token"]
    assert token["uid"].casefold() == f"{peer.party_id}-0001".casefold()
    assert token["last_updated"] == "2026-03-01T10:00:00Z"


async def test_a_blocked_token_is_blocked(network, peer, wait_until):
    await pulled(network, peer, wait_until)

    reply = await network.cpo.authorise(f"{peer.party_id}-BLOCKED", STATION)

    assert (reply.http_status, reply.status_code) == (200, 1000), reply.status_message
    assert reply.data["allowed"] == "BLOCKED"


async def test_a_token_that_only_the_peer_knows_is_found_by_asking(network, peer):
    reply = await network.cpo.authorise(f"{peer.party_id}-SECRET", STATION)

    assert (reply.http_status, reply.status_code) == (200, 1000), reply.status_message
    assert reply.data["allowed"] == "ALLOWED"
    assert reply.data["token"]["party_id"].upper() == peer.party_id


@pytest.mark.parametrize("kind", ["RFID", "APP_USER", "EMAID"])
async def test_a_token_nobody_knows_is_2004(network, peer, kind):
    reply = await network.cpo.authorise(f"{peer.party_id}-NOBODY", STATION, kind)

    assert (reply.http_status, reply.status_code) == (404, 2004), reply.status_message
