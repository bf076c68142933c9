"""PATCH and the parts of a location, on bytes: what is not touched keeps its exact text.

A PATCH replaces the fields it names (OCPI 2.2.1 transport §PATCH); a session's charging periods are
added to (mod_sessions §PATCH). An EVSE or connector lives inside its location's JSON.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ocpi import guard
from ocpi.envelope import join, split
from ocpi.errors import UNKNOWN_LOCATION, OcpiError, invalid, not_json
from ocpi.model.party import same
from ocpi.text import moment_from_text

APPENDED: Final = "charging_periods"
LAST_UPDATED: Final = "last_updated"
CHILDREN_MAX: Final = 10_000

Fields = dict[str, msgspec.Raw]
_FIELDS: Final = msgspec.json.Decoder(Fields)
_TEXT: Final = msgspec.json.Decoder(str)


def merge(body: bytes, patch: bytes) -> bytes:
    """Give the object after the PATCH; numbers keep their text, unknown fields are kept."""
    guard.check(patch)
    change = _fields(patch)
    _last_updated(change)
    merged = _fields(body)
    for name, value in change.items():
        if name == APPENDED:
            value = _appended(merged.get(name), value)  # noqa: PLW2901 - the one field that adds
        merged[name] = value
    result = msgspec.json.encode(merged)
    guard.check(result)
    return result


def _appended(old: msgspec.Raw | None, new: msgspec.Raw) -> msgspec.Raw:
    kept = bytes(old) if old is not None else b"[]"
    before = [] if kept == b"null" else split(kept)
    after = [] if bytes(new) == b"null" else split(bytes(new))
    return msgspec.Raw(join(before + after))


def take(location: bytes, evse_uid: str, connector_id: str | None = None) -> bytes:
    """Give the EVSE or connector inside a location, or refuse with 2003 where there is none."""
    evses = _children(_fields(location), "evses")
    evse = _find(evses, "uid", evse_uid)
    if evse is None:
        raise _absent("EVSE", evse_uid)
    if connector_id is None:
        return evses[evse]
    connectors = _children(_fields(evses[evse]), "connectors")
    connector = _find(connectors, "id", connector_id)
    if connector is None:
        raise _absent("connector", connector_id)
    return connectors[connector]


def place_evse(location: bytes, evse_uid: str, evse: bytes) -> bytes:
    """Give the location with that EVSE replaced or added."""
    fields = _place(_fields(location), "evses", "uid", evse_uid, evse)
    result = msgspec.json.encode(fields)
    guard.check(result)
    return result


def place_connector(location: bytes, evse_uid: str, connector_id: str, connector: bytes) -> bytes:
    """Give the location with that connector replaced or added; its EVSE must exist."""
    evse = _place(_fields(take(location, evse_uid)), "connectors", "id", connector_id, connector)
    return place_evse(location, evse_uid, msgspec.json.encode(evse))


def _place(parent: Fields, field: str, key: str, wanted: str, child: bytes) -> Fields:
    """Put the child in its place; the parent counts as updated when its part was."""
    inner = _fields(child)
    if not same(_text(inner, key), wanted):
        raise invalid(key, "the object in the body is not the one in the URL")
    children = _children(parent, field)
    at = _find(children, key, wanted)
    if at is None:
        children.append(child)
    else:
        children[at] = child
    if len(children) > CHILDREN_MAX:
        raise invalid(field, f"more than {CHILDREN_MAX} elements")
    placed = {**parent, field: msgspec.Raw(join(children))}
    if _last_updated(inner) > _last_updated(parent):
        placed[LAST_UPDATED] = inner[LAST_UPDATED]
    return placed


def _fields(raw: bytes) -> Fields:
    try:
        return _FIELDS.decode(raw)
    except msgspec.ValidationError:
        raise invalid("body", "an object is expected") from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise not_json(str(error)) from None


def _children(parent: Fields, field: str) -> list[bytes]:
    raw = bytes(parent.get(field, msgspec.Raw(b"[]")))
    return [] if raw == b"null" else split(raw)


def _find(children: list[bytes], key: str, wanted: str) -> int | None:
    for at, child in enumerate(children):
        if same(_text(_fields(child), key), wanted):
            return at
    return None


def _text(fields: Fields, name: str) -> str:
    if name not in fields:
        raise invalid(name, "the field is required")
    try:
        return _TEXT.decode(fields[name])
    except (msgspec.MsgspecError, ValueError):
        raise invalid(name, "text is expected") from None


def _last_updated(fields: Fields) -> float:
    try:
        return moment_from_text(_text(fields, LAST_UPDATED)).timestamp()
    except ValueError as error:
        raise invalid(LAST_UPDATED, str(error)) from None


def _absent(what: str, id_: str) -> OcpiError:
    return OcpiError(UNKNOWN_LOCATION, 404, f"the location has no {what} {id_[:40]!r}")
