"""The same request on the ordinary path: decoded in full, answered whatever has to be asked."""

from __future__ import annotations

import msgspec

from gateway.http.message import Handler, Message, Reply
from gateway.hub.authorise.flow import Authoriser
from gateway.hub.authorise.render import render
from gateway.hub.authorise.request import AuthoriseRequest, Place
from ocpi.errors import SUCCESS, invalid
from ocpi.model.token import LocationReferences, TokenType

TYPE_CHARS_MAX = 36


def token_authorize(authoriser: Authoriser) -> Handler:
    """The handler of `POST …/sender/tokens/{token_uid}/authorize` (OCPI tokens module)."""

    async def handle(message: Message) -> Reply:
        hub = message.hub
        to = message.routing.to
        request = AuthoriseRequest(
            uid=message.parameters["token_uid"],
            type=_token_type(message),
            requester=message.speaker,
            to=None if to == hub.party else to,
            place=_place(message),
            version=message.route.version,
            correlation_id=message.correlation_id,
        )
        result = await authoriser.authorise(request)
        decision = result.decision
        if decision.ocpi_status != SUCCESS:
            return Reply(
                http_status=decision.http_status,
                code=decision.ocpi_status,
                message=decision.text,
                from_=result.issuer,
            )
        data = render(hub.wire, hub.party, request, result, hub.clock.now())
        return Reply(data=data, from_=result.issuer)

    return handle


def _token_type(message: Message) -> str:
    """2.1.1's table calls it token_type, and so do three peers in 2.2.1 (ocpi.md §10 no. 9)."""
    text = message.argument("type") or message.argument("token_type") or TokenType.RFID
    if len(text) > TYPE_CHARS_MAX or not text.isascii() or not text.isprintable():
        raise invalid("type", "a TokenType is expected")
    return text


def _place(message: Message) -> Place | None:
    """An empty body, `null` and `{}` say that no location is given."""
    body = message.body.strip()
    if not body or body == b"null" or _is_empty(body):
        return None
    found = message.hub.wire.decode(message.route.version, "location_references", body)
    if not isinstance(found, LocationReferences):
        raise invalid("", "LocationReferences are expected")
    return Place(found.location_id, tuple(found.evse_uids))


def _is_empty(body: bytes) -> bool:
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw]) == {}
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
