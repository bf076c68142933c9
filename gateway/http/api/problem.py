"""Refusals of the plain API: problem+json (RFC 9457) with the field that was wrong."""

from __future__ import annotations

import re

import msgspec
from aiohttp import web

from gateway.http.api.shape import Problem

CONTENT_TYPE = "application/problem+json"
_PATH = re.compile(r"`\$\.?([A-Za-z0-9_.\[\]]*)`")
_NAME = re.compile(r"field `(\w+)`")
RETRY_AFTER_S = "1"


class Refusal(Exception):  # noqa: N818 - an answer, nobody's mistake
    """Raised by handlers; becomes the answer."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        field: str | None = None,
        *,
        allow: tuple[str, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.field = field
        self.allow = allow


def problem(refusal: Refusal) -> web.Response:
    """The answer that says what was wrong."""
    title = refusal.kind.replace("-", " ")
    body = Problem(
        type=f"/api/docs#{refusal.kind}",
        title=title,
        status=refusal.status,
        detail=refusal.detail,
        field=refusal.field,
    )
    headers = {}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="networkcore"'
    if refusal.status == 503:
        headers["Retry-After"] = RETRY_AFTER_S
    if refusal.allow:
        headers["Allow"] = ", ".join(refusal.allow)
    return web.Response(
        status=refusal.status,
        body=msgspec.json.encode(body),
        content_type=CONTENT_TYPE,
        headers=headers,
    )


def malformed(error: Exception) -> Refusal:
    """What a decoder did not accept, with the field's path."""
    text = str(error)
    status = 422 if isinstance(error, msgspec.ValidationError) else 400
    kind = "invalid-field" if status == 422 else "not-json"
    return Refusal(status, kind, text, _field(text))


def _field(text: str) -> str | None:
    """Where msgspec's message points to: a path, the name of what is missing, or both."""
    places = [found.group(1) for found in (_PATH.search(text), _NAME.search(text)) if found]
    return ".".join(filter(None, places)) or None


def not_found(what: str, field: str | None = None) -> Refusal:
    """Also the answer for what belongs to somebody else."""
    return Refusal(404, "not-found", f"{what} does not exist", field)
