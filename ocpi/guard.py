"""Limits on a body before anything is decoded: size, NUL, depth (all in C-speed passes)."""

from __future__ import annotations

import re
from typing import Final

from ocpi.errors import INVALID_PARAMETERS, OcpiError, invalid

BODY_BYTES_MAX: Final = 4 * 1024 * 1024
OBJECT_BYTES_MAX: Final = 2 * 1024 * 1024
DEPTH_MAX: Final = 64

_REST: Final = bytes(code for code in range(256) if code not in b'[]{}"')
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_TOO_DEEP: Final = b"[" * (DEPTH_MAX + 1)
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
"""A string, or what is left after a quote that never closes: it always matches, in linear time."""


def check(raw: bytes, *, limit: int = OBJECT_BYTES_MAX) -> None:
    """Refuse a body that is too large, holds a NUL, or is nested too deep to be stored."""
    if len(raw) > limit:
        raise OcpiError(INVALID_PARAMETERS, 413, f"the body is larger than {limit} bytes")
    if b"\\u0000" in raw and _NUL.search(raw):
        raise invalid("body", "the character NUL is not allowed in a string")
    if raw.count(b"[") + raw.count(b"{") > DEPTH_MAX and depth(raw) > DEPTH_MAX:
        raise invalid("body", f"nested deeper than {DEPTH_MAX} levels")


def depth(raw: bytes) -> int:
    """Give how deep the JSON nests; anything above the limit counts as limit + 1.

    Only brackets and quotes are kept, empty strings vanish, then each round removes the innermost
    pairs. Where a string has an escape or a bracket in it, the strings are cut out first. What is
    out of balance is no JSON and left to the decoder.
    """
    marks = raw.translate(_ONE_KIND, _REST).replace(b'""', b"") if b"\\" not in raw else b'"'
    if b'"' in marks:
        marks = _STRING.sub(b"", raw).translate(_ONE_KIND, _REST).replace(b'"', b"")
    if _TOO_DEEP in marks:
        return DEPTH_MAX + 1
    for level in range(DEPTH_MAX + 1):
        inner = marks.replace(b"[]", b"")
        if len(inner) == len(marks):
            return level
        marks = inner
    return DEPTH_MAX + 1
