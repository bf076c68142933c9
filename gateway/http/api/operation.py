"""One table of what the plain API can do: routes, checks and OpenAPI are all read from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import msgspec

from gateway.http.api.caller import Caller
from gateway.hub.context import Hub

Audience = Literal["partner", "administrator"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call, checked: `body` and `query` are the operation's own shapes."""

    hub: Hub
    caller: Caller | None
    path: Mapping[str, str]
    body: Any = None
    query: Any = None
    accept: str = "application/json"

    @property
    def partner(self) -> Caller:
        """The demand partner; operations for administrators have none."""
        if self.caller is None:
            raise RuntimeError("an administrator's operation asked for a partner")
        return self.caller


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`value` becomes JSON; `raw` is sent as it is with its own content type."""

    value: Any = None
    status: int = 200
    raw: bytes | None = None
    content_type: str = "application/json"
    location: str | None = None


Handler = Callable[[Call], Awaitable[Answer]]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One row: `path` is relative to /api/v1 in aiohttp's syntax."""

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
    also: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()
