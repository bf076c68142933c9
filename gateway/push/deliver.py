"""Delivery: each partner's waiting rows, some at a time, in order per object, newest state wins.

A slow partner holds only its own places (`IN_FLIGHT` per partner). A failure waits longer each time
and at last goes to the dead letters with its reason; CDRs are tried for days, the rest for hours.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import msgspec
import structlog

from gateway.hub import client_info, forward, peer
from gateway.hub.announce import SQL
from gateway.hub.context import Failure, Hub
from gateway.hub.network import Network, Platform
from gateway.hub.peer import Answer, Request
from gateway.store import object as store
from gateway.store.object import CDRS, KINDS, Key
from ocpi import patch
from ocpi.errors import OcpiError
from ocpi.header import Routing
from ocpi.model.party import PartyId
from ocpi.text import moment_from_text

LOG = structlog.get_logger("ocpi.out")
PUSH_TIMEOUT_S = 10.0
LEASE = timedelta(seconds=5)  # so soon another process takes over from one that died
IN_FLIGHT = 4
BACKOFF_S = (1, 2, 5, 15, 60, 300, 900, 3600)
ATTEMPTS_MAX = 40
ATTEMPTS_MAX_CDR = 200
HTTP_NOT_THIS = frozenset({400, 413, 422})  # said without an envelope by some: the body is refused
MISSING = frozenset({404})  # a part of an object that the receiver does not have: send it whole


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed row."""

    platform_id: int
    to: PartyId
    module: str
    key: Key
    from_: PartyId
    method: str
    tail: str
    body: bytes | None
    version: str
    correlation_id: str
    revision: int
    attempts: int

    @property
    def row_key(self) -> tuple[object, ...]:
        owner = self.key.owner
        return (
            self.platform_id, self.to.country_code, self.to.party_id, self.module,
            owner.country_code, owner.party_id, self.key.id_key, self.key.variant,
        )  # fmt: skip


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent for a row: the newest state, or the part as it came."""

    method: str
    suffix: str
    body: bytes | None
    query_string: str = ""


def read_row(row: Any) -> Delivery:
    return Delivery(
        platform_id=row["platform_id"],
        to=PartyId(row["to_country"], row["to_party"]),
        module=row["module"],
        key=Key(PartyId(row["country_code"], row["party_id"]), row["id_key"], row["variant"]),
        from_=PartyId(row["from_country"], row["from_party"]),
        method=row["method"],
        tail=row["tail"],
        body=row["body"],
        version=row["version"],
        correlation_id=row["correlation_id"],
        revision=row["revision"],
        attempts=row["attempts"],
    )


async def deliver(hub: Hub, what: Delivery) -> bool:
    """Sends one row and settles it; True when the partner has it (or nothing is left to say)."""
    # Nothing is given up on a picture that another process may have changed a moment ago.
    found = _taker(await hub.directory.current(), what) or _taker(
        await hub.directory.reload(), what
    )
    if found is None:
        await _bury(hub, what, "the partner does not take this any more")
        return True
    answer = await _send(hub, *found, what)
    if answer is None or answer.is_success:
        await hub.db.execute(SQL["done"], *what.row_key, what.revision)
        await _release_newer(hub, what)
        return True
    await _retry_or_bury(hub, what, _reason(answer), is_refusal=_is_refusal(what, answer))
    return False


def _taker(network: Network, what: Delivery) -> tuple[Platform, str] | None:
    """The partner and where it takes this, as long as it is registered and does."""
    platform = network.platforms.get(what.platform_id)
    endpoint = platform.endpoint(what.module, "RECEIVER") if platform else None
    if platform is None or endpoint is None or not platform.is_registered:
        return None
    return platform, endpoint


async def _send(hub: Hub, platform: Platform, endpoint: str, what: Delivery) -> Answer | None:
    """None: there is nothing to say (a part of something that has gone)."""
    said = await _say(hub, platform, what)
    if said is None:
        return None
    answer = await _put(hub, platform, endpoint, what, said)
    if what.body is not None and answer.http_status in MISSING:
        whole = msgspec.structs.replace(what, method="PUT", tail="", body=None)
        said = await _say(hub, platform, whole)
        return None if said is None else await _put(hub, platform, endpoint, what, said)
    return answer


async def _put(hub: Hub, platform: Platform, endpoint: str, what: Delivery, said: Said) -> Answer:
    is_routed = what.module != client_info.MODULE
    return await peer.ask(
        hub,
        platform,
        Request(
            method=said.method,
            url=forward.address(endpoint, said.suffix, said.query_string),
            body=said.body,
            routing=Routing(what.to, what.from_) if is_routed else Routing(),
            correlation_id=what.correlation_id,
            module=what.module,
            timeout_s=PUSH_TIMEOUT_S,
        ),
    )


async def _say(hub: Hub, platform: Platform, what: Delivery) -> Said | None:
    version = platform.version or what.version
    if what.module == client_info.MODULE:
        # Read now: a picture from before the change would tell the old state, and nothing after it.
        return _say_client_info(hub, await hub.directory.reload(), version, what)
    owner = what.key.owner
    row = await store.get(hub.db, KINDS[what.module], what.key)
    if row is None:
        if what.method != "DELETE":
            return None
        return Said(method="DELETE", suffix=_path(owner, what.key.id_key), body=None)
    wire_kind = KINDS[what.module].wire_kind
    if what.body is not None and what.version == version and _is_newest(what, row.body):
        suffix = _path(owner, _id(row.body), *filter(None, what.tail.split("/")))
        return Said(method=what.method, suffix=suffix, body=what.body, query_string=_query(what))
    body = row.body
    if row.version != version:
        body, _ = hub.wire.encode(version, hub.wire.decode(row.version, wire_kind, body))
    if what.module == CDRS.module:
        return Said(method="POST", suffix="", body=body)
    suffix = _path(owner, _id(row.body))
    return Said(method="PUT", suffix=suffix, body=body, query_string=_query(what))


class _Stamp(msgspec.Struct):
    last_updated: str = ""


def _is_newest(what: Delivery, whole: bytes) -> bool:
    """False where the part has changed since: two processes spread announcements side by side, and
    the newer change may have been told already. What is sent then is the whole, as it is now.
    """
    try:
        part = patch.take(whole, *what.tail.split("/")) if what.tail else whole
        known, sent = (
            moment_from_text(msgspec.json.decode(raw, type=_Stamp).last_updated)
            for raw in (part, what.body or b"")
        )
    except (OcpiError, msgspec.MsgspecError, ValueError):
        return False
    return known <= sent


def _say_client_info(hub: Hub, network: Network, version: str, what: Delivery) -> Said | None:
    for member in network.by_party.get(what.key.owner, ()):
        if member.role == what.key.id_key:
            body, _ = hub.wire.encode(version, client_info.info_of(network, member))
            return Said(method="PUT", suffix=_path(what.key.owner), body=body)
    return None


class _Named(msgspec.Struct):
    id: str = ""
    uid: str = ""


def _id(body: bytes) -> str:
    """The id as its owner spells it; the key is upper case."""
    named = msgspec.json.decode(body, type=_Named)
    return named.id or named.uid


def _path(owner: PartyId, *parts: str) -> str:
    names = (owner.country_code, owner.party_id, *parts)
    return "".join("/" + quote(name, safe="") for name in names)


def _query(what: Delivery) -> str:
    return f"type={quote(what.key.variant, safe='')}" if what.key.variant else ""


def _reason(answer: Answer) -> str:
    if answer.failure is not None:
        return answer.failure.value
    code = answer.envelope.status_code if answer.envelope else None
    return f"HTTP {answer.http_status}, OCPI {code}"


def _is_refusal(what: Delivery, answer: Answer) -> bool:
    """The partner understood and said no: saying the same again will not help."""
    if answer.failure is Failure.REFUSED_URL:
        return True
    if answer.envelope is None:  # a CDR is money: only a partner's own OCPI words end it
        return answer.http_status in HTTP_NOT_THIS and what.module != CDRS.module
    return answer.http_status < 500 and 2000 <= answer.envelope.status_code < 3000


async def _retry_or_bury(hub: Hub, what: Delivery, reason: str, *, is_refusal: bool) -> None:
    limit = ATTEMPTS_MAX_CDR if what.module == CDRS.module else ATTEMPTS_MAX
    if is_refusal or what.attempts >= limit:
        await _bury(hub, what, reason)
        return
    pause_s = BACKOFF_S[min(what.attempts, len(BACKOFF_S)) - 1]
    jitter = 1 + random.random() / 4  # noqa: S311 - spreads retries, hides nothing
    not_before = hub.clock.now() + timedelta(seconds=pause_s * jitter)
    await hub.db.execute(SQL["release"], *what.row_key, not_before, reason)


async def _bury(hub: Hub, what: Delivery, reason: str) -> None:
    """Kept for people with its reason; a change that arrived meanwhile stays in the queue."""
    LOG.warning("delivery refused", module=what.module, to=str(what.to), reason=reason)
    async with hub.db.transaction() as conn:
        await conn.execute(SQL["done"], *what.row_key, what.revision)
        await conn.execute(SQL["bury"], *what.row_key, what.attempts, reason)
    await _release_newer(hub, what)


async def _release_newer(hub: Hub, what: Delivery) -> None:
    """What changed while it was being sent is due at once."""
    await hub.db.execute(SQL["release_newer"], *what.row_key, what.revision, hub.clock.now())


async def claim(hub: Hub, platform_ids: list[int], places: int) -> list[Delivery]:
    """Some due rows of each of these partners, under a lease."""
    now = hub.clock.now()
    rows = await hub.db.fetch(SQL["claim"], platform_ids, places, now, now + LEASE)
    return [read_row(r) for r in rows]


async def renew(hub: Hub, held: Collection[Delivery]) -> None:
    """The leases of these rows begin again."""
    columns = [list(column) for column in zip(*(what.row_key for what in held), strict=True)]
    await hub.db.execute(SQL["renew"], *columns, hub.clock.now() + LEASE)


async def due_platforms(hub: Hub) -> list[int]:
    """Partners for whom something is due now."""
    rows = await hub.db.fetch(SQL["due"], hub.clock.now())
    return [r["platform_id"] for r in rows]
