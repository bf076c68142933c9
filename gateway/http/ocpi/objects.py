"""Receiver interfaces of locations, tariffs, tokens, sessions and cdrs, and single objects."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from gateway.http.message import Message, Reply
from gateway.http.ocpi.passing import forward_to, onward, passed_on
from gateway.hub import cdr, find, forward
from gateway.hub import object as objects
from gateway.hub.object import Push
from gateway.store import object as store
from gateway.store.object import KINDS, Key
from ocpi import patch
from ocpi.errors import (
    FORWARD_TIMEOUT,
    INVALID_PARAMETERS,
    NOT_CONNECTED,
    UNKNOWN_LOCATION,
    UNKNOWN_TOKEN,
    OcpiError,
    invalid,
)
from ocpi.model.party import PartyId, fold
from ocpi.routing import Forward
from ocpi.wire.catalog import prefix

TOKEN_TYPE_DEFAULT = "RFID"  # noqa: S105 - OCPI mod_tokens: the type when the URL names none
_TYPE = re.compile(r"[A-Za-z0-9_]{1,36}\Z")
ID_OF = {
    "locations": "location_id",
    "tariffs": "tariff_id",
    "tokens": "token_uid",
    "sessions": "session_id",
}
UNKNOWN = {"locations": UNKNOWN_LOCATION, "tokens": UNKNOWN_TOKEN}
RETRIED = frozenset({FORWARD_TIMEOUT, NOT_CONNECTED})


def token_type(message: Message) -> str:
    """The type in the URL; two libraries write 2.1.1's name for it (ocpi.md §10.9)."""
    given = message.argument("type") or message.argument("token_type") or TOKEN_TYPE_DEFAULT
    if not _TYPE.match(given):
        raise invalid("type", "a TokenType is expected")
    return given


def _key(message: Message) -> Key:
    module = message.route.module
    variant = token_type(message) if module == "tokens" else ""
    return Key(message.owner, fold(message.parameters[ID_OF[module]]), variant)


def _push(message: Message) -> Push:
    direct = message.decision.to if isinstance(message.decision, Forward) else None
    return Push(
        kind=KINDS[message.route.module],
        key=_key(message),
        version=message.route.version,
        raw=message.body,
        origin=message.speaker,
        correlation_id=message.correlation_id,
        to=direct,
        is_silent=direct is not None,
        evse_uid=message.parameters.get("evse_uid"),
        connector_id=message.parameters.get("connector_id"),
    )


async def object_put(message: Message) -> Reply:
    """PUT: the whole object, EVSE or connector."""
    return await _change(message, lambda push: objects.put(message.hub, push))


async def object_patch(message: Message) -> Reply:
    """PATCH: some fields and last_updated."""
    return await _change(message, lambda push: objects.apply_patch(message.hub, push))


async def tariff_delete(message: Message) -> Reply:
    """DELETE: 404 when there is no such tariff, so a repeat changes nothing."""

    async def remove(push: Push) -> bool | None:
        if not await objects.remove_tariff(message.hub, push):
            raise OcpiError(INVALID_PARAMETERS, 404, "tariff_id: no such tariff")
        return False

    return await _change(message, remove)


async def _change(message: Message, write: Callable[[Push], Awaitable[bool | None]]) -> Reply:
    push = _push(message)
    if push.to is not None:  # before anything is stored: 4001 and 4003 change nothing
        receiver = forward.receiver_of(message.hub, message.network, onward(message, push.to))
        is_ocpi = receiver.kind == "ocpi"
    else:
        is_ocpi = False
    is_new = await write(push)
    if push.to is None or not is_ocpi:
        return Reply(http_status=201 if is_new else 200)
    if is_new is None and await objects.is_overtaken(message.hub, push):
        return Reply()  # the receiver has heard the newer, or hears it from whoever brought it
    reply = await _tell(message, push, push.to)
    if await objects.is_overtaken(message.hub, push):  # by another process, while this was told
        await objects.tell_later(message.hub, push, push.to, message.route.method)
    return reply


async def _tell(message: Message, push: Push, to: PartyId) -> Reply:
    """The named receiver hears at once and answers; if it cannot be reached, it hears later too."""
    try:
        answer = await forward.send(message.hub, onward(message, to))
    except OcpiError as error:
        if error.code in RETRIED:
            await objects.tell_later(message.hub, push, to, message.route.method)
        raise
    return passed_on(answer, to)


async def object_get(message: Message) -> Reply:
    """GET of the caller's own object as the hub has it, or of a party's copy when it is named."""
    if isinstance(message.decision, Forward):
        return await forward_to(message, message.decision.to)
    kind = KINDS[message.route.module]
    row = await store.get(message.hub.db, kind, _key(message))
    if row is None:
        raise _absent(message.route.module)
    return _body(message, row.body, row.version)


async def location_get(message: Message) -> Reply:
    """GET on the hub's Sender interface: a location, EVSE or connector by id alone."""
    if isinstance(message.decision, Forward):
        return await forward_to(message, message.decision.to)
    owner = await find.owner_of_location(message.hub, message.parameters["location_id"])
    if not message.network.allows(owner, message.speaker, "locations"):
        raise _absent("locations")
    key = Key(owner, fold(message.parameters["location_id"]))
    row = await store.get(message.hub.db, store.LOCATIONS, key)
    if row is None:
        raise _absent("locations")
    return _body(message, row.body, row.version)


def _body(message: Message, body: bytes, version: str) -> Reply:
    evse_uid = message.parameters.get("evse_uid")
    kind = KINDS[message.route.module].wire_kind
    if version != message.route.version:
        value = message.hub.wire.decode(version, kind, body)
        body, _ = message.hub.wire.encode(message.route.version, value)
    if evse_uid is not None:
        body = patch.take(body, evse_uid, message.parameters.get("connector_id"))
    return Reply(data=body)


def _absent(module: str) -> OcpiError:
    code = UNKNOWN.get(module, INVALID_PARAMETERS)
    return OcpiError(code, 404, f"{module}: no such object")


async def cdr_post(message: Message) -> Reply:
    """POST: 200 only when durable; the Location header names the CDR for ever."""
    hub = message.hub
    direct = message.decision.to if isinstance(message.decision, Forward) else None
    accepted = await cdr.accept(
        hub,
        cdr.Post(
            version=message.route.version,
            raw=message.body,
            origin=message.speaker,
            correlation_id=message.correlation_id,
            to=direct,
        ),
    )
    root = hub.root(message.route.version)
    url = f"{root}{prefix('cdrs', 'RECEIVER')}/{accepted.url_key}"
    return Reply(http_status=201 if accepted.is_new else 200, headers=(("Location", url),))


async def cdr_get(message: Message) -> Reply:
    """GET of a CDR by its own URL: for its CPO and for the party whose token it was."""
    found = await cdr.by_url(message.hub, message.parameters["cdr_key"])
    platform = message.caller.platform
    if found is None or not (platform.owns(found[0].key.owner) or platform.owns(found[1])):
        raise _absent("cdrs")
    return _body(message, found[0].body, found[0].version)
