"""Starting aiohttp with the lane in front: everything else about the server is aiohttp's own."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import http_parser, web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

from gateway.http.lane.protocol import HotPath, LaneProtocol

KEEPALIVE_S: Final = 75.0
HEADER_BYTES_MAX: Final = 8190
HEADERS_MAX: Final = 64


class LaneServer(Server):
    """aiohttp's server, making lane connections."""

    def __init__(self, server: Server, hot: HotPath) -> None:
        super().__init__(
            server.request_handler,
            request_factory=server.request_factory,
            handler_cancellation=server.handler_cancellation,
            loop=server._loop,  # noqa: SLF001 - pinned: aiohttp offers no way to name the protocol
            **server._kwargs,  # noqa: SLF001
        )
        self._hot = hot

    def __call__(self) -> RequestHandler:
        return LaneProtocol(self, self._hot, loop=self._loop, **self._kwargs)


class LaneRunner(web.AppRunner):
    """`web.AppRunner` with the lane; `hot` None is aiohttp as it is, with the same limits."""

    __slots__ = ("_hot",)

    def __init__(self, app: web.Application, hot: HotPath | None, **kwargs: Any) -> None:
        check_parser()
        kwargs.setdefault("keepalive_timeout", KEEPALIVE_S)
        kwargs.setdefault("max_line_size", HEADER_BYTES_MAX)
        kwargs.setdefault("max_field_size", HEADER_BYTES_MAX)
        kwargs.setdefault("access_log", None)
        super().__init__(app, **kwargs)
        self._hot = hot

    async def _make_server(self) -> Server:
        server = await super()._make_server()
        return server if self._hot is None else LaneServer(server, self._hot)


def check_parser() -> None:
    """The Python parser has had smuggling holes that the compiled one never had (§5.5)."""
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise RuntimeError(
            "aiohttp runs without its compiled parser: reinstall aiohttp from a wheel"
        )
