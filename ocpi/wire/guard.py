"""Limits on a body before anything is decoded: size, NUL, depth (all in C-speed passes)."""

from __future__ import annotations

import re
from typing import Final

from ocpi.errors import INVALID_PARAMETERS, OcpiError, invalid

BODY_BYTES_MAX: Final = 4 * 1024 * 1024
OBJECT_BYTES_MAX: Final = 2 * 1024 * 1024
DEPTH_MAX: Final = 64

_KEPT: Final = b'[]{}"\\'
_REST: Final = bytes(code for code in range(256) if code not in _KEPT)
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_MARK: Final = re.compile(rb'["\\\[\]{}]')


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

    Only brackets and quotes are kept; empty strings vanish; then each round removes the innermost
    brackets. A quote that stays shows a bracket inside a string: then the text is walked instead.
    """
    marks = raw.translate(None, _REST)
    marks = marks.replace(b"\\\\", b"").replace(b'\\"', b"").replace(b"\\", b"").replace(b'""', b"")
    if b'"' in marks:
        return _walk(raw)
    for level in range(DEPTH_MAX + 1):
        if not marks:
            return level
        marks = marks.replace(b"[]", b"\x00").replace(b"{}", b"\x00").replace(b"\x00", b"")
    return DEPTH_MAX + 1


def _walk(raw: bytes) -> int:
    level = deepest = skip_to = 0
    in_string = False
    for mark in _MARK.finditer(raw):
        at = mark.start()
        if at < skip_to:
            continue
        what = raw[at]
        if what == 0x5C:  # a backslash takes the next character with it
            skip_to = at + 2
        elif what == 0x22:
            in_string = not in_string
        elif not in_string:
            level += 1 if what in b"[{" else -1
            deepest = max(deepest, level)
            if deepest > DEPTH_MAX:
                return deepest
    return deepest
