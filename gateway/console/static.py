"""Styles and scripts: read once, named by their content, kept by browsers for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

HERE: Final = Path(__file__).parent / "static"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
FOR_EVER: Final = "public, max-age=31536000, immutable"


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    body: bytes
    content_type: str
    version: str


def read() -> Mapping[str, Asset]:
    """Every file below static, by its path."""
    found: dict[str, Asset] = {}
    for path in sorted(HERE.rglob("*")):
        if path.is_file() and path.suffix in TYPES:
            body = path.read_bytes()
            version = hashlib.sha256(body).hexdigest()[:12]
            name = path.relative_to(HERE).as_posix()
            found[name] = Asset(body=body, content_type=TYPES[path.suffix], version=version)
    return found


def answer(assets: Mapping[str, Asset], name: str) -> web.Response:
    asset = assets.get(name)
    if asset is None:
        return web.Response(status=404, text="no such file")
    headers = {
        "Content-Type": asset.content_type,
        "Cache-Control": FOR_EVER,
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(body=asset.body, headers=headers)
