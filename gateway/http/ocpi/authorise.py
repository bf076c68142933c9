"""POST tokens/{uid}/authorize on the ordinary path; the hot lane answers alike (mod_tokens)."""

from __future__ import annotations

from gateway.http.message import Handler, Message, Reply
from gateway.http.ocpi.objects import token_type
from gateway.hub.authorise.flow import Authoriser
from gateway.hub.authorise.render import render
from gateway.hub.authorise.request import AuthoriseRequest, Place
from ocpi.errors import SUCCESS
from ocpi.model.token import LocationReferences
from ocpi.routing import Forward


def token_authorize(authoriser: Authoriser) -> Handler:
    """The handler of this process's authoriser."""

    async def handle(message: Message) -> Reply:
        request = AuthoriseRequest(
            uid=message.parameters["token_uid"],
            type=token_type(message),
            requester=message.speaker,
            to=message.decision.to if isinstance(message.decision, Forward) else None,
            place=_place(message),
            version=message.route.version,
            correlation_id=message.correlation_id,
        )
        result = await authoriser.authorise(request)
        hub, decision = message.hub, result.decision
        data = render(hub.wire, hub.party, request, result, hub.clock.now())
        if decision.ocpi_status != SUCCESS:
            return Reply(
                http_status=decision.http_status, code=decision.ocpi_status, message=decision.text
            )
        return Reply(data=data, from_=result.issuer)

    return handle


def _place(message: Message) -> Place | None:
    """LocationReferences are optional; what is sent must be understood."""
    if not message.body.strip():
        return None
    kind = message.route.body_kind or ""
    sent: LocationReferences = message.hub.wire.decode(message.route.version, kind, message.body)
    return Place(sent.location_id, sent.evse_uids)
