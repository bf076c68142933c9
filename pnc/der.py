"""Strict, bounded reading of DER (X.690 §10): one header at a time, by offsets, without copying.

Every function raises ``DerError`` and nothing else, whatever the bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from pnc.errors import DerError

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
ENUMERATED: Final = 0x0A
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

DEPTH_MAX: Final = 16
_OID_BYTES_MAX: Final = 32


def header(data: bytes, pos: int, end: int) -> tuple[int, int, int]:
    """Tag, start and stop of the element at `pos`; its whole content lies before `end`."""
    start = pos + 2
    if start > end:
        raise DerError("truncated element")
    tag = data[pos]
    if tag & 0x1F == 0x1F:
        raise DerError("tag numbers above 30 are not used here")
    length = data[pos + 1]
    if length >= 0x80:
        start, length = _long_length(data, start, end, length & 0x7F)
    stop = start + length
    if stop > end:
        raise DerError("an element is longer than what holds it")
    return tag, start, stop


def _long_length(data: bytes, start: int, end: int, octets: int) -> tuple[int, int]:
    if octets == 0:
        raise DerError("indefinite length")
    if octets > 4 or start + octets > end:
        raise DerError("an element is longer than what holds it")
    length = int.from_bytes(data[start : start + octets], "big")
    if length < 0x80 or data[start] == 0:
        raise DerError("non-minimal length")
    return start + octets, length


def expect(data: bytes, pos: int, end: int, tag: int) -> tuple[int, int]:
    """Start and stop of the element at `pos`, which must have `tag`."""
    start = pos + 2
    if start <= end and data[pos] == tag and data[pos + 1] < 0x80:
        stop = start + data[pos + 1]
        if stop <= end:
            return start, stop
    found, start, stop = header(data, pos, end)
    if found != tag:
        raise DerError(f"tag 0x{found:02x} where 0x{tag:02x} is due")
    return start, stop


def whole(data: bytes, tag: int) -> tuple[int, int]:
    """Start and stop of the one element that `data` is; trailing bytes are refused."""
    start, stop = expect(data, 0, len(data), tag)
    if stop != len(data):
        raise DerError("trailing bytes")
    return start, stop


def elements(data: bytes, start: int, stop: int, most: int) -> list[tuple[int, int, int, int]]:
    """(tag, position, start, stop) of each element between `start` and `stop`, at most `most`."""
    found: list[tuple[int, int, int, int]] = []
    pos = start
    while pos < stop:
        if len(found) == most:
            raise DerError(f"more than {most} elements")
        tag, inner, after = header(data, pos, stop)
        found.append((tag, pos, inner, after))
        pos = after
    return found


def integer(data: bytes, start: int, stop: int) -> int:
    """The INTEGER whose content lies between `start` and `stop`."""
    if start == stop:
        raise DerError("empty INTEGER")
    first = data[start]
    if stop - start > 1 and (
        (first == 0 and data[start + 1] < 0x80) or (first == 0xFF and data[start + 1] >= 0x80)
    ):
        raise DerError("non-minimal INTEGER")
    return int.from_bytes(data[start:stop], "big", signed=True)


def boolean(data: bytes, start: int, stop: int) -> bool:
    """The BOOLEAN whose content lies between `start` and `stop`; true is 0xFF only."""
    if stop - start != 1 or data[start] not in {0, 0xFF}:
        raise DerError("BOOLEAN is neither 00 nor FF")
    return data[start] == 0xFF


def octet_aligned_bits(data: bytes, start: int, stop: int) -> int:
    """Start of the octets of a BIT STRING that has no unused bits."""
    if start == stop or data[start] != 0:
        raise DerError("BIT STRING with unused bits")
    return start + 1


def named_bits(data: bytes, start: int, stop: int) -> int:
    """A named-bit list of at most 16 bits; bit 0 is 0x8000."""
    size = stop - start - 1
    if not 1 <= size <= 2:
        raise DerError("named bits are empty or too many")
    unused, last = data[start], data[stop - 1]
    if unused > 7 or last & ((1 << unused) - 1) or not last >> unused & 1:
        raise DerError("named bits are not DER")
    return data[start + 1] << 8 | (data[start + 2] if size == 2 else 0)


def oid_text(content: bytes) -> str:
    """The dotted form of an OBJECT IDENTIFIER's content."""
    if not content or len(content) > _OID_BYTES_MAX or content[-1] >= 0x80:
        raise DerError("malformed OBJECT IDENTIFIER")
    arcs: list[int] = []
    value, fresh = 0, True
    for octet in content:
        if fresh and octet == 0x80:
            raise DerError("malformed OBJECT IDENTIFIER")
        value = value << 7 | octet & 0x7F
        fresh = octet < 0x80
        if fresh:
            arcs.append(value)
            value = 0
    top = min(arcs[0] // 40, 2)
    return ".".join(map(str, [top, arcs[0] - 40 * top, *arcs[1:]]))


def time(data: bytes, tag: int, start: int, stop: int) -> datetime:
    """A UTCTime or GeneralizedTime in the one form that RFC 5280 §4.1.2.5 allows."""
    text = data[start:stop]
    if tag == UTC_TIME and len(text) == 13:
        year_text, rest = text[:2], text[2:]
    elif tag == GENERALIZED_TIME and len(text) == 15:
        year_text, rest = text[:4], text[4:]
    else:
        raise DerError("a time is neither UTCTime nor GeneralizedTime in seconds")
    if rest[10] != 0x5A or not (year_text + rest[:10]).isdigit():
        raise DerError("a time is not digits and Z")
    year = int(year_text)
    if tag == UTC_TIME:
        year += 1900 if year >= 50 else 2000
    number = int(rest[:10])
    try:
        return datetime(
            year,
            number // 100000000,
            number // 1000000 % 100,
            number // 10000 % 100,
            number // 100 % 100,
            number % 100,
            tzinfo=UTC,
        )
    except ValueError as error:
        raise DerError(f"a time that does not exist: {error}") from error


def well_formed(data: bytes, start: int, stop: int, *, depth: int = DEPTH_MAX) -> None:
    """Raise unless the bytes are a run of well-formed elements, to a bounded depth."""
    if depth == 0:
        raise DerError("nested too deeply")
    pos = start
    while pos < stop:
        tag, inner, after = header(data, pos, stop)
        if tag & 0x20:
            well_formed(data, inner, after, depth=depth - 1)
        pos = after
