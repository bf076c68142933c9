"""Receiver interfaces: what an owner says becomes durable, then others hear of it.

State and outbox row are one transaction; whoever is answered 1000 is answered after the commit.
The stored body is the owner's own bytes, so unknown fields and values survive (ocpi.md §3 row 16).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from gateway.hub.announce import announce, announcement
from gateway.hub.context import Hub
from gateway.store import object as store
from gateway.store.object import Key, Kind, Row
from ocpi import patch
from ocpi.errors import INVALID_PARAMETERS, UNKNOWN_LOCATION, OcpiError, invalid
from ocpi.model.location import Location
from ocpi.model.party import PartyId, fold, same
from ocpi.model.session import Session
from ocpi.model.tariff import Tariff
from ocpi.text import moment_from_text

FUTURE_MAX = timedelta(minutes=5)
IDENTITY_FIELDS = {"tokens": "uid"}


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """One change as its owner sent it. `announce_to`: one receiver, or everybody, or nobody."""

    kind: Kind
    key: Key
    version: str
    raw: bytes
    origin: PartyId
    correlation_id: str
    to: PartyId | None = None
    is_silent: bool = False
    evse_uid: str | None = None
    connector_id: str | None = None

    @property
    def tail(self) -> str:
        parts = [p for p in (self.evse_uid, self.connector_id) if p is not None]
        return "/".join(parts)

    @property
    def wire_kind(self) -> str:
        if self.connector_id is not None:
            return "connector"
        return "evse" if self.evse_uid is not None else self.kind.wire_kind


async def put(hub: Hub, push: Push) -> bool | None:
    """Stores the whole object (or a whole EVSE or connector); see `store.upsert` for the answer."""
    value = hub.wire.decode(push.version, push.wire_kind, push.raw)
    check_identity(push, value)
    check_not_future(hub, value.last_updated)
    check_addressee(push, value)
    if push.evse_uid is not None:
        return await _change(hub, push, "PUT", lambda old: _placed(push, old))

    async def write(conn: Any) -> bool | None:
        row = Row(
            key=push.key, version=push.version, body=push.raw, last_updated=value.last_updated
        )
        return await _store(hub, conn, push, row, value, method="PUT", body=None)

    stored: bool | None = await _commit(hub, push, write)
    return stored


async def apply_patch(hub: Hub, push: Push) -> bool | None:
    """Merges a PATCH into what is stored; without an object there is nothing to patch."""
    return await _change(hub, push, "PATCH", lambda old: _patched(push, old))


async def remove_tariff(hub: Hub, push: Push) -> bool:
    """Withdraws a tariff; its versions stay in the archive. False: it was not there."""
    now = hub.clock.now()

    async def write(conn: Any) -> bool:
        owner = push.key.owner
        where = (owner.country_code, owner.party_id, push.key.id_key)
        if await conn.fetchval(push.kind.sql["remove"], *where) is None:
            return False
        await conn.execute(push.kind.sql["withdraw"], *where, now)
        await _announce(conn, push, method="DELETE", body=None, to=push.to)
        return True

    removed: bool = await _commit(hub, push, write)
    return removed


def check_identity(push: Push, value: Any) -> None:
    """URL and body name the same object of the same owner, or nothing happens (2001)."""
    owner = push.key.owner
    if push.evse_uid is None:
        field = IDENTITY_FIELDS.get(push.kind.module, "id")
        _same(field, getattr(value, field), push.key.id_key)
        _same("country_code", value.country_code, owner.country_code)
        _same("party_id", value.party_id, owner.party_id)
        if push.kind.has_variant and value.type != push.key.variant:
            raise invalid("type", "the URL names another token type than the body")
    elif push.connector_id is None:
        _same("uid", value.uid, push.evse_uid)
    else:
        _same("id", value.id, push.connector_id)


def check_not_future(hub: Hub, last_updated: datetime) -> None:
    """A clock that is ahead would shut out every later update (reliability §5.3)."""
    if last_updated > hub.clock.now() + FUTURE_MAX:
        raise invalid("last_updated", "more than five minutes in the future")


def check_addressee(push: Push, value: Any) -> None:
    """A session goes to the party whose token it is, whatever the to-headers say."""
    if push.to is None or not isinstance(value, Session):
        return
    token = value.cdr_token
    if PartyId(fold(token.country_code), fold(token.party_id)) != push.to:
        raise invalid("cdr_token", "the token belongs to another party than the one addressed")


def _same(field: str, left: str, right: str) -> None:
    if not same(left, right):
        raise invalid(field, "the URL names another one than the body")


async def _change(
    hub: Hub, push: Push, method: str, merge: Callable[[bytes], bytes]
) -> bool | None:
    """Read, merge, write under the row's lock; what is older than the part it meets is dropped."""
    whole = msgspec.structs.replace(push, evse_uid=None, connector_id=None)

    async def write(conn: Any) -> bool | None:
        old = await store.lock(conn, push.kind, push.key)
        if old is None:
            raise _unknown(push)
        if old.version != push.version:
            raise invalid("version", "the object was sent in another version: PUT it whole")
        if _moment(push, push.raw) < _moment(push, _part(push, old.body)):
            return None
        body = merge(old.body)
        if body == old.body:
            return None
        value = hub.wire.decode(push.version, push.kind.wire_kind, body)
        check_identity(whole, value)
        check_not_future(hub, value.last_updated)
        row = Row(key=push.key, version=push.version, body=body, last_updated=value.last_updated)
        return await _store(hub, conn, push, row, value, method=method, body=push.raw, is_held=True)

    changed: bool | None = await _commit(hub, push, write)
    return changed


def _part(push: Push, location: bytes) -> bytes | None:
    """What the change meets: the object, or the EVSE or connector if it is there already."""
    if push.evse_uid is None:
        return location
    try:
        return patch.take(location, push.evse_uid, push.connector_id)
    except OcpiError:
        return None


class _Stamp(msgspec.Struct):
    last_updated: str = ""


def _moment(push: Push, part: bytes | None) -> datetime:
    """When a part was last updated; a part that is not there is older than everything."""
    if part is None:
        return store.BEGINNING
    try:
        return moment_from_text(msgspec.json.decode(part, type=_Stamp).last_updated)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise invalid(f"{push.wire_kind}.last_updated", "a timestamp is required") from error


def _placed(push: Push, old: bytes) -> bytes:
    if push.evse_uid is None:
        return push.raw
    return _place(push, old, push.raw)


def _patched(push: Push, old: bytes) -> bytes:
    if push.evse_uid is None:
        return patch.merge(old, push.raw)
    inner = patch.take(old, push.evse_uid, push.connector_id)
    return _place(push, old, patch.merge(inner, push.raw))


def _place(push: Push, location: bytes, new: bytes) -> bytes:
    evse_uid = push.evse_uid or ""
    if push.connector_id is None:
        return patch.place_evse(location, evse_uid, new)
    return patch.place_connector(location, evse_uid, push.connector_id, new)


def _unknown(push: Push) -> OcpiError:
    code = UNKNOWN_LOCATION if push.kind.module == "locations" else INVALID_PARAMETERS
    return OcpiError(code, 404, f"{push.wire_kind}: no such object; PUT it first")


async def _commit(hub: Hub, push: Push, write: Callable[[Any], Awaitable[Any]]) -> Any:
    result = await hub.commit(push.kind.module, write)
    if result is not None:
        if push.kind is store.TOKENS:
            await hub.token_changed(push.key.id_key, push.key.variant)
        hub.wake()
    return result


async def _store(
    hub: Hub,
    conn: Any,
    push: Push,
    row: Row,
    value: Any,
    *,
    method: str,
    body: bytes | None,
    is_held: bool = False,
) -> bool | None:
    fixed: tuple[object, ...] = ()
    if isinstance(value, Session):
        fixed = await _fix(hub, conn, row, value)
    inserted = await store.upsert(conn, push.kind, row, value, *fixed, is_held=is_held)
    if inserted is None:
        return None
    if isinstance(value, Tariff):
        await _archive(hub, conn, row)
    await _announce(conn, push, method=method, body=body, to=_concerned(push, value))
    return inserted


def _concerned(push: Push, value: Any) -> PartyId | None:
    """A session concerns the party whose token it is, and nobody else; the rest is for all."""
    if push.to is not None or not isinstance(value, Session):
        return push.to
    return PartyId(fold(value.cdr_token.country_code), fold(value.cdr_token.party_id))


async def is_overtaken(hub: Hub, push: Push) -> bool:
    """Whether the hub knows something newer of this object (or part) than this change of it."""
    if not push.raw:  # a withdrawal bears no moment
        return False
    row = await store.get(hub.db, push.kind, push.key)
    return row is not None and _moment(push, push.raw) < _moment(push, _part(push, row.body))


async def tell_later(hub: Hub, push: Push, to: PartyId, method: str) -> None:
    """For a receiver that could not be reached just now: it gets the newest state when it can."""
    loud = msgspec.structs.replace(push, is_silent=False)
    async with hub.db.transaction() as conn:
        await _announce(
            conn, loud, method="DELETE" if method == "DELETE" else "PUT", body=None, to=to
        )
    hub.wake()


async def _announce(
    conn: Any, push: Push, *, method: str, body: bytes | None, to: PartyId | None
) -> None:
    if push.is_silent:
        return
    what = announcement(
        push.kind.module,
        push.key,
        version=push.version,
        correlation_id=push.correlation_id,
        origin=push.origin,
        to=to,
        method=method,
        tail=push.tail if body is not None else "",
        body=body,
    )
    await announce(conn, what)


async def _archive(hub: Hub, conn: Any, row: Row) -> None:
    sql = store.TARIFFS.sql
    where = (row.key.owner.country_code, row.key.owner.party_id, row.key.id_key)
    at = await conn.fetchval(sql["published_at"], *where, hub.clock.now(), row.last_updated)
    await conn.execute(sql["withdraw"], *where, at)
    await conn.execute(sql["archive"], *where, row.version, row.body, row.body_hash, at)


async def _fix(hub: Hub, conn: Any, row: Row, session: Session) -> tuple[object, ...]:
    """The zone and the tariffs in force at the start: what was public then is what is paid."""
    owner = row.key.owner
    place_key = (owner.country_code, owner.party_id, fold(session.location_id))
    found = await conn.fetchrow(store.LOCATIONS.sql["zone"], *place_key)
    if found is None:
        return (None, None)
    location = hub.wire.decode(found["version"], "location", found["body"])
    wanted = [fold(t) for t in _tariff_ids(location, session)]
    args = (owner.country_code, owner.party_id, wanted)
    rows = await conn.fetch(store.TARIFFS.sql["public_at"], *args, session.start_date_time)
    if not rows:
        rows = await conn.fetch(store.TARIFFS.sql["first_of"], *args)
    return (found["time_zone"], [r["hash"] for r in rows] or None)


def _tariff_ids(location: Location, session: Session) -> tuple[str, ...]:
    named = [p.tariff_id for p in session.charging_periods if p.tariff_id]
    if named:
        return tuple(dict.fromkeys(named))
    for evse in location.evses:
        if same(evse.uid, session.evse_uid):
            for connector in evse.connectors:
                if same(connector.id, session.connector_id):
                    return connector.tariff_ids
    return ()
