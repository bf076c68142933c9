"""Structs derived from structs: a version's variant, and the PATCH of any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET, UnsetType
from msgspec.structs import FieldInfo

from ocpi.model.scalar import Value


def variant(
    model: type[msgspec.Struct], types: Mapping[str, Any], *, without: frozenset[str] = frozenset()
) -> type[msgspec.Struct]:
    """Give the model's struct with some fields typed otherwise and some left out."""
    fields = [
        _field(info, types.get(info.name, info.type))
        for info in msgspec.structs.fields(model)
        if info.name not in without
    ]
    return msgspec.defstruct(model.__name__, fields, bases=(Value,), frozen=True, kw_only=True)


def patch_of(wire: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Give the PATCH of a struct: everything may be absent but ``last_updated``."""
    fields: list[Any] = []
    for info in msgspec.structs.fields(wire):
        if info.name == "last_updated":
            fields.append((info.name, info.type))
        else:
            fields.append((info.name, info.type | None | UnsetType, UNSET))
    name = f"{wire.__name__}Patch"
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True)


def _field(info: FieldInfo, type_: Any) -> tuple[str, Any] | tuple[str, Any, Any]:
    if info.default is NODEFAULT and info.default_factory is NODEFAULT:
        return (info.name, type_)
    return (info.name, type_, info.default)
