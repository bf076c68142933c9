"""Named statements from the `.sql` files beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

MARK = "-- name: "


@cache
def load(file: str) -> Mapping[str, str]:
    """Every statement of `file` under the name of its `-- name:` line."""
    text = resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for block in text.split(MARK)[1:]:
        name, _, body = block.partition("\n")
        if name.strip() in found:
            raise ValueError(f"{file} names {name.strip()!r} twice")
        found[name.strip()] = body.strip()
    return MappingProxyType(found)
