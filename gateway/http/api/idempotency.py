"""Idempotency-Key: the same call twice has one effect and one answer; another body is a conflict.

Server errors are not kept: the key is free again, because nothing is known to have happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

import msgspec

from gateway.http.api.problem import Refusal
from gateway.hub.context import Hub
from gateway.store.sql import load

SQL = load("gateway.store", "charge.sql")
KEY_CHARS_MAX = 255


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it was first given."""

    status: int
    body: bytes
    is_repeat: bool = False


async def once(
    hub: Hub,
    platform_id: int,
    key: str | None,
    fingerprint: bytes,
    answer: Callable[[], Awaitable[Kept]],
) -> Kept:
    """Runs `answer` the first time this key comes, and gives its answer ever after."""
    if key is None:
        raise Refusal(
            400, "idempotency-key-missing", "send an Idempotency-Key header", "Idempotency-Key"
        )
    if not (0 < len(key) <= KEY_CHARS_MAX and key.isascii() and key.isprintable()):
        raise Refusal(
            400, "idempotency-key-unusable", "1 to 255 printable characters", "Idempotency-Key"
        )
    digest = hashlib.sha256(fingerprint).digest()
    if await hub.db.fetchval(SQL["claim_key"], platform_id, key, digest) is None:
        return await _kept(hub, platform_id, key, digest)
    try:
        given = await answer()
    except Refusal:
        await hub.db.execute(SQL["free_key"], platform_id, key)
        raise
    await hub.db.execute(SQL["keep_answer"], platform_id, key, given.status, given.body)
    return given


async def _kept(hub: Hub, platform_id: int, key: str, digest: bytes) -> Kept:
    row = await hub.db.fetchrow(SQL["kept_answer"], platform_id, key)
    if row is not None and row["request_hash"] != digest:
        raise Refusal(
            422, "idempotency-key-reused", "this key came with another request", "Idempotency-Key"
        )
    if row is None or row["status"] is None:
        raise Refusal(409, "still-running", "the first call with this key is not answered yet")
    return Kept(status=row["status"], body=row["body"], is_repeat=True)
