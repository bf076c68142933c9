"""A broken rule of the protocol.

``OcpiError`` is the only exception this package lets out on a partner's input. Whoever answers the
partner turns it into an envelope with ``code`` under the HTTP status ``http_status``.

    OcpiError
     ├─ not JSON                          2001, HTTP 400
     ├─ JSON that breaks the schema       2001, HTTP 200 (OCPI 2.2.1 transport "HTTP status codes")
     ├─ who are you                       2000 family, HTTP 401
     ├─ not here, not with this method    2000 family, HTTP 404 / 405
     └─ the hub could not pass it on      4000 family, HTTP 200
"""

from __future__ import annotations

from typing import Final

SUCCESS: Final = 1000
CLIENT_ERROR: Final = 2000
INVALID_PARAMETERS: Final = 2001
NOT_ENOUGH_INFORMATION: Final = 2002
UNKNOWN_LOCATION: Final = 2003
UNKNOWN_TOKEN: Final = 2004
SERVER_ERROR: Final = 3000
UNUSABLE_API: Final = 3001
UNSUPPORTED_VERSION: Final = 3002
NO_MATCHING_ENDPOINTS: Final = 3003
HUB_ERROR: Final = 4000
UNKNOWN_RECEIVER: Final = 4001
FORWARD_TIMEOUT: Final = 4002
NOT_CONNECTED: Final = 4003

MESSAGE_CHARS_MAX: Final = 500


class OcpiError(Exception):
    """A refusal: its OCPI code, the HTTP status to send it under, the field at fault."""

    def __init__(
        self,
        code: int,
        http_status: int,
        message: str,
        *,
        field: str | None = None,
    ) -> None:
        """Keep the message short and printable: it is echoed to the partner and into logs."""
        self.code = code
        self.http_status = http_status
        self.message = printable(message)
        self.field = field
        super().__init__(self.message)

    def __repr__(self) -> str:
        return f"OcpiError({self.code}, {self.http_status}, {self.message!r}, field={self.field!r})"


def invalid(field: str, reason: str) -> OcpiError:
    """Give the refusal for a field whose value breaks the schema (OCPI 2.2.1 status 2001)."""
    message = f"{field}: {reason}" if field else reason
    return OcpiError(INVALID_PARAMETERS, 200, message, field=field or None)


def not_json(reason: str) -> OcpiError:
    """Give the refusal for a body that is not JSON at all: HTTP 400 is required there."""
    return OcpiError(INVALID_PARAMETERS, 400, f"the body is not valid JSON: {reason}")


def printable(text: str) -> str:
    """Give the text cut to a safe length, every unprintable character shown as ``?``."""
    cut = text[:MESSAGE_CHARS_MAX]
    return "".join(ch if ch.isprintable() else "?" for ch in cut)
