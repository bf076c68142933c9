"""The peer as CPO: its lists are read, it takes tokens and obeys commands through the hub."""

from __future__ import annotations

import re
from typing import Any

import pytest
import pytest_asyncio

from gateway.sim.partner import RefusedError

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOMENT = re.compile(r"[-0-9]{10}T[0-9:.]+Z")
PARTIES = {"py-ocpi": "PYC", "extrawest-ocpi": "XWC"}


@pytest_asyncio.fixture(loop_scope="session", params=["py-ocpi", "extrawest-ocpi"])
async def peer(request, network, seed):
    """A CPO with one location, its tariff, and one charge of the simulated eMSP's driver."""
    who = PARTIES[request.param]
    held = {
        "locations": [seed.location(who)], "tariffs": [seed.tariff(who)],
        "sessions": [seed.session(who)], "cdrs": [seed.cdr(who)],
    }  # fmt: skip
    return await network.peer(request.param, "CPO", who, held)


def of(peer, objects: dict[str, Any], key: str) -> Any:
    """The object under the key; the peers lower-case it, and the hub hands on what they say."""
    return next(
        (v for k, v in objects.items() if k.casefold() == f"{peer.party_id}-{key}".casefold()), None
    )


async def arrives(wait_until, peer, objects: dict[str, Any], key: str) -> Any:
    async def read() -> Any:
        return of(peer, objects, key)

    return await wait_until(read, f"the eMSP gets {peer.party_id}-{key}", 20)


async def test_commands_are_derived_where_the_cpo_does_not_name_them(network, peer):
    (fact,) = peer.registered
    shown = await network.hub.facts("party", "show", str(peer))

    assert (fact["role"], fact["state"], fact["version"]) == ("CPO", "REGISTERED", "2.2.1")
    urls = {(e["identifier"], e["role"]): e["url"] for e in shown["endpoints"]}
    assert urls["commands", "RECEIVER"].endswith("/ocpi/cpo/2.2.1/commands")
    assert {("locations", "SENDER"), ("tariffs", "SENDER"), ("tokens", "RECEIVER")} <= urls.keys()


@pytest.mark.parametrize(
    ("module", "key", "kind"),
    [
        ("locations", "Gare", "location"),
        ("tariffs", "TARIF", "tariff"),
        ("sessions", "S1", "session"),
        ("cdrs", "CDR1", "cdr"),
    ],
)
async def test_its_objects_are_pulled_and_told(
    network, peer, wait_until, same, seed, module, key, kind
):
    told = await arrives(wait_until, peer, getattr(network.emsp, module), key)

    sent = getattr(seed, kind)(peer.party_id)
    if module == "cdrs":  # no field of the peers' CdrLocation, though required: they leave it out
        del sent["cdr_location"]["evse_uid"]
    same(sent, told)
    assert MOMENT.fullmatch(told["last_updated"])  # py-ocpi writes a blank for the T


@pytest.mark.parametrize(("module", "key"), [("locations", "Gare"), ("tariffs", "TARIF")])
async def test_its_objects_stand_in_the_hubs_own_list(network, peer, wait_until, module, key):
    await arrives(wait_until, peer, getattr(network.emsp, module), key)

    reply = await network.emsp.call("GET", module, "SENDER")

    assert reply.is_success
    assert f"{peer.party_id}-{key}".casefold() in [o["id"].casefold() for o in reply.data]


async def test_its_own_list_is_passed_on_to_whoever_names_it(network, peer):
    reply = await network.emsp.call("GET", "locations", "SENDER", "?limit=1", to=str(peer))

    assert reply.is_success
    assert [o["id"].casefold() for o in reply.data] == [f"{peer.party_id}-Gare".casefold()]
    assert MOMENT.fullmatch(reply.data[0]["last_updated"])


async def test_tokens_reach_it_and_so_does_a_block(network, peer, same):
    uid = f"VLT-{peer.party_id}-1"

    token = await network.emsp.issue(uid, "NL-VLT-C00099002", whitelist="ALWAYS")
    same(token, await peer.holds("tokens", uid, valid=True))
    reply = await network.emsp.block(uid)
    assert reply.is_success
    await peer.holds("tokens", uid, valid=False)


async def test_a_start_reaches_it_and_its_result_comes_back(network, peer, wait_until):
    place = await arrives(wait_until, peer, network.emsp.locations, "Gare")
    uid = f"VLT-{peer.party_id}-2"
    await network.emsp.issue(uid, "NL-VLT-C00099003")

    reply, result = await network.emsp.start_session(uid, place, place["evses"][0]["uid"])

    assert reply.data["result"] == "ACCEPTED"
    assert result["result"] == "ACCEPTED"
    obeyed = [
        c for c in (await peer.memory())["commands"] if c.get("token", {}).get("uid") == uid.lower()
    ]
    (command,) = obeyed
    assert command["location_id"] == place["id"].lower()
    assert command["response_url"].startswith(network.hub.url)


async def test_a_stop_reaches_it(network, peer, wait_until):
    running = await arrives(wait_until, peer, network.emsp.sessions, "S1")

    reply, result = await network.emsp.stop_session(running)

    assert (reply.data["result"], result["result"]) == ("ACCEPTED", "ACCEPTED")


async def test_a_start_at_a_place_it_does_not_have_is_its_own_refusal(network, peer):
    uid = f"VLT-{peer.party_id}-3"
    await network.emsp.issue(uid, "NL-VLT-C00099004")
    nowhere = {"country_code": "FR", "party_id": peer.party_id, "id": "NOWHERE"}

    with pytest.raises(RefusedError, match="2003"):
        await network.emsp.start_session(uid, nowhere, "NOWHERE-1")
