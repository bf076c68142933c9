"""Bounds on what comes in (reliability §5.4, §5.5); each is a name, and each refusal says it."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from ocpi.errors import CLIENT_ERROR, OcpiError, not_json

BODY_BYTES_MAX: Final = 1 << 20
URL_CHARS_MAX: Final = 8 << 10
PARSED_LINE_MAX: Final = (
    64 << 10
)  # up to here a long URL is refused by an envelope, not by the parser
HEADERS_MAX: Final = 64
HEADER_BYTES_MAX: Final = 8190
BODY_TIMEOUT_S: Final = 10.0
HEADERS_TIMEOUT_S: Final = 5.0
KEEPALIVE_S: Final = 75.0
ID_CHARS_MAX: Final = 255


def check_head(request: web.Request) -> None:
    """Refuses what no OCPI request looks like, before anybody is asked who it is."""
    if len(request.raw_path) > URL_CHARS_MAX:
        raise OcpiError(CLIENT_ERROR, 414, f"the URL is longer than {URL_CHARS_MAX} characters")
    if len(request.headers) > HEADERS_MAX:
        raise OcpiError(CLIENT_ERROR, 431, f"more than {HEADERS_MAX} headers")
    if request.headers.get("Content-Encoding", "identity").casefold() != "identity":
        raise OcpiError(CLIENT_ERROR, 415, "Content-Encoding: only identity is taken")


def check_ids(parameters: dict[str, str]) -> None:
    """No id is longer than any version allows, or holds what neither a store nor a log can."""
    for name, value in parameters.items():
        if len(value) > ID_CHARS_MAX or not value.strip():
            raise OcpiError(CLIENT_ERROR, 404, f"{name}: no such object")
        if not value.isprintable():
            raise OcpiError(CLIENT_ERROR, 404, f"{name}: no such object")


async def read_body(request: web.Request) -> bytes:
    """The whole body, within its size and its time."""
    length = request.content_length
    if length is not None and length > BODY_BYTES_MAX:
        raise too_large()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await request.read()
        body.decode()  # the decoder skips unknown fields unread; what is stored must still be text
    except UnicodeDecodeError:
        raise not_json("not UTF-8") from None
    except TimeoutError:
        raise OcpiError(CLIENT_ERROR, 408, "the body did not arrive in time") from None
    except web.HTTPRequestEntityTooLarge:
        raise too_large() from None
    except (ConnectionError, web.RequestPayloadError):  # nobody is there to read the answer
        raise OcpiError(CLIENT_ERROR, 400, "the connection ended within the body") from None
    return body


def too_large() -> OcpiError:
    return OcpiError(CLIENT_ERROR, 413, f"the body is larger than {BODY_BYTES_MAX} bytes")
