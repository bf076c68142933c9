"""One line of the exchange log per call of the plain API, so that people see it in the console."""

from __future__ import annotations

import time
import uuid

import structlog
from aiohttp import web

from gateway.http.api.caller import Caller
from gateway.http.api.operation import Operation
from gateway.hub.context import Hub
from gateway.store.exchange import Exchange
from ocpi.header import MessageIds

LOG = structlog.get_logger("api.in")
MODULE = "api"
PATH_CHARS_MAX = 512
JSON = "json"


class Trace:
    """What becomes known while a call is served. Tokens stay in the headers: none is kept."""

    __slots__ = ("body", "caller", "ids", "is_done", "started")

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.ids = MessageIds()
        self.caller: Caller | None = None
        self.body = b""
        self.is_done = False

    @property
    def correlation_id(self) -> str:
        """The caller's own, or one that holds this call and what follows from it together."""
        if self.ids.correlation_id is None:
            made = str(uuid.uuid4())
            self.ids = MessageIds(self.ids.request_id, made)
            return made
        return self.ids.correlation_id


def keep(
    hub: Hub, operation: Operation, request: web.Request, response: web.StreamResponse, trace: Trace
) -> None:
    """Once per call: when it is answered, or when its stream begins."""
    if trace.is_done:
        return
    trace.is_done = True
    caller = trace.caller
    duration_us = int((time.perf_counter() - trace.started) * 1_000_000)
    LOG.info(
        "exchange",
        module=MODULE,
        operation=operation.name,
        method=request.method,
        party=str(caller.party) if caller else None,
        correlation_id=trace.ids.correlation_id,
        http_status=response.status,
        ms=round(duration_us / 1000, 2),
    )
    hub.record(
        Exchange(
            at=hub.clock.now(),
            direction="IN",
            platform_id=caller.platform.platform_id if caller else None,
            from_party=str(caller.party) if caller else None,
            method=request.method,
            path=request.path_qs[:PATH_CHARS_MAX],
            module=MODULE,
            request_id=trace.ids.request_id,
            correlation_id=trace.ids.correlation_id,
            http_status=response.status,
            duration_us=duration_us,
            request=None if operation.is_secret else trace.body or None,
            response=None if operation.is_secret else _text(response),
        )
    )


def _text(response: web.StreamResponse) -> bytes | None:
    """JSON is for people to read; a PDF is not."""
    if not isinstance(response, web.Response) or JSON not in response.content_type:
        return None
    return response.body if isinstance(response.body, bytes) else None
