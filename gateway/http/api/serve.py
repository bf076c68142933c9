"""From a request to an operation and back: limits, caller, decoding, one answer or one problem."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from gateway.http.api import caller as callers
from gateway.http.api import record, text
from gateway.http.api.idempotency import NAME as KEY
from gateway.http.api.idempotency import Kept, once
from gateway.http.api.operation import Answer, Call, Operation
from gateway.http.api.problem import Refusal, malformed, not_found, problem
from gateway.http.api.record import Trace
from gateway.http.api.stream import HEADERS, Streams
from gateway.http.limit import check_head, read_body
from gateway.hub.context import Hub
from gateway.store.database import StoreUnavailable
from ocpi import header
from ocpi.errors import OcpiError

_ENCODER = msgspec.json.Encoder()
DECODE_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)
PATH_CHARS_MAX = 64
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


def handler_for(hub: Hub, operation: Operation, streams: Streams) -> Handle:
    """The aiohttp handler of one row of the table."""

    async def handle(request: web.Request) -> web.StreamResponse:
        trace = Trace()
        try:
            call = await _read(hub, operation, request, trace)
            if operation.is_stream:
                return await _stream(operation, call, request, trace, streams)
            response = await _answer(operation, call, request, trace)
        except Refusal as refusal:
            response = problem(refusal)
        except OcpiError as error:
            response = problem(_translated(error))
        except StoreUnavailable:
            response = problem(Refusal(503, "store-away", "a store is away; try again"))
        response.headers.update(header.write_ids(trace.ids))
        record.keep(hub, operation, request, response, trace)
        return response

    return handle


async def _read(hub: Hub, operation: Operation, request: web.Request, trace: Trace) -> Call:
    """Everything that can be refused before anything is done."""
    check_head(request)
    trace.ids = header.read_ids(request.headers)
    if operation.audience == "administrator":
        callers.administrator(hub, request)
    else:
        trace.caller = await callers.partner(hub, request)
        hub.seen(trace.caller.platform.platform_id)
    trace.body = await read_body(request)
    return Call(
        hub=hub,
        caller=trace.caller,
        path=_path(request),
        correlation_id=trace.correlation_id,
        body=_body(operation, trace.body),
        query=_query(operation, request),
        accept=request.headers.get("Accept", ""),
    )


async def _answer(
    operation: Operation, call: Call, request: web.Request, trace: Trace
) -> web.Response:
    if not operation.is_once:
        answer = await operation.handler(call)
        return _response(answer.status, _bytes(answer), answer.content_type, answer.location)

    async def act(effect_id: str) -> Kept:
        given = await operation.handler(msgspec.structs.replace(call, effect_id=effect_id))
        return Kept(status=given.status, body=_bytes(given), location=given.location)

    fingerprint = f"{request.method} {request.raw_path}\n".encode() + trace.body
    keys = request.headers.getall(KEY, [])
    if len(keys) > 1:
        raise Refusal(400, "idempotency-key-unusable", "one key is expected", KEY)
    key = keys[0] if keys else None
    kept = await once(call.hub, call.partner.platform.platform_id, key, fingerprint, act)
    response = _response(kept.status, kept.body, "application/json", kept.location)
    if kept.is_repeat:
        response.headers["Idempotency-Replayed"] = "true"
    return response


async def _stream(
    operation: Operation, call: Call, request: web.Request, trace: Trace, streams: Streams
) -> web.StreamResponse:
    answer = await operation.handler(call)
    if answer.events is None:
        raise RuntimeError(f"{operation.name} is a stream and gave no events")
    with streams.place(call.partner.platform.platform_id):
        response = web.StreamResponse(headers=HEADERS | header.write_ids(trace.ids))
        await response.prepare(request)
        record.keep(call.hub, operation, request, response, trace)
        await streams.send(request, response, answer.events)
    return response


def _path(request: web.Request) -> dict[str, str]:
    values = dict(request.match_info)
    for name, value in values.items():
        if not (value.strip() and len(value) <= PATH_CHARS_MAX and value.isprintable()):
            raise not_found(f"{name}: such an object", name)
    return values


def _body(operation: Operation, raw: bytes) -> Any:
    if operation.body is None:
        return None
    try:
        body: Any = msgspec.json.decode(raw, type=operation.body)
    except DECODE_ERRORS as error:
        raise malformed(_sharpened(error, raw)) from error
    text.check(body)
    return body


def _sharpened(error: Exception, raw: bytes) -> Exception:
    """A body that breaks the shape and, further on, JSON itself, is not JSON."""
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
    except DECODE_ERRORS as broken:
        return broken
    return error


def _query(operation: Operation, request: web.Request) -> Any:
    if operation.query is None:
        return None
    names = [name for name, _ in request.query.items()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Refusal(422, "invalid-field", f"{twice}: given more than once", twice)
    try:
        return msgspec.convert(dict(request.query), operation.query, strict=False)
    except DECODE_ERRORS as error:
        raise malformed(error) from error


def _bytes(answer: Answer) -> bytes:
    return answer.raw if answer.raw is not None else _ENCODER.encode(answer.value)


def _response(status: int, body: bytes, content_type: str, location: str | None) -> web.Response:
    headers = {"Location": location} if location else {}
    return web.Response(status=status, body=body, content_type=content_type, headers=headers)


def _translated(error: OcpiError) -> Refusal:
    """The hub's own rules refuse in OCPI's words; the plain API says the same in HTTP's."""
    if error.http_status >= 400:
        return Refusal(error.http_status, "refused", error.message, error.field)
    status = 502 if error.code >= 3000 else 422
    return Refusal(status, "refused", error.message, error.field)
