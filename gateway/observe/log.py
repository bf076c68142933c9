"""Logs are JSON lines on standard error; who and which exchange stand in every line.

`exchange_context` binds correlation id and party to all that is logged while it lasts, also in
tasks started there. Values under telling names (token, authorization, certificate key …) are masked
wherever they stand: a log is read by more people than a vault.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Final, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

MASKED: Final = "***"
TEXT_CHARS_MAX: Final = 2000
_SECRETS: Final = (
    "token",
    "authorization",
    "secret",
    "password",
    "private_key",
    "api_key",
    "sealed",
)
_HARMLESS: Final = frozenset({"token_type", "token_uid", "token_kind"})


def configure(*, level: str = "info", stream: TextIO | None = None, is_json: bool = True) -> None:
    """Set up logging for this process, once, before anything is logged."""
    renderer = (
        structlog.processors.JSONRenderer()
        if is_json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            mask_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    # What libraries say through the standard logging module: warnings and worse, as plain lines.
    logging.basicConfig(stream=stream or sys.stderr, level=logging.WARNING, force=True)


def get(name: str) -> FilteringBoundLogger:
    return cast("FilteringBoundLogger", structlog.get_logger(name))


@contextlib.contextmanager
def exchange_context(
    *, correlation_id: str | None = None, request_id: str | None = None, party: str | None = None
) -> Iterator[None]:
    """Everything logged inside names the exchange and the partner it belongs to."""
    given = {"correlation_id": correlation_id, "request_id": request_id, "party": party}
    with structlog.contextvars.bound_contextvars(**{k: v for k, v in given.items() if v}):
        yield


def mask_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """No credential and no unbounded text leaves through the log."""
    for key, value in event.items():
        if key not in _HARMLESS and any(word in key.lower() for word in _SECRETS):
            event[key] = MASKED
        elif isinstance(value, bytes):
            event[key] = f"{len(value)} bytes"
        elif isinstance(value, str) and len(value) > TEXT_CHARS_MAX and key != "exception":
            event[key] = value[:TEXT_CHARS_MAX] + "…"
    return event
