"""One table of what the plain API can do: routes, checks and OpenAPI are all read from it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Literal

import msgspec

from gateway.http.api.caller import Caller
from gateway.hub.context import Hub

Audience = Literal["partner", "administrator"]
EVENTS = "text/event-stream"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call, checked: `body` and `query` are the operation's own shapes.

    `effect_id` names what a call with an Idempotency-Key brings about, however often it is made.
    """

    hub: Hub
    caller: Caller | None
    path: Mapping[str, str]
    correlation_id: str
    body: Any = None
    query: Any = None
    accept: str = "application/json"
    effect_id: str = ""

    @property
    def partner(self) -> Caller:
        """The demand partner; operations for administrators have none."""
        if self.caller is None:
            raise RuntimeError("an administrator's operation asked for a partner")
        return self.caller


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`value` becomes JSON; `raw` is sent as it is; `events` as they come, b"" for nothing new."""

    value: Any = None
    status: int = 200
    raw: bytes | None = None
    events: AsyncGenerator[bytes, None] | None = None
    content_type: str = "application/json"
    location: str | None = None


Handler = Callable[[Call], Awaitable[Answer]]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One row: `path` is relative to /api/v1 in aiohttp's syntax.

    `is_secret`: its bodies hold what no log may hold. `is_stream`: it answers with events, each of
    which carries the shape `answer`.
    """

    name: str
    method: str
    path: str
    summary: str
    handler: Handler
    answer: type
    body: type | None = None
    query: type | None = None
    status: int = 200
    audience: Audience = "partner"
    is_once: bool = False
    is_secret: bool = False
    is_stream: bool = False
    is_located: bool = False
    also: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()
