"""What every OCPI request goes through, in order, and the one place where errors become envelopes.

limits → message ids → who is asking → routing headers → body → handler → envelope → exchange log.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from aiohttp import web

from gateway.http import caller as who
from gateway.http import limit
from gateway.http.message import Handler, Message, Reply
from gateway.hub.context import Hub
from gateway.hub.credentials import Caller
from gateway.store.database import StoreUnavailable
from gateway.store.exchange import Exchange, envelope_status
from ocpi import envelope, header, routing
from ocpi.errors import CLIENT_ERROR, INVALID_PARAMETERS, SERVER_ERROR, OcpiError, not_json
from ocpi.header import MessageIds, Routing
from ocpi.model.party import PartyId, party
from ocpi.routing import Answer, Decision
from ocpi.wire.catalog import FUNCTIONAL, Route

LOG = structlog.get_logger("ocpi.in")
JSON = "application/json; charset=utf-8"
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
RETRY_AFTER_S = "1"


class Trace:
    """What becomes known while a request is served: for its answer's headers and its log line."""

    __slots__ = ("body", "ids", "origin", "platform_id", "routing", "started")

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.ids = MessageIds()
        self.routing = Routing()
        self.origin: PartyId | None = None
        self.platform_id: int | None = None
        self.body = b""


def serve(
    hub: Hub, route: Route, handler: Handler
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The aiohttp handler of one route."""

    async def handle(request: web.Request) -> web.Response:
        trace = Trace()
        try:
            reply = await _run(hub, route, handler, request, trace)
        except OcpiError as error:
            reply = refused(_sharpened(error, trace.body))
        except StoreUnavailable:
            reply = Reply(
                http_status=503,
                code=SERVER_ERROR,
                message="the hub cannot reach its store now; try again",
                headers=(("Retry-After", RETRY_AFTER_S),),
            )
        response = _respond(hub, route, reply, trace)
        _record(hub, route, request, response, trace)
        return response

    return handle


def _sharpened(error: OcpiError, body: bytes) -> OcpiError:
    """A body that breaks the schema and, further on, JSON itself: that is HTTP 400."""
    if error.http_status != 200 or error.code != INVALID_PARAMETERS or not body:
        return error
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as broken:
        return not_json(str(broken))
    return error


def refused(error: OcpiError) -> Reply:
    """The envelope of a refusal."""
    return Reply(http_status=error.http_status, code=error.code, message=error.message)


async def _run(
    hub: Hub, route: Route, handler: Handler, request: web.Request, trace: Trace
) -> Reply:
    limit.check_head(request)
    trace.ids = header.read_ids(request.headers)
    caller = await who.authenticate(hub, request, route.module)
    trace.platform_id = caller.platform.platform_id
    hub.seen(caller.platform.platform_id)
    parameters = dict(request.match_info)
    limit.check_ids(parameters)
    body = await limit.read_body(request) if request.method in WITH_BODY else b""
    trace.body = body
    decision: Decision = Answer(None)
    if route.module in FUNCTIONAL:
        trace.routing = header.read_routing(request.headers)
        decision = _decide(hub, route, caller, trace, _owner(parameters))
    return await handler(
        Message(
            hub=hub,
            route=route,
            caller=caller,
            network=hub.directory.now,
            routing=trace.routing,
            origin=trace.origin,
            decision=decision,
            correlation_id=trace.ids.correlation_id or str(uuid.uuid4()),
            parameters=parameters,
            query=tuple(request.query.items()),
            suffix=_suffix(request, route),
            query_string=request.rel_url.raw_query_string,
            body=body,
        )
    )


def _decide(
    hub: Hub, route: Route, caller: Caller, trace: Trace, owner: PartyId | None
) -> Decision:
    """Where the message goes; raises what refuses it. The trace learns who speaks."""
    platform, network = caller.platform, hub.directory.now
    question = routing.Request(
        module=route.module,
        interface=route.interface,
        method=route.method,
        is_list=route.is_list,
        routing=trace.routing,
        owner=owner,
    )
    parties = {p: platform.roles_of(p) for p in platform.parties}
    found = routing.decide(
        question, parties, hub.party, lambda p: network.standing(p, module=route.module)
    )
    match found:
        case routing.Refuse(error=error):
            raise error
        case _:
            trace.origin = found.from_
            return found


def _owner(parameters: dict[str, str]) -> PartyId | None:
    """The owner named in the URL, if this kind of URL names one."""
    if "country_code" not in parameters:
        return None
    try:
        return party(parameters["country_code"], parameters["party_id"])
    except OcpiError:
        raise OcpiError(CLIENT_ERROR, 404, "no such party in the URL") from None


def _suffix(request: web.Request, route: Route) -> str:
    """What follows the module's endpoint in the URL, as it was sent: percent-encoded."""
    raw = request.rel_url.raw_path
    head = f"/{route.interface.lower()}/{route.module}"
    return raw.partition(head)[2] if head in raw else ""


def _respond(hub: Hub, route: Route, reply: Reply, trace: Trace) -> web.Response:
    now = hub.clock.now()
    if reply.envelope is not None:
        body = reply.envelope
    elif 1000 <= reply.code < 2000:
        body = envelope.success(reply.data, now, code=reply.code, message=reply.message)
    else:
        body = envelope.failure(reply.code, reply.message or "refused", now)
    headers = dict(reply.headers)
    headers["Content-Type"] = JSON
    headers |= header.write_ids(trace.ids)
    if route.module in FUNCTIONAL:
        from_ = reply.from_ or hub.party
        headers |= header.write_routing(Routing(trace.origin or trace.routing.from_, from_))
    return web.Response(status=reply.http_status, body=body, headers=headers)


def _record(
    hub: Hub, route: Route, request: web.Request, response: web.Response, trace: Trace
) -> None:
    """One line in the log and one in the exchange table; both name the party and the outcome."""
    duration_us = int((time.perf_counter() - trace.started) * 1_000_000)
    body: Any = response.body
    status = envelope_status(body)
    to = trace.routing.to
    LOG.info(
        "exchange",
        module=route.module,
        method=request.method,
        version=route.version,
        party=str(trace.origin) if trace.origin else None,
        to=str(to) if to else None,
        correlation_id=trace.ids.correlation_id,
        http_status=response.status,
        ocpi_status=status,
        ms=round(duration_us / 1000, 2),
    )
    hub.record(
        Exchange(
            at=hub.clock.now(),
            direction="IN",
            platform_id=trace.platform_id,
            from_party=str(trace.origin) if trace.origin else None,
            to_party=str(to) if to else None,
            method=request.method,
            path=request.path_qs[:512],
            module=route.module,
            version=route.version,
            request_id=trace.ids.request_id,
            correlation_id=trace.ids.correlation_id,
            http_status=response.status,
            ocpi_status=status,
            duration_us=duration_us,
            request=trace.body or None,
            response=body,
        )
    )
