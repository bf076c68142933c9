"""Where one HTTP/1.1 request ends, told only where nobody could read it differently.

The lane must know, before it looks at the next byte, that the request before it is over. So a
request is framed here only when its head is plain: CRLF line ends, no folding, at most one
Content-Length of digits, no Transfer-Encoding, no Upgrade, no Expect. Everything else is
`UNKNOWN`, and the connection belongs to aiohttp from that byte on (reliability §5.5).
"""

from __future__ import annotations

from typing import Final

HEAD_BYTES_MAX: Final = 8 << 10
BODY_DIGITS_MAX: Final = 9

PARTIAL: Final = 0
UNKNOWN: Final = -1

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length"
_DEMANDS: Final = (b"\r\ntransfer-encoding", b"\r\nupgrade", b"\r\nexpect", b"\r\n ", b"\r\n\t")


def head_length(data: bytes, start: int = 0) -> int:
    """Length of the head with its empty line; PARTIAL while incomplete; UNKNOWN if not plain."""
    end = data.find(_END, start, start + HEAD_BYTES_MAX + 4)
    if end >= 0:
        return end + 4 - start
    if len(data) - start > HEAD_BYTES_MAX or not _may_become_plain(data[start:]):
        return UNKNOWN
    return PARTIAL


def _may_become_plain(data: bytes) -> bool:
    """A method's first letter, and no line feed without its carriage return."""
    return 65 <= data[0] <= 90 and data.count(b"\n") == data.count(b"\r\n")


def body_length(head: bytes) -> int:
    """Length of the body that this plain head announces; UNKNOWN when the lane may not say."""
    lower = head.lower()
    for demand in _DEMANDS:
        if demand in lower:
            return UNKNOWN
    start = lower.find(_LENGTH)
    if start < 0:
        return 0
    stop = lower.find(b"\r\n", start + 2)
    digits = lower[start + len(_LENGTH) + 1 : stop].strip(b" ")
    is_plain = lower[start + len(_LENGTH) : start + len(_LENGTH) + 1] == b":" and digits.isdigit()
    if not is_plain or len(digits) > BODY_DIGITS_MAX or lower.find(_LENGTH, stop) >= 0:
        return UNKNOWN
    return int(digits)
