"""Bodies of exchanges as people read them: indented, coloured, without secrets."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from markupsafe import Markup, escape

from gateway.store.exchange import BODY_BYTES_MAX

HIDDEN: Final = "••• hidden •••"
_CONCEALED: Final = (
    "token|token_[abc]|api_token|access_token|refresh_token|secret|secret_key|password"
    "|authorization"
)
_SECRET: Final = re.compile(rf'("(?:{_CONCEALED})"\s*:\s*")(?:[^"\\]|\\.)*("?)', re.IGNORECASE)
_SECRET_QUERY: Final = re.compile(rf"([?&](?:{_CONCEALED})=)[^&#]*", re.IGNORECASE)
_PIECE: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=\s*:))|(?P<text>"(?:[^"\\]|\\.)*")'
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<word>\btrue\b|\bfalse\b|\bnull\b)"
)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One body; `is_cut` when the log kept only its beginning."""

    html: Markup
    size: int
    is_cut: bool


def show(raw: bytes | None) -> Shown | None:
    """The body for a page; digits stay as they were sent."""
    if not raw:
        return None
    is_cut = len(raw) >= BODY_BYTES_MAX
    try:
        text = msgspec.json.format(raw, indent=2).decode()
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        text = raw.decode("utf-8", "replace")
    text = _SECRET.sub(rf"\g<1>{HIDDEN}\g<2>", text)
    return Shown(html=_coloured(text), size=len(raw), is_cut=is_cut)


def show_path(path: str) -> str:
    """An address without what its query may give away."""
    return _SECRET_QUERY.sub(rf"\g<1>{HIDDEN}", path)


def _coloured(text: str) -> Markup:
    parts: list[Markup] = []
    end = 0
    for found in _PIECE.finditer(text):
        parts.append(escape(text[end : found.start()]))
        parts.append(Markup('<span class="j-{}">{}</span>').format(found.lastgroup, found[0]))
        end = found.end()
    parts.append(escape(text[end:]))
    return Markup("").join(parts)
