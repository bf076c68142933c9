"""A partner's own answer on its way back to whoever asked, and where the question goes."""

from __future__ import annotations

from gateway.http.message import Message, Reply
from gateway.hub import find, forward
from gateway.hub.forward import Onward
from gateway.hub.peer import Answer
from ocpi import envelope
from ocpi.model.party import PartyId
from ocpi.routing import By, Forward, OpenRoute

# What a receiver's HTTP status may still say after the hub: never its 401 (that is about the hub's
# token) and never its 5xx; the envelope says the rest.
PASSED = frozenset({200, 201, 202, 400, 404, 405})


def passed_on(answer: Answer, from_: PartyId, *, is_list: bool = False) -> Reply:
    """The receiver's envelope as it came, but for two habits of widespread implementations.

    A list around a single object is taken off, and moments lose their blank (ocpi.md §10 rows 1
    and 5): whoever asked must not suffer them.
    """
    status = answer.http_status if answer.http_status in PASSED else 200
    body = answer.body if is_list else envelope.unwrapped(answer.body)
    return Reply(envelope=envelope.restamped(body), http_status=status, from_=from_)


def onward(message: Message, to: PartyId, *, query_string: str | None = None) -> Onward:
    """The same request for another receiver; the body travels as it came."""
    route = message.route
    return Onward(
        method=route.method,
        module=route.module,
        side=route.interface,
        to=to,
        from_=message.speaker,
        version=route.version,
        suffix=message.suffix,
        query_string=message.query_string if query_string is None else query_string,
        body=message.body or None,
        body_kind=route.body_kind,
        correlation_id=message.correlation_id,
    )


async def forward_to(message: Message, to: PartyId) -> Reply:
    """Asks the receiver and passes its answer back."""
    answer = await forward.send(message.hub, onward(message, to))
    return passed_on(answer, to)


async def receiver(message: Message) -> PartyId | None:
    """Who the message is for: named, or found by the session in the URL; None: the hub itself."""
    match message.decision:
        case Forward(to=to):
            if "session_id" in message.parameters:
                await _refuse_foreign(message, to)
            return to
        case OpenRoute(by=By.SESSION):
            session_id = message.parameters["session_id"]
            return await find.other_side_of_session(message.hub, session_id, message.speaker)
        case _:
            return None


async def _refuse_foreign(message: Message, to: PartyId) -> None:
    """A session is named to its CPO by its driver's side, or by the CPO itself: by nobody else."""
    hub, session_id = message.hub, message.parameters["session_id"]
    await find.refuse_foreign_session(hub, to, session_id, message.speaker)


async def forward_by_session(message: Message) -> Reply:
    """Charging preferences and active profiles: to the other side of the session."""
    message.hub.wire.decode(message.route.version, message.route.body_kind or "", message.body)
    to = await receiver(message)
    assert to is not None
    return await forward_to(message, to)
