"""What OCPI says in HTTP headers: credentials, routing, message ids (OCPI 2.2.1 transport)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from ocpi.errors import CLIENT_ERROR, OcpiError, invalid
from ocpi.model.party import PartyId, party

AUTHORIZATION: Final = "Authorization"
TO_PARTY: Final = "OCPI-to-party-id"
TO_COUNTRY: Final = "OCPI-to-country-code"
FROM_PARTY: Final = "OCPI-from-party-id"
FROM_COUNTRY: Final = "OCPI-from-country-code"
REQUEST_ID: Final = "X-Request-ID"
CORRELATION_ID: Final = "X-Correlation-ID"

TOKEN_CHARS_MAX: Final = 64
AUTHORIZATION_CHARS_MAX: Final = 512
_TOKEN: Final = re.compile(r"[!-~]{1,64}\Z")
_ID: Final = re.compile(r"[!-~]{1,128}\Z")
_SCHEME: Final = re.compile(r"(?i:token)[ \t]+([!-~]+)\Z")


class Routing(msgspec.Struct, frozen=True):
    """From which party to which party; either may be absent."""

    to: PartyId | None = None
    from_: PartyId | None = None

    def reversed(self) -> Routing:
        """The same two parties for the answer."""
        return Routing(self.from_, self.to)


class MessageIds(msgspec.Struct, frozen=True):
    """The ids that follow a message."""

    request_id: str | None = None
    correlation_id: str | None = None


def token_candidates(value: str | None) -> tuple[str, ...]:
    """Give every token that an Authorization header may mean: raw, base64, base64 + newline.

    The standard asks for base64; partners of older versions send the token as it is, and the
    standard's own example hides a newline. Nothing usable gives an empty tuple: answer 401.
    """
    if value is None or len(value) > AUTHORIZATION_CHARS_MAX:
        return ()
    match = _SCHEME.match(value.strip(" \t"))
    if match is None:
        return ()
    given = match.group(1)
    found = [given] if _TOKEN.match(given) else []
    decoded = _decode(given)
    if decoded is not None and decoded not in found:
        found.append(decoded)
    return tuple(found)


def _decode(given: str) -> str | None:
    padded = given.rstrip("=")
    padded += "=" * (-len(padded) % 4)
    try:
        text = base64.b64decode(padded, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    text = text.rstrip("\r\n")
    return text if _TOKEN.match(text) else None


def encode_token(token: str, *, raw: bool = False) -> str:
    """Give the Authorization header value; ``raw`` only for partners known to want it so."""
    if not _TOKEN.match(token):
        raise invalid("token", "1 to 64 printable ASCII characters without blanks are expected")
    return f"Token {token if raw else base64.b64encode(token.encode()).decode()}"


def unauthorised(message: str = "the Authorization header names no known token") -> OcpiError:
    """Give the refusal for missing or unknown credentials: HTTP 401."""
    return OcpiError(CLIENT_ERROR, 401, message)


def read_routing(headers: Mapping[str, str]) -> Routing:
    """Read the four routing headers; half an address is refused (OCPI 2.2.1 transport §Routing)."""
    found = _pick(headers, (TO_COUNTRY, TO_PARTY, FROM_COUNTRY, FROM_PARTY))
    return Routing(
        _address(TO_COUNTRY, found[0], TO_PARTY, found[1]),
        _address(FROM_COUNTRY, found[2], FROM_PARTY, found[3]),
    )


def write_routing(routing: Routing) -> dict[str, str]:
    """Give the headers that carry this routing."""
    headers: dict[str, str] = {}
    if routing.to is not None:
        headers[TO_COUNTRY] = routing.to.country_code
        headers[TO_PARTY] = routing.to.party_id
    if routing.from_ is not None:
        headers[FROM_COUNTRY] = routing.from_.country_code
        headers[FROM_PARTY] = routing.from_.party_id
    return headers


def read_ids(headers: Mapping[str, str]) -> MessageIds:
    """Read the message ids; what could break a log line or a header is refused."""
    request_id, correlation_id = _pick(headers, (REQUEST_ID, CORRELATION_ID))
    return MessageIds(_check_id(REQUEST_ID, request_id), _check_id(CORRELATION_ID, correlation_id))


def write_ids(ids: MessageIds) -> dict[str, str]:
    """Give the headers that carry these ids."""
    pairs = ((REQUEST_ID, ids.request_id), (CORRELATION_ID, ids.correlation_id))
    return {name: value for name, value in pairs if value is not None}


def is_message_id(value: str) -> bool:
    """Tell whether the value may stand in X-Request-ID or X-Correlation-ID."""
    return _ID.match(value) is not None


def _check_id(name: str, value: str | None) -> str | None:
    if value is None or value == "":
        return None
    if not is_message_id(value):
        raise invalid(name, "1 to 128 printable ASCII characters without blanks are expected")
    return value


def _address(
    country_name: str, country: str | None, party_name: str, party_id: str | None
) -> PartyId | None:
    if country is None and party_id is None:
        return None
    if country is None or party_id is None:
        missing = country_name if country is None else party_name
        raise invalid(missing, "country code and party id come together or not at all")
    try:
        return party(country, party_id)
    except OcpiError as error:
        name = country_name if error.field == "country_code" else party_name
        raise invalid(name, error.message.partition(": ")[2]) from None


def _pick(headers: Mapping[str, str], names: tuple[str, ...]) -> list[str | None]:
    """Give the value of each header; the same header twice with two values is refused."""
    wanted = {name.lower(): index for index, name in enumerate(names)}
    found: list[str | None] = [None] * len(names)
    for name, value in headers.items():
        index = wanted.get(name.lower())
        if index is None:
            continue
        if found[index] is not None and found[index] != value:
            raise invalid(names[index], "the header came twice with different values")
        found[index] = value
    return found
