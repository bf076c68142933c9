"""The table of operations, and its way into the application."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from aiohttp import web

from gateway.http.api import admin, charge, place, quote, shape, token
from gateway.http.api.openapi import document
from gateway.http.api.operation import Operation
from gateway.http.api.problem import Refusal, problem
from gateway.http.api.serve import handler_for
from gateway.http.api.stream import Streams
from gateway.hub.context import Hub

ROOT = "/api/v1"
HERE = Path(__file__).parent
OPERATIONS = (
    Operation(name="near", method="GET", path="/locations", summary="Where can I charge?",
              handler=place.near, query=shape.Near, answer=shape.Places, refusals=(422,)),
    Operation(name="quote", method="POST", path="/quotes", summary="What would it cost?",
              handler=quote.quote, body=shape.QuoteRequest, answer=shape.Quote, refusals=(422,)),
    Operation(name="start", method="POST", path="/sessions", summary="Start charging",
              handler=charge.start, body=shape.StartRequest, answer=shape.Charge, status=202,
              is_once=True, is_located=True, refusals=(409, 422)),
    Operation(name="status", method="GET", path="/sessions/{id}", summary="How does it stand?",
              handler=charge.status, answer=shape.Charge, refusals=(404,)),
    Operation(name="events", method="GET", path="/sessions/{id}/events",
              summary="Every change as it happens (server-sent events)", handler=charge.events,
              answer=shape.Charge, is_stream=True, refusals=(404,)),
    Operation(name="stop", method="POST", path="/sessions/{id}/stop", summary="Stop charging",
              handler=charge.stop, answer=shape.Charge, status=202, is_once=True,
              refusals=(404, 409, 422, 502)),
    Operation(name="receipt", method="GET", path="/sessions/{id}/receipt",
              summary="What did it cost? JSON or PDF", handler=charge.receipt,
              answer=shape.Receipt, also=("application/pdf",), refusals=(404, 409)),
    Operation(name="put_token", method="PUT", path="/tokens/{uid}",
              summary="Tell every operator about a driver's card", handler=token.put,
              body=shape.TokenRequest, answer=shape.Token, refusals=(422,)),
    Operation(name="add_partner", method="POST", path="/admin/partners",
              summary="Invite a partner", handler=admin.add_partner, body=shape.InviteRequest,
              answer=shape.Invitation, status=201, audience="administrator",
              is_secret=True, refusals=(409, 422)),
)  # fmt: skip


_SEGMENT = re.compile(r"\{\w+\}")
_PATHS = tuple(
    (o.method, re.compile(re.escape(ROOT) + _SEGMENT.sub("[^/]+", o.path))) for o in OPERATIONS
)
PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; style-src 'unsafe-inline'; img-src data:",
    "X-Content-Type-Options": "nosniff",
}


def add(app: web.Application, hub: Hub) -> None:
    """Adds every operation, the description and its page, and what is said about other paths."""
    streams = Streams()
    app.on_shutdown.append(streams.close)
    for operation in OPERATIONS:
        handler = handler_for(hub, operation, streams)
        app.router.add_route(operation.method, ROOT + operation.path, handler)
    description = msgspec.json.encode(document(OPERATIONS, hub.settings.public_url))
    page = (HERE / "docs.html").read_text(encoding="utf-8")
    script = (HERE / "docs.js").read_text(encoding="utf-8")
    _add_fixed(app, "/api/openapi.json", description.decode(), "application/json")
    _add_fixed(app, "/api/docs", page, "text/html")
    _add_fixed(app, "/api/docs.js", script, "text/javascript")
    app.router.add_route("*", "/api/{tail:.*}", _elsewhere)


def _add_fixed(app: web.Application, path: str, text: str, content_type: str) -> None:
    async def handle(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type=content_type, headers=PAGE_HEADERS)

    app.router.add_get(path, handle)


async def _elsewhere(request: web.Request) -> web.Response:
    """No such operation: the path is unknown, or it has other methods."""
    allow = tuple(method for method, path in _PATHS if path.fullmatch(request.path))
    if allow:
        detail = f"this path knows {', '.join(allow)}"
        return problem(Refusal(405, "no-such-method", detail, "method", allow=allow))
    return problem(Refusal(404, "no-such-path", "see /api/docs for what there is", "path"))
