"""Idempotency-Key: the same call twice has one effect and one answer; another body is a conflict.

A refusal frees the key, because nothing has happened. Where nobody knows what happened (a store
went away, the process died) the same call may come again: at once or after `CLAIM_AGE_MAX`, and
under the effect that the first one was given, so that it finds what that one has begun.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from gateway.http.api.problem import Refusal
from gateway.hub.context import Hub
from gateway.store.database import StoreUnavailable
from gateway.store.sql import load
from ocpi.errors import OcpiError

SQL = load("gateway.store", "charge.sql")
NAME: Final = "Idempotency-Key"
KEY_CHARS_MAX: Final = 255
EFFECT_BYTES: Final = 18
CLAIM_AGE_MAX: Final = timedelta(minutes=2)  # longer than any call may take
KEPT_FOR: Final = timedelta(hours=24)
PRUNED_PER_KEY: Final = 4


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it was first given."""

    status: int
    body: bytes
    location: str | None = None
    is_repeat: bool = False


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """This call is the one that acts. `effect_id` names what it brings about."""

    platform_id: int
    key: str
    effect_id: str
    claimed_at: datetime


async def once(
    hub: Hub,
    platform_id: int,
    key: str | None,
    fingerprint: bytes,
    answer: Callable[[str], Awaitable[Kept]],
) -> Kept:
    """Runs `answer` the first time this key comes, and gives its answer ever after."""
    digest = hashlib.sha256(fingerprint).digest()
    claim = await _claim(hub, platform_id, _checked(key), digest)
    if isinstance(claim, Kept):
        return claim
    try:
        given = await answer(claim.effect_id)
    except (Refusal, OcpiError):
        await _let_go(hub, "free_key", claim)
        raise
    except BaseException:
        await _let_go(hub, "release_key", claim)
        raise
    await hub.db.execute(
        SQL["keep_answer"], platform_id, claim.key, given.status, given.body, given.location
    )
    await hub.db.execute(SQL["prune_keys"], KEPT_FOR, PRUNED_PER_KEY)
    return given


def _checked(key: str | None) -> str:
    if key is None:
        raise Refusal(400, "idempotency-key-missing", f"send an {NAME} header", NAME)
    if not (0 < len(key) <= KEY_CHARS_MAX and key.isascii() and key.isprintable()):
        raise Refusal(400, "idempotency-key-unusable", "1 to 255 printable characters", NAME)
    return key


async def _claim(hub: Hub, platform_id: int, key: str, digest: bytes) -> Claim | Kept:
    effect_id = secrets.token_urlsafe(EFFECT_BYTES)
    row = await hub.db.fetchrow(
        SQL["claim_key"], platform_id, key, digest, effect_id, CLAIM_AGE_MAX
    )
    if row is None:
        return await _kept(hub, platform_id, key, digest)
    return Claim(
        platform_id=platform_id,
        key=key,
        effect_id=row["effect_id"],
        claimed_at=row["claimed_at"],
    )


async def _let_go(hub: Hub, how: str, claim: Claim) -> None:
    """When the store is away too, the claim's age does the same later."""
    with contextlib.suppress(StoreUnavailable):
        await hub.db.execute(SQL[how], claim.platform_id, claim.key, claim.claimed_at)


async def _kept(hub: Hub, platform_id: int, key: str, digest: bytes) -> Kept:
    row = await hub.db.fetchrow(SQL["kept_answer"], platform_id, key)
    if row is not None and row["request_hash"] != digest:
        raise Refusal(422, "idempotency-key-reused", "this key came with another request", NAME)
    if row is None or row["status"] is None:
        raise Refusal(
            409, "still-running", "the first call with this key is not answered yet", NAME
        )
    return Kept(status=row["status"], body=row["body"], location=row["location"], is_repeat=True)
