"""Idempotency-Key over real sockets and a real table: one effect, one answer, no key for ever locked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.http.api import idempotency
from gateway.http.api.idempotency import Kept, once
from gateway.http.api.problem import Refusal
from gateway.store.database import StoreUnavailable
from ocpi.errors import invalid

KOELN = {
    "country_code": "DE", "party_id": "RHE", "location_id": "KOELN-DOM", "evse_uid": "KOELN-DOM-1",
    "contract_id": "C1",
}  # fmt: skip


async def test_key_when_repeated_then_the_same_answer_and_one_effect(living) -> None:
    first = await living.call("POST", "/sessions", KOELN, key="k1")
    await living.until(first.body["id"], "ACTIVE")
    again = await living.call("POST", "/sessions", KOELN, key="k1")
    assert (again.status, again.raw) == (first.status, first.raw)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    other = await living.call("POST", "/sessions", KOELN | {"evse_uid": "KOELN-DOM-2"}, key="k1")
    assert (other.status, other.body["field"]) == (422, "Idempotency-Key")
    elsewhere = await living.call("POST", f"/sessions/{first.body['id']}/stop", key="k1")
    assert elsewhere.status == 422
    assert len(living.cpo.charges) == 1


@pytest.mark.parametrize("key", [None, "x" * 256, "ü"])
async def test_key_when_missing_or_unusable_then_400_names_it(living, key: Any) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = await living.call("POST", "/sessions", KOELN, key=None, headers=headers)
    assert (answer.status, answer.body["field"]) == (400, "Idempotency-Key")
    assert not living.cpo.charges


async def test_key_when_two_partners_use_the_same_then_each_has_its_own(living) -> None:
    from gateway.sim.profile import VOLTARIS

    other = await living.admit(VOLTARIS)
    mine = await living.call("POST", "/sessions", KOELN, key="same")
    theirs = await living.call(
        "POST", "/sessions", KOELN | {"evse_uid": "KOELN-DOM-2"}, key="same", token=other
    )
    assert mine.body["id"] != theirs.body["id"]


async def test_key_when_many_come_at_once_then_one_effect(living) -> None:
    answers = await asyncio.gather(
        *(living.call("POST", "/sessions", KOELN, key="storm") for _ in range(12))
    )
    assert {a.status for a in answers} <= {202, 409}
    assert len({a.body["id"] for a in answers if a.status == 202}) == 1
    for answer in answers:
        if answer.status == 409:
            assert answer.body["title"] == "still running"
    first = next(a for a in answers if a.status == 202)
    await living.until(first.body["id"], "ACTIVE")
    assert len(living.cpo.charges) == 1
    assert (await living.call("POST", "/sessions", KOELN, key="storm")).raw == first.raw


async def test_key_when_the_first_call_was_refused_then_it_is_free_for_another_body(living) -> None:
    wrong = await living.call("POST", "/sessions", KOELN | {"location_id": "NOWHERE"}, key="free")
    assert (wrong.status, wrong.body["field"]) == (422, "location_id")
    assert (await living.call("POST", "/sessions", KOELN, key="free")).status == 202


async def test_key_when_the_process_died_after_asking_then_the_retry_finds_what_it_began(
    living,
) -> None:
    first = await living.call("POST", "/sessions", KOELN, key="crash")
    await living.until(first.body["id"], "ACTIVE")
    await living.db.execute("UPDATE idempotency SET status = NULL, body = NULL WHERE key = 'crash'")
    locked = await living.call("POST", "/sessions", KOELN, key="crash")
    assert (locked.status, locked.body["title"]) == (409, "still running")
    await living.db.execute("UPDATE idempotency SET claimed_at = now() - interval '3 minutes'")
    other = await living.call("POST", "/sessions", KOELN | {"language": "de"}, key="crash")
    assert other.status == 422
    taken = await asyncio.gather(
        *(living.call("POST", "/sessions", KOELN, key="crash") for _ in range(6))
    )
    assert {a.status for a in taken} <= {202, 409}
    assert {a.body["id"] for a in taken if a.status == 202} == {first.body["id"]}
    assert len(living.cpo.charges) == 1
    assert await living.db.fetchval("SELECT count(*) FROM charge") == 1


async def test_key_when_the_process_died_before_asking_then_the_retry_asks(living) -> None:
    platform_id = await living.db.fetchval("SELECT platform_id FROM platform WHERE kind = 'api'")
    died = asyncio.CancelledError

    async def die(_effect_id: str) -> Kept:
        raise died

    with pytest.raises(died):
        await once(living.hub, platform_id, "k", b"body", die)
    effects: list[str] = []

    async def act(effect_id: str) -> Kept:
        effects.append(effect_id)
        return Kept(status=202, body=b"{}", location="/there")

    kept = await once(living.hub, platform_id, "k", b"body", act)
    again = await once(living.hub, platform_id, "k", b"body", act)
    assert (kept.status, kept.is_repeat, again.is_repeat) == (202, False, True)
    assert (again.body, again.location) == (b"{}", "/there")
    assert len(effects) == 1


@pytest.mark.parametrize(
    ("error", "is_same_effect"),
    [(Refusal(409, "x", "x"), False), (invalid("x", "y"), False), (StoreUnavailable("away"), True), (ZeroDivisionError(), True)],
)  # fmt: skip
async def test_key_when_the_first_call_fails_then_it_is_free_and_an_unknown_outcome_keeps_its_effect(
    living, error: Exception, is_same_effect: bool
) -> None:
    platform_id = await living.db.fetchval("SELECT platform_id FROM platform WHERE kind = 'api'")
    effects: list[str] = []

    async def fail_once(effect_id: str) -> Kept:
        effects.append(effect_id)
        if len(effects) == 1:
            raise error
        return Kept(status=200, body=b"")

    with pytest.raises(type(error)):
        await once(living.hub, platform_id, "k", b"body", fail_once)
    assert not (await once(living.hub, platform_id, "k", b"body", fail_once)).is_repeat
    assert (effects[0] == effects[1]) is is_same_effect


async def test_keys_when_a_day_old_then_new_ones_take_them_away(living) -> None:
    await living.db.execute(
        "INSERT INTO idempotency (platform_id, key, request_hash, status, created_at)"
        " SELECT platform_id, 'old-' || n, '', 200, now() - interval '1 hour' * n FROM platform, generate_series(20, 29) n"
        " WHERE kind = 'api'"
    )
    for number in range(3):
        await living.call("POST", "/sessions", KOELN | {"language": "de"}, key=f"new-{number}")
    keys = {r["key"] for r in await living.db.fetch("SELECT key FROM idempotency")}
    assert {k for k in keys if k.startswith("old-")} == {"old-20", "old-21", "old-22", "old-23"}
    assert idempotency.KEPT_FOR.total_seconds() >= 86_400
