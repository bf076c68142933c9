"""From a request to an operation and back: limits, caller, decoding, one answer or one problem."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from aiohttp import web

from gateway.http.api import caller as callers
from gateway.http.api.idempotency import Kept, once
from gateway.http.api.operation import Answer, Call, Operation
from gateway.http.api.problem import Refusal, malformed, problem
from gateway.http.limit import check_head, read_body
from gateway.hub.context import Hub
from gateway.store.database import StoreUnavailable
from ocpi.errors import OcpiError

log = structlog.get_logger("api")
_ENCODER = msgspec.json.Encoder()
DECODE_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)


def handler_for(hub: Hub, operation: Operation) -> Any:
    """The aiohttp handler of one row of the table."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await _handle(hub, operation, request)
        except Refusal as refusal:
            return problem(refusal)
        except OcpiError as error:
            return problem(_translated(error))
        except StoreUnavailable:
            return problem(Refusal(503, "store-away", "nothing was done; try again"))

    return handle


async def _handle(hub: Hub, operation: Operation, request: web.Request) -> web.Response:
    check_head(request)
    raw = await read_body(request)
    who = await _who(hub, operation, request)
    call = Call(
        hub=hub,
        caller=who,
        path=_path(request),
        body=_body(operation, raw),
        query=_query(operation, request),
        accept=request.headers.get("Accept", "application/json"),
    )
    if not operation.is_once:
        return _response(await operation.handler(call))
    platform_id = who.platform.platform_id if who is not None else 0
    fingerprint = f"{request.method} {request.raw_path}\n".encode() + raw

    async def answer() -> Kept:
        given = await operation.handler(call)
        return Kept(status=given.status, body=_ENCODER.encode(given.value))

    key = request.headers.get("Idempotency-Key")
    kept = await once(hub, platform_id, key, fingerprint, answer)
    headers = {"Idempotency-Replayed": "true"} if kept.is_repeat else {}
    return web.Response(
        status=kept.status, body=kept.body, content_type="application/json", headers=headers
    )


async def _who(hub: Hub, operation: Operation, request: web.Request) -> callers.Caller | None:
    if operation.audience == "administrator":
        callers.administrator(hub, request)
        return None
    return await callers.partner(hub, request)


def _path(request: web.Request) -> dict[str, str]:
    values = dict(request.match_info)
    for name, value in values.items():
        if not (0 < len(value) <= 64 and value.isprintable()):
            raise Refusal(404, "not-found", f"{name}: no such object")
    return values


def _body(operation: Operation, raw: bytes) -> Any:
    if operation.body is None:
        return None
    if b"\\u0000" in raw:
        raise Refusal(422, "invalid-field", "the character U+0000 cannot be stored")
    try:
        return msgspec.json.decode(raw, type=operation.body)
    except DECODE_ERRORS as error:
        raise malformed(error) from error


def _query(operation: Operation, request: web.Request) -> Any:
    if operation.query is None:
        return None
    try:
        return msgspec.convert(dict(request.query), operation.query, strict=False)
    except DECODE_ERRORS as error:
        raise malformed(error) from error


def _response(answer: Answer) -> web.Response:
    headers = {"Location": answer.location} if answer.location else {}
    body = answer.raw if answer.raw is not None else _ENCODER.encode(answer.value)
    return web.Response(
        status=answer.status, body=body, content_type=answer.content_type, headers=headers
    )


def _translated(error: OcpiError) -> Refusal:
    """The hub's own rules refuse in OCPI's words; the plain API says the same in HTTP's."""
    if error.http_status >= 400:
        return Refusal(error.http_status, "refused", error.message)
    status = 502 if error.code >= 3000 else 422
    return Refusal(status, "refused", error.message)
