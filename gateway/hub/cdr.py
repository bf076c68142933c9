"""CDRs: accepted when durable, with the settle row in the same transaction; never overwritten.

Same owner, id and content: the same answer again. Same id with other content: a conflict row for
people and 2001 (ocpi.md §9.11). A credit names the CDR it takes back, once (OCPI mod_cdrs).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec

from gateway.hub.announce import announcement, row_of
from gateway.hub.commit import Bulk
from gateway.hub.context import Hub
from gateway.store.object import CDRS, Key, Row
from ocpi.errors import UNKNOWN_RECEIVER, OcpiError, invalid
from ocpi.model.cdr import Cdr
from ocpi.model.party import PartyId, fold

FUTURE_MAX = timedelta(minutes=5)
URL_KEY_BYTES = 18
_TEXTUAL = msgspec.json.Decoder(Any, float_hook=lambda text: "number:" + text)


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """`url_key` is the last segment of the CDR's own URL; unguessable."""

    url_key: str
    is_new: bool


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """A CDR as its CPO posted it."""

    version: str
    raw: bytes
    origin: PartyId
    correlation_id: str
    to: PartyId | None = None


async def accept(hub: Hub, post: Post) -> Accepted:
    """Stores the CDR once; raises 2001 for another content under the same id."""
    cdr: Cdr = hub.wire.decode(post.version, "cdr", post.raw)
    network = await hub.directory.current()
    owner = PartyId(fold(cdr.country_code), fold(cdr.party_id))
    if owner != post.origin:
        raise invalid("country_code", "the CDR belongs to another party than the one that sends it")
    receiver = PartyId(fold(cdr.cdr_token.country_code), fold(cdr.cdr_token.party_id))
    if post.to is not None and post.to not in {receiver, hub.party}:
        raise invalid("cdr_token", "the token belongs to another party than the one addressed")
    if post.to is not None and not network.is_known(post.to):
        raise OcpiError(UNKNOWN_RECEIVER, 200, "OCPI-to-party-id: no such party")
    _check(hub, cdr)
    key = Key(owner, fold(cdr.id))
    row = Row(key=key, version=post.version, body=post.raw, last_updated=cdr.last_updated)

    accepted = await hub.commit("cdrs", _write(post, row, cdr, receiver))
    if accepted is None:
        raise invalid("id", "another CDR with this id and other content is known already")
    if accepted.is_new:
        hub.wake()
    return accepted


def _write(
    post: Post, row: Row, cdr: Cdr, receiver: PartyId
) -> Callable[[Any], Awaitable[Accepted | None]]:
    """What stores the CDR. Credits go alone: they look first whether there was one already."""
    what = announcement(
        "cdrs",
        row.key,
        version=row.version,
        correlation_id=post.correlation_id,
        origin=row.key.owner,
        to=receiver,
        method="POST",
    )
    url_key = secrets.token_urlsafe(URL_KEY_BYTES)

    async def compare(conn: Any) -> Accepted | None:
        return await _compare(conn, row)

    bulk: Bulk[Accepted | None] = Bulk(
        sql=CDRS.sql["accept"],
        row=(
            *(row.key.owner.country_code, row.key.owner.party_id, row.key.id_key),
            *(row.version, row.body, row.body_hash, row.last_updated, url_key),
            *CDRS.columns(cdr),
            *row_of(what),
        ),
        mark=url_key,
        done=Accepted(url_key=url_key, is_new=True),
        otherwise=compare,
    )
    if not cdr.credit:
        return bulk

    async def credit(conn: Any) -> Accepted | None:
        await _check_credit(conn, row, cdr)
        return await bulk(conn)

    return credit


async def _check_credit(conn: Any, row: Row, cdr: Cdr) -> None:
    """Once per original; two credits of one CDR wait for each other."""
    owner = row.key.owner
    which = (owner.country_code, owner.party_id, fold(cdr.credit_reference_id or ""))
    await conn.execute(CDRS.sql["lock_credit"], *which)
    given = await conn.fetchval(CDRS.sql["credit_of"], *which)
    if given is not None and given != row.key.id_key:
        raise invalid("credit_reference_id", "this CDR was credited already")


async def _compare(conn: Any, row: Row) -> Accepted | None:
    """The first answer again for the same content; None (and a conflict row) for any other."""
    where = (row.key.owner.country_code, row.key.owner.party_id, row.key.id_key)
    known = await conn.fetchrow(CDRS.sql["get"], *where)
    if known["body_hash"] == row.body_hash or content_hash(known["body"]) == content_hash(row.body):
        return Accepted(url_key=known["url_key"], is_new=False)
    await conn.execute(CDRS.sql["conflict"], *where, row.body, row.body_hash)
    return None


def content_hash(raw: bytes) -> bytes:
    """The same for the same JSON, however its blanks and fields are arranged."""
    value = _TEXTUAL.decode(raw)
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).digest()


def _check(hub: Hub, cdr: Cdr) -> None:
    latest = hub.clock.now() + FUTURE_MAX
    if cdr.end_date_time < cdr.start_date_time:
        raise invalid("end_date_time", "before start_date_time")
    for field in ("end_date_time", "last_updated"):
        if getattr(cdr, field) > latest:
            raise invalid(field, "more than five minutes in the future")
    if cdr.credit and not cdr.credit_reference_id:
        raise invalid("credit_reference_id", "a credit CDR names the CDR it takes back")


async def by_url(hub: Hub, url_key: str) -> tuple[Row, PartyId] | None:
    """The CDR behind its URL and the party whose token it was."""
    record = await hub.db.fetchrow(CDRS.sql["by_url"], url_key)
    if record is None:
        return None
    key = Key(PartyId(record["country_code"], record["party_id"]), record["id_key"])
    row = Row(
        key=key,
        version=record["version"],
        body=record["body"],
        last_updated=record["last_updated"],
    )
    return row, PartyId(record["token_country"], record["token_party"])
