"""Registration with the peers, and everything that may go wrong with it."""

from __future__ import annotations

import base64
import itertools

import aiohttp
import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOTH = pytest.mark.parametrize("name", ["py-ocpi", "extrawest-ocpi"])
SHORT = {"py-ocpi": "PY", "extrawest-ocpi": "XW"}


@pytest_asyncio.fixture(loop_scope="session", params=["py-ocpi", "extrawest-ocpi"])
async def registered(request, network):
    """A peer of its own that the hub has registered with."""
    return await network.peer(request.param, "EMSP", f"{SHORT[request.param]}H", {})


async def ask_hub(url: str, authorization: str | None) -> tuple[int, int | None]:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        body = await answer.json()
        return answer.status, body.get("status_code")


def encoded(token: str) -> str:
    return "Token " + base64.b64encode(token.encode()).decode()


async def test_the_token_that_the_hub_gave_opens_the_hub(network, registered):
    tokens = list((await registered.memory())["clients"].values())

    said = [await ask_hub(network.hub.versions_url, encoded(token)) for token in tokens]

    assert said.count((200, 1000)) == 1
    assert set(said) <= {(200, 1000), (401, 2000)}  # of a registration that came to nothing


async def test_a_wrong_token_is_refused_with_an_envelope(network, registered):
    ours = next(iter((await registered.memory())["clients"].values()))
    wrong = (
        None,
        encoded("wrong"),
        encoded(ours + "x"),
        encoded(registered.token_a),
        "Token wrong",
    )
    paths = ("versions", "2.2.1", "2.2.1/sender/locations", "2.2.1/credentials")

    for authorization, path in itertools.product(wrong, paths):
        url = f"{network.hub.url}/ocpi/{path}"
        assert await ask_hub(url, authorization) == (401, 2000), authorization


async def test_the_peer_turns_a_wrong_invitation_away_and_nothing_is_kept(network, registered):
    before = await network.hub.facts("party", "list")

    done = await network.hub.command(
        "party", "register", "--versions-url", registered.versions_url, "--token-a", "wrong"
    )

    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "version" in line  # py-ocpi shows its versions to everybody, only not their details
    assert [f["state"] for f in await network.hub.facts("party", "list")] == [
        f["state"] for f in before
    ]


async def test_a_second_registration_is_refused_and_the_first_stays(network, registered):
    done = await network.hub.command(
        "party", "register", "--versions-url", registered.versions_url,
        "--token-a", registered.token_a,
    )  # fmt: skip

    assert done.returncode == 1
    assert "registered" in done.stderr
    shown = await network.hub.facts("party", "show", str(registered))
    assert [(r["state"], r["connection"]) for r in shown["roles"]] == [("REGISTERED", "CONNECTED")]


@BOTH
async def test_tokens_are_rotated_where_the_peer_can(network, name):
    """py-ocpi reads the version details as a list when credentials are PUT, and breaks (§10 row 7)."""
    peer = await network.peer(name, "EMSP", f"{SHORT[name]}R", {})
    before = (await peer.memory())["clients"]

    done = await network.hub.command("party", "rotate", str(peer))

    after = (await peer.memory())["clients"]
    if name == "py-ocpi":
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert after == before
    else:
        assert done.returncode == 0, done.stderr
        assert len(after) == len(before) + 1
    newest = list(after.values())[-1]
    assert await ask_hub(network.hub.versions_url, encoded(newest)) == (200, 1000)
    reply = await network.cpo.authorise("NOBODY-AT-ALL", network.cpo.stations[0])
    assert (reply.http_status, reply.status_code) == (404, 2004)


async def test_of_two_versions_the_common_one_is_taken(network):
    peer = await network.start("extrawest-ocpi", "EMSP", "XWV", {}, versions=["2.1.1", "2.2.1"])

    (fact,) = await network.register(peer)

    assert fact["version"] == "2.2.1"
