"""The peer as CPO: its lists are read, it takes tokens and obeys commands through the hub."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from gateway.sim.partner import RefusedError

pytestmark = pytest.mark.asyncio(loop_scope="session")

PARTIES = {"py-ocpi": "PYC", "extrawest-ocpi": "XWC"}


def location(party_id: str) -> dict[str, Any]:
    connector = {
        "id": "1", "standard": "IEC_62196_T2_COMBO", "format": "CABLE", "power_type": "DC",
        "max_voltage": 920, "max_amperage": 500, "max_electric_power": 150_000,
        "tariff_ids": [f"{party_id}-TARIF"], "terms_and_conditions": None,
        "last_updated": "2026-03-01T10:00:00Z",
    }  # fmt: skip
    evse = {
        "uid": f"{party_id}-GARE-1", "evse_id": f"FR*{party_id}*EGARE*1", "status": "AVAILABLE",
        "capabilities": ["REMOTE_START_STOP_CAPABLE"], "connectors": [connector],
        "last_updated": "2026-03-01T10:00:00.250000Z",
    }  # fmt: skip
    return {
        "country_code": "FR", "party_id": party_id, "id": f"{party_id}-Gare", "publish": True,
        "name": "Gare de Lyon", "address": "Place Louis-Armand 1", "city": "Paris",
        "postal_code": "75012", "country": "FRA", "time_zone": "Europe/Paris",
        "coordinates": {"latitude": "48.844304", "longitude": "2.374377"}, "evses": [evse],
        "last_updated": "2026-03-01T10:00:00.250000Z",
    }  # fmt: skip


def tariff(party_id: str) -> dict[str, Any]:
    parts = [{"type": "ENERGY", "price": 0.45, "vat": 20.0, "step_size": 1}]
    return {
        "country_code": "FR", "party_id": party_id, "id": f"{party_id}-TARIF", "currency": "EUR",
        "type": "REGULAR", "elements": [{"price_components": parts}],
        "last_updated": "2026-03-01T10:00:00Z",
    }  # fmt: skip


def card_of_voltaris(uid: str) -> dict[str, Any]:
    return {
        "country_code": "NL", "party_id": "VLT", "uid": uid, "type": "RFID",
        "contract_id": "NL-VLT-C00099001",
    }  # fmt: skip


def session(party_id: str) -> dict[str, Any]:
    return {
        "country_code": "FR", "party_id": party_id, "id": f"{party_id}-S1",
        "start_date_time": "2026-03-02T08:00:00Z", "end_date_time": "2026-03-02T08:30:00Z",
        "kwh": 20.5, "cdr_token": card_of_voltaris("VLT-OLD"), "auth_method": "WHITELIST",
        "location_id": f"{party_id}-Gare", "evse_uid": f"{party_id}-GARE-1", "connector_id": "1",
        "currency": "EUR", "total_cost": {"excl_vat": 9.225, "incl_vat": 11.07},
        "status": "COMPLETED", "last_updated": "2026-03-02T08:30:00Z",
    }  # fmt: skip


def cdr(party_id: str) -> dict[str, Any]:
    place = location(party_id)
    period = {
        "start_date_time": "2026-03-02T08:00:00Z", "tariff_id": f"{party_id}-TARIF",
        "dimensions": [{"type": "ENERGY", "volume": 20.5}, {"type": "TIME", "volume": 0.5}],
    }  # fmt: skip
    return {
        "country_code": "FR", "party_id": party_id, "id": f"{party_id}-CDR1",
        "start_date_time": "2026-03-02T08:00:00Z", "end_date_time": "2026-03-02T08:30:00Z",
        "session_id": f"{party_id}-S1", "cdr_token": card_of_voltaris("VLT-OLD"),
        "auth_method": "WHITELIST", "currency": "EUR", "tariffs": [tariff(party_id)],
        "cdr_location": {
            **{name: place[name] for name in ("name", "address", "city", "postal_code", "country")},
            "id": place["id"], "coordinates": place["coordinates"],
            "evse_uid": f"{party_id}-GARE-1", "evse_id": f"FR*{party_id}*EGARE*1",
            "connector_id": "1", "connector_standard": "IEC_62196_T2_COMBO",
            "connector_format": "CABLE", "connector_power_type": "DC",
        },
        "charging_periods": [period], "total_cost": {"excl_vat": 9.225, "incl_vat": 11.07},
        "total_energy": 20.5, "total_time": 0.5, "last_updated": "2026-03-02T08:31:00Z",
    }  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session", params=["py-ocpi", "extrawest-ocpi"])
async def peer(request, network):
    """A CPO with one location, its tariff, and one charge of the simulated eMSP's driver."""
    who = PARTIES[request.param]
    seed = {
        "locations": [location(who)], "tariffs": [tariff(who)],
        "sessions": [session(who)], "cdrs": [cdr(who)],
    }  # fmt: skip
    return await network.peer(request.param, "CPO", who, seed)


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
    ("module", "key", "make"),
    [
        ("locations", "Gare", location),
        ("tariffs", "TARIF", tariff),
        ("sessions", "S1", session),
        ("cdrs", "CDR1", cdr),
    ],
)
async def test_its_objects_are_pulled_and_told(network, peer, wait_until, same, module, key, make):
    told = await arrives(wait_until, peer, getattr(network.emsp, module), key)

    sent = make(peer.party_id)
    if module == "cdrs":  # no field of the peers' CdrLocation, though required: they leave it out
        del sent["cdr_location"]["evse_uid"]
    same(sent, told)


@pytest.mark.parametrize(("module", "key"), [("locations", "Gare"), ("tariffs", "TARIF")])
async def test_its_objects_stand_in_the_hubs_own_list(network, peer, wait_until, module, key):
    await arrives(wait_until, peer, getattr(network.emsp, module), key)

    reply = await network.emsp.call("GET", module, "SENDER")

    assert reply.is_success
    assert f"{peer.party_id}-{key}".casefold() in [o["id"].casefold() for o in reply.data]


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
