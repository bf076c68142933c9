"""Lists: the query, the cursor inside ``Link``, and reading a partner's ``Link`` (OCPI 2.2.1 §GET).

Offsets are understood because the standard has them; what the hub writes into ``Link`` is a cursor
over (last_updated, key), which neither repeats nor misses an object while others change.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec

from ocpi.envelope import timestamp
from ocpi.errors import OcpiError, invalid
from ocpi.text import moment_from_text

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 1000
OFFSET_MAX: Final = 1_000_000_000
CURSOR_CHARS_MAX: Final = 1024
LINK_CHARS_MAX: Final = 4096
KEY_PARTS_MAX: Final = 8

_NEXT: Final = re.compile(
    r"<([^<>]{1,4000})>\s*;[^,<>]{0,200}\brel\s*=\s*\"?next\b\"?", re.IGNORECASE
)
_NAMES: Final = frozenset({"date_from", "date_to", "offset", "limit", "cursor"})


class Cursor(msgspec.Struct, frozen=True):
    """The last object of a page: where the next page goes on."""

    last_updated: datetime
    key: tuple[str, ...]


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a list request asks for, every number bounded."""

    date_from: datetime | None = None
    date_to: datetime | None = None
    offset: int = 0
    limit: int = LIMIT_DEFAULT
    cursor: Cursor | None = None


def read_query(pairs: Iterable[tuple[str, str]], *, limit_max: int = LIMIT_MAX) -> PageQuery:
    """Read a list's query: date_from inclusive, date_to exclusive, limit capped, never trusted."""
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in _NAMES and given.setdefault(name, value) != value:
            raise invalid(name, "the parameter came twice with different values")
    given = {name: value for name, value in given.items() if value}
    limit = _whole("limit", given.get("limit"), min(LIMIT_DEFAULT, limit_max))
    if limit < 1:
        raise invalid("limit", "at least 1 is expected")
    offset = _whole("offset", given.get("offset"), 0)
    if offset > OFFSET_MAX:
        raise invalid("offset", f"at most {OFFSET_MAX} is expected")
    return PageQuery(
        date_from=_moment("date_from", given.get("date_from")),
        date_to=_moment("date_to", given.get("date_to")),
        offset=offset,
        limit=min(limit, limit_max),
        cursor=decode_cursor(given["cursor"]) if "cursor" in given else None,
    )


def _whole(name: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise invalid(name, "a whole number is expected")
    return int(text)


def _moment(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return moment_from_text(text)
    except ValueError as error:
        raise invalid(name, str(error)) from None


def encode_cursor(cursor: Cursor) -> str:
    """Give the cursor as one opaque, URL-safe word."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode_cursor(text: str) -> Cursor:
    """Read a cursor that this hub wrote; anything else is refused."""
    refusal = invalid("cursor", "follow the Link header as it was given")
    if len(text) > CURSOR_CHARS_MAX or not text.isascii():
        raise refusal
    try:
        padded = text + "=" * (-len(text) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        cursor = msgspec.json.decode(raw, type=Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        raise refusal from None
    sound = cursor.last_updated.tzinfo is not None and len(cursor.key) <= KEY_PARTS_MAX
    if not sound or any("\x00" in part for part in cursor.key):
        raise refusal
    return cursor


def write_link(
    url: str, query: PageQuery, cursor: Cursor, extra: Iterable[tuple[str, str]] = ()
) -> str:
    """Give the Link header of the next page: the same filters, and where to go on."""
    pairs = [*extra, ("limit", str(query.limit))]
    if query.date_from is not None:
        pairs.append(("date_from", timestamp(query.date_from)))
    if query.date_to is not None:
        pairs.append(("date_to", timestamp(query.date_to)))
    pairs.append(("cursor", encode_cursor(cursor)))
    return f'<{url}?{urlencode(pairs)}>; rel="next"'


def read_link(value: str | None, current_url: str) -> str | None:
    """Give the next page's URL of a partner's Link header, or None for none or an absurd one.

    Absurd is what leaves the origin or the path of the list being read: some partners write the
    wrong scheme, role or path. The caller then goes on by offset arithmetic.
    """
    if value is None or len(value) > LINK_CHARS_MAX:
        return None
    match = _NEXT.search(value)
    if match is None:
        return None
    try:
        target = urljoin(current_url, match.group(1).strip())
        here, there = urlsplit(current_url), urlsplit(target)
    except ValueError:
        return None
    same = (here.scheme, here.netloc, here.path.rstrip("/")) == (
        there.scheme,
        there.netloc,
        there.path.rstrip("/"),
    )
    return target if same and target != current_url else None


def read_total(value: str | None) -> int | None:
    """Give X-Total-Count or X-Limit as a number, None where it is none."""
    try:
        return None if value is None else _whole("X-Total-Count", value.strip(), 0)
    except OcpiError:
        return None
