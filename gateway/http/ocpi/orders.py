"""Commands and charging profiles: orders whose result comes later, to the hub's own address."""

from __future__ import annotations

from urllib.parse import urlencode

from gateway.http.message import Message, Reply
from gateway.http.ocpi.passing import onward, passed_on, receiver
from gateway.hub import command
from gateway.hub.command import Order
from gateway.hub.peer import Answer
from ocpi.errors import invalid
from ocpi.routing import Forward

RESULT_PATH = "/sender/chargingprofiles/result"
URL_CHARS_MAX = 2048


async def command_post(message: Message) -> Reply:
    """POST commands/{command}: passed to the CPO, whose CommandResponse comes straight back."""
    to = message.decision.to if isinstance(message.decision, Forward) else None
    relayed = await command.send_command(
        message.hub,
        name=message.parameters["command"],
        raw=message.body,
        version=message.route.version,
        origin=message.speaker,
        platform_id=message.caller.platform.platform_id,
        correlation_id=message.correlation_id,
        to=to,
    )
    return passed_on(relayed.answer, relayed.to)


async def command_result_post(message: Message) -> Reply:
    """POST to the hub's response_url: stored once, relayed to whoever asked."""
    return await _take(message, message.parameters["command"], message.route.body_kind or "")


async def profile_result_post(message: Message) -> Reply:
    """The same for charging profiles; the three results share one address."""
    return await _take(message, None, message.route.body_kind or "")


async def _take(message: Message, kind: str | None, body_kind: str) -> Reply:
    wire, version = message.hub.wire, message.route.version
    value = wire.decode(version, body_kind, message.body)
    answer = await command.take_result(
        message.hub,
        message.parameters["uid"],
        kind,
        message.body,
        record=wire.encode(version, value)[0],
        sender=message.caller.platform,
        correlation_id=message.correlation_id,
    )
    return Reply() if answer is None else _relayed(message, answer)


def _relayed(message: Message, answer: Answer) -> Reply:
    return passed_on(answer, message.hub.party)


async def profile_order(message: Message) -> Reply:
    """GET, PUT, DELETE of a charging profile: to the CPO of the session."""
    to = await receiver(message)
    assert to is not None
    url, query_string, record = _response_url(message)
    relayed = await command.order(
        message.hub,
        Order(
            kind=f"CHARGING_PROFILE_{message.route.method}",
            origin=message.speaker,
            origin_platform=message.caller.platform.platform_id,
            origin_url=url,
            result_path=RESULT_PATH,
            record=record,
            onward=onward(message, to, query_string=query_string),
        ),
    )
    return passed_on(relayed.answer, to)


def _response_url(message: Message) -> tuple[str, str, bytes]:
    """The asker's response_url, the query without it, and what is kept of the request."""
    if message.route.method == "PUT":
        wire, version = message.hub.wire, message.route.version
        value = wire.decode(version, message.route.body_kind or "", message.body)
        return value.response_url, message.query_string, wire.encode(version, value)[0]
    url = message.argument("response_url")
    if not url or len(url) > URL_CHARS_MAX or not url.isprintable():
        raise invalid("response_url", "a URL in the query is required")
    rest = [(k, v) for k, v in message.query if k != "response_url"]
    return url, urlencode(rest), b"{}"
