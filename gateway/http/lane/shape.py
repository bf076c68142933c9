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
_is_id = re.compile(rb"[!-~]{1,128}").fullmatch

Ids = tuple[bytes, bytes]
Cut = tuple[bytes, bytes, int, Ids]
"""The request line, the rest of the head without ids, where the head ends, and the two ids."""
_NO_IDS: Final = (b"", b"")


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
