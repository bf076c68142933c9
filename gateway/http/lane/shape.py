"""The head of a request without what differs from one to the next.

A client says the same in every head but for the request line and the message ids. Once llhttp has
read such a head, the same head with other ids reads the same: a header's value does not change how
the next line is read, and an id is of `[!-~]` only. So the rest of the head is a key, under which
the lane remembers what it learned from it.
"""

from __future__ import annotations

import re
from typing import Final

# As clients spell them; another spelling is read by llhttp every time.
SPELLINGS: Final = (
    (b"\r\nX-Request-ID: ", b"\r\nX-Correlation-ID: "),
    (b"\r\nx-request-id: ", b"\r\nx-correlation-id: "),
    (b"\r\nX-Request-Id: ", b"\r\nX-Correlation-Id: "),
)
_END: Final = b"\r\n\r\n"
_LINE_END: Final = b"\r\n"
_ID_BYTES_MAX: Final = 128
_is_visible = re.compile(rb"[!-~]+").fullmatch
_is_id = re.compile(rb"[!-~]{1,128}").fullmatch

Ids = tuple[bytes, bytes]
Cut = tuple[bytes, bytes, int, Ids]
"""The request line, the rest of the head without ids, where the head ends, and the two ids."""
_NO_IDS: Final = (b"", b"")


class Template:
    """The usual head, request id before correlation id, for `match` to compare piece by piece."""

    __slots__ = (
        "_before",
        "_before_length",
        "_between",
        "_between_length",
        "_rest",
        "_rest_length",
    )

    def __init__(self, before: bytes, between: bytes, rest: bytes) -> None:
        self._before, self._before_length = before, len(before)
        self._between, self._between_length = between, len(between)
        self._rest, self._rest_length = rest, len(rest)

    def match(self, frame: bytes) -> tuple[bytes, int, Ids] | None:
        """The request line, where the head ends and the ids: what `cut` would have found."""
        line = frame.find(_LINE_END)
        first = line + self._before_length
        stop = frame.find(_LINE_END, first)
        second = stop + self._between_length
        other_stop = frame.find(_LINE_END, second)
        request_id, correlation_id = frame[first:stop], frame[second:other_stop]
        if (
            frame.startswith(self._before, line)
            and frame.startswith(self._between, stop)
            and frame.startswith(self._rest, other_stop)
            and 0 < len(request_id) <= _ID_BYTES_MAX
            and 0 < len(correlation_id) <= _ID_BYTES_MAX
            and _is_visible(request_id + correlation_id) is not None
        ):
            return frame[:line], other_stop + self._rest_length, (request_id, correlation_id)
        return None


def template_of(rest: bytes) -> Template | None:
    """The template of a head that `cut` has cut; None where its ids stand in another way."""
    for request_name, correlation_name in SPELLINGS:
        first = rest.find(request_name)
        second = rest.find(correlation_name)
        if first < 0 and second < 0:
            continue  # the same spelling that `cut` goes by, and no other
        if not 0 <= first < second:
            return None
        first, second = first + len(request_name), second + len(correlation_name)
        return Template(rest[:first], rest[first:second], rest[second:])
    return None


def cut(frame: bytes) -> Cut | None:
    """None where the head is not complete, or an id is not one."""
    end = frame.find(_END) + 4
    line = frame.find(_LINE_END)
    if end < 4:
        return None
    for request_name, correlation_name in SPELLINGS:
        at = frame.find(request_name, line, end)
        other_at = frame.find(correlation_name, line, end)
        if at >= 0 or other_at >= 0:
            break
    else:
        return frame[:line], frame[line:end], end, _NO_IDS
    request_id = correlation_id = b""
    first = stop = line  # nothing between them: no id was cut out
    if at >= 0:
        first = at + len(request_name)
        stop = frame.find(_LINE_END, first)
        request_id = frame[first:stop]
        if _is_id(request_id) is None:
            return None
    if other_at < 0:
        return frame[:line], frame[line:first] + frame[stop:end], end, (request_id, b"")
    second = other_at + len(correlation_name)
    other_stop = frame.find(_LINE_END, second)
    correlation_id = frame[second:other_stop]
    if _is_id(correlation_id) is None:
        return None
    if second > first:
        rest = frame[line:first] + frame[stop:second] + frame[other_stop:end]
    else:
        rest = frame[line:second] + frame[other_stop:first] + frame[stop:end]
    return frame[:line], rest, end, (request_id, correlation_id)
