"""SQL lives in ``.sql`` files: named statements, one file per aggregate, loaded once."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Final

_NAME: Final = re.compile(r"^-- name: ([a-z][a-z0-9_]*)[ \t]*$", re.MULTILINE)


@functools.cache
def load(package: str, file_name: str) -> Mapping[str, str]:
    """The statements of one file, by the name in the ``-- name: …`` line above each."""
    text = (resources.files(package) / file_name).read_text(encoding="utf-8")
    pieces = _NAME.split(text)
    statements: dict[str, str] = {}
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        if name in statements:
            raise ValueError(f"{package}/{file_name}: two statements are called {name}")
        statements[name] = body.strip()
    return MappingProxyType(statements)
