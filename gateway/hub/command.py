"""Commands and charging profiles: the hub's response_url goes on, the result finds its way back.

Peers need not reach each other (ocpi.md §3 row 21). The row is durable before the receiver hears of
it; results are taken only from the platform the command was sent to; the first one counts.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from gateway.hub import find, forward, peer
from gateway.hub.context import Failure, Hub
from gateway.hub.forward import Onward
from gateway.hub.network import Platform
from gateway.hub.peer import Answer, Request
from gateway.store.sql import load
from ocpi import command as commands
from ocpi import envelope
from ocpi.errors import INVALID_PARAMETERS, OcpiError, invalid
from ocpi.header import Routing
from ocpi.model.command import Command, ReserveNow, StartSession
from ocpi.model.party import PartyId, fold

SQL = load("gateway.store", "command.sql")
KEY_BYTES = 24
RESULT_WAIT_S = 120
RESPONSE_TIMEOUT_S = 30.0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One request that will have a result. `origin_url` None: the plain API asked, and looks it up.

    `kind` is the command's name, or the charging profile's method. The body (or the query string)
    of `onward` still carries the asker's response_url, or none: `order` puts the hub's own there.
    `record` is what is kept: a model value encoded again, since a partner's own JSON may hold
    numbers and escapes that the database refuses.
    """

    kind: str
    origin: PartyId
    origin_platform: int
    origin_url: str | None
    result_path: str
    onward: Onward
    record: bytes


class Relayed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an order's first step. `key` names it for whoever waits for the result."""

    key: str
    answer: Answer
    to: PartyId


async def order(hub: Hub, order: Order) -> Relayed:
    """Sends the order on, with a response_url of the hub's; raises hub errors (4001-4003)."""
    network = await hub.directory.current()
    platform = forward.receiver_of(hub, network, order.onward)
    key = secrets.token_urlsafe(KEY_BYTES)
    now = hub.clock.now()
    await hub.db.execute(
        SQL["insert"],
        key,
        order.kind,
        order.origin.country_code,
        order.origin.party_id,
        order.origin_platform,
        order.onward.to.country_code,
        order.onward.to.party_id,
        platform.platform_id,
        order.origin_url,
        order.record.decode(),
        order.onward.correlation_id,
        now,
        now + timedelta(seconds=RESULT_WAIT_S),
    )
    url = f"{hub.root(order.onward.version)}{order.result_path}/{key}"
    answer = await forward.send(hub, with_response_url(order.onward, url))
    data = envelope.single(answer.envelope.data) if answer.envelope else None
    if data is not None:
        said = _response(data)
        expires_at = hub.clock.now() + timedelta(seconds=_wait_s(said))
        kept = msgspec.json.encode({"result": said.result}).decode()
        await hub.db.execute(SQL["responded"], key, kept, expires_at)
    return Relayed(key=key, answer=answer, to=order.onward.to)


class _Response(msgspec.Struct):
    result: str = ""
    timeout: int | float | str = RESULT_WAIT_S


def _response(data: bytes) -> _Response:
    """As much of a CommandResponse as the hub itself needs; the rest is between the parties."""
    try:
        return msgspec.json.decode(data, type=_Response)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _Response()


def _wait_s(response: _Response) -> int:
    """How long a partner says its result may take; what it says wrongly is our own patience."""
    try:
        return commands.wait_s(int(response.timeout))
    except (ValueError, OverflowError):
        return RESULT_WAIT_S


def with_response_url(onward: Onward, url: str) -> Onward:
    """The same request with the hub's response_url in its body, or in its query."""
    if onward.body is not None:
        body = commands.with_response_url(onward.body, url)
        return msgspec.structs.replace(onward, body=body)
    joined = "&".join(filter(None, (onward.query_string, f"response_url={quote(url, safe='')}")))
    return msgspec.structs.replace(onward, query_string=joined)


async def send_command(
    hub: Hub,
    *,
    name: str,
    raw: bytes,
    version: str,
    origin: PartyId,
    platform_id: int,
    correlation_id: str,
    to: PartyId | None = None,
    is_from_api: bool = False,
) -> Relayed:
    """POST commands/{command}: checked, recorded, sent to the CPO that owns what it is about.

    The plain API calls this too, with any response_url in the body and `is_from_api`.
    """
    value: Command = hub.wire.decode(version, commands.kind(name), raw)
    check_token(value, origin)
    receiver = to or await find.receiver_of_command(hub, value, origin)
    session_id = commands.target(value).session_id
    if session_id is not None:
        await find.refuse_foreign_session(hub, receiver, session_id, origin)
    return await order(
        hub,
        Order(
            kind=name,
            origin=origin,
            origin_platform=platform_id,
            origin_url=None if is_from_api else value.response_url,
            result_path=f"/sender/commands/{name}",
            record=hub.wire.encode(version, value)[0],
            onward=Onward(
                method="POST",
                module="commands",
                side="RECEIVER",
                to=receiver,
                from_=origin,
                version=version,
                suffix=f"/{name}",
                body=raw,
                body_kind=commands.kind(name),
                correlation_id=correlation_id,
                timeout_s=RESPONSE_TIMEOUT_S,
            ),
        ),
    )


def check_token(value: Command, origin: PartyId) -> None:
    """A party starts sessions and reserves with its own tokens only."""
    if isinstance(value, StartSession | ReserveNow):
        token = value.token
        if PartyId(fold(token.country_code), fold(token.party_id)) != origin:
            raise invalid("token", f"not a token of {origin}")


async def take_result(
    hub: Hub,
    key: str,
    kind: str | None,
    raw: bytes,
    *,
    record: bytes,
    sender: Platform,
    correlation_id: str,
) -> Answer | None:
    """Stores the result once and relays it to whoever asked; None when nobody is to be told.

    The receiver of the order is the only one who may answer it; everybody else finds nothing.
    """
    row = await hub.db.fetchrow(SQL["get"], key)
    is_meant = row is not None and row["to_platform"] == sender.platform_id
    if row is None or not is_meant or (kind is not None and row["kind"] != kind):
        raise OcpiError(INVALID_PARAMETERS, 404, "uid: no such command")
    now = hub.clock.now()
    await hub.db.fetchrow(SQL["finish"], key, record.decode(), now, sender.platform_id)
    if row["origin_url"] is None:
        return None
    return await relay(hub, row, raw, correlation_id)


async def relay(hub: Hub, row: Any, raw: bytes, correlation_id: str) -> Answer:
    """The result, to the response_url of whoever asked; its own answer comes back."""
    network = await hub.directory.current()
    to = PartyId(row["from_country"], row["from_party"])
    from_ = PartyId(row["to_country"], row["to_party"])
    platform = network.platforms.get(row["from_platform"])
    if platform is None or not platform.is_registered:
        raise peer.refusal(Answer(failure=Failure.UNREACHABLE))
    answer = await peer.ask(
        hub,
        platform,
        Request(
            method="POST",
            url=row["origin_url"],
            body=raw,
            routing=Routing(to, from_),
            correlation_id=correlation_id,
            module="commands",
        ),
    )
    if answer.envelope is None:
        raise peer.refusal(answer)
    return answer
