"""Lists of partners are read once they are registered, whichever process registered them."""

from __future__ import annotations

import pytest

from gateway.push import chores

EMPTY = b'{"status_code":1000,"data":[],"timestamp":"2026-01-01T00:00:00Z"}'


@pytest.fixture
async def newcomer(node, world, issuers, database):
    """A partner that another process registers after this one has looked at the network."""
    issuer, url = await issuers()
    await node.hub.directory.current()
    number = await world.platform("NL-NEW", "EMSP", token="new", url=url)
    await database.execute(
        "INSERT INTO outbox (topic, key, not_before) VALUES ('pull', $1, $2)",
        str(number), node.hub.clock.now(),
    )  # fmt: skip
    return issuer


async def test_pull_when_another_process_registered_it_just_now_then_its_list_is_read(
    node, newcomer, database
):
    newcomer.raw = EMPTY

    await chores.pull_next(node.hub)

    assert [request.path for request in newcomer.asked] == ["/tokens"]
    assert await database.fetchval("SELECT count(*) FROM outbox WHERE topic = 'pull'") == 0


async def test_pull_when_a_list_breaks_off_then_it_is_read_again_some_times(
    node, newcomer, database
):
    newcomer.status, newcomer.raw = 500, b"oops"

    for attempt in range(1, chores.PULL_ATTEMPTS_MAX + 1):
        await database.execute("UPDATE outbox SET not_before = $1", node.hub.clock.now())
        await chores.pull_next(node.hub)
        left = await database.fetchval("SELECT max(attempts) FROM outbox WHERE topic = 'pull'")
        assert left == (attempt if attempt < chores.PULL_ATTEMPTS_MAX else None)
