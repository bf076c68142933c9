"""The aiohttp application of one gateway process."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import aiohttp.http_parser
from aiohttp import web

from gateway.http import limit, ops
from gateway.http.ocpi import routes
from gateway.hub.authorise.flow import Authoriser
from gateway.hub.context import Hub

Room = Callable[[web.Application], None]


class ParserTooSlow(RuntimeError):  # noqa: N818 - it names the reason the process does not start
    """aiohttp runs on its Python parser, where five of its request-smuggling bugs were."""


def build(
    hub: Hub,
    authoriser: Authoriser,
    *,
    metrics: Callable[[], bytes] = lambda: b"",
    rooms: Iterable[Room] = (),
) -> web.Application:
    """OCPI and the machine addresses; `rooms` add the rest (pnc, api, console), each its own."""
    check_parser()
    app = web.Application(
        client_max_size=limit.BODY_BYTES_MAX,
        handler_args={
            "max_line_size": limit.PARSED_LINE_MAX,
            "max_field_size": limit.HEADER_BYTES_MAX,
            "keepalive_timeout": limit.KEEPALIVE_S,
            "lingering_time": 1.0,
            "auto_decompress": False,
        },
    )
    ops.add(app, hub, metrics)
    for room in rooms:
        room(app)
    routes.add(app, hub, authoriser)
    return app


def check_parser() -> None:
    """Refuses to run without the compiled parser (reliability §5.5)."""
    parser = aiohttp.http_parser
    if parser.HttpRequestParser is parser.HttpRequestParserPy:
        raise ParserTooSlow("install aiohttp with its compiled extension: its C parser is required")
