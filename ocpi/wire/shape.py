"""Structs derived from structs: a version's variant, and the PATCH of any of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET, UnsetType
from msgspec.structs import FieldInfo

from ocpi.errors import NOT_ENOUGH_INFORMATION, OcpiError
from ocpi.model.party import PartyId
from ocpi.model.scalar import Value
from ocpi.model.token import Token


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What an old message leaves to its surroundings: URL, credentials, the hub's own stores.

    ``owner`` whose object it is; ``token_owner`` who issued the token an ``auth_id`` names;
    ``token`` the token an authorisation was asked for; ``role`` of the party behind credentials;
    ``time_zone`` of a location that does not state one; ``timeout_s`` for a command's result.
    """

    owner: PartyId | None = None
    token_owner: PartyId | None = None
    token: Token | None = None
    role: str | None = None
    time_zone: str | None = None
    timeout_s: int | None = None

    def need(self, name: str) -> Any:
        """Give what the message does not say, or refuse it: nothing is ever made up."""
        value = getattr(self, name)
        if value is None:
            reason = f"{name}: this version does not say it, and it is not known otherwise"
            raise OcpiError(NOT_ENOUGH_INFORMATION, 200, reason, field=name)
        return value


class Kind(msgspec.Struct, frozen=True):
    """How one kind of message is decoded: wire type, and the way to the model.

    ``to_model_at`` instead of ``to_model`` where the message alone does not say everything.
    """

    wire: Any
    to_model: Callable[[Any], Any] | None = None
    to_model_at: Callable[[Any, Origin], Any] | None = None


def variant(
    model: type[msgspec.Struct],
    types: Mapping[str, Any],
    *,
    without: frozenset[str] = frozenset(),
    more: Mapping[str, Any] | None = None,
    absent: frozenset[str] = frozenset(),
) -> type[msgspec.Struct]:
    """Give the model's struct with some fields typed otherwise and some left out.

    ``more`` are required fields of its own, ``absent`` those that need not be there.
    """
    fields: list[Any] = [
        _field(info, types.get(info.name, info.type))
        for info in msgspec.structs.fields(model)
        if info.name not in without
    ]
    fields = [(*field[:2], None) if field[0] in absent else field for field in fields]
    fields += (more or {}).items()
    return msgspec.defstruct(model.__name__, fields, bases=(Value,), frozen=True, kw_only=True)


def patch_of(wire: type[msgspec.Struct], required: frozenset[str]) -> type[msgspec.Struct]:
    """Give the PATCH of a struct: everything may be absent but the ``required`` fields."""
    fields: list[Any] = []
    for info in msgspec.structs.fields(wire):
        if info.name in required:
            fields.append((info.name, info.type))
        else:
            fields.append((info.name, info.type | None | UnsetType, UNSET))
    name = f"{wire.__name__}Patch"
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True)


def _field(info: FieldInfo, type_: Any) -> tuple[str, Any] | tuple[str, Any, Any]:
    if info.default is NODEFAULT and info.default_factory is NODEFAULT:
        return (info.name, type_)
    return (info.name, type_, info.default)
