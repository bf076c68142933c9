"""The same values as JSON: names as in the standard, binaries as base64.

Attributes stand among the elements, the text of an element with attributes is its ``value``, and a
repeated element is a list. Numbers that JSON readers would round are text.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pnc.errors import ExiError
from pnc.exi.datatype import Json
from pnc.exi.document import Root
from pnc.exi.grammar import Grammar, Row

JSON_BYTES_MAX = 128 * 1024


def dump(root: Root, value: object) -> bytes:
    return msgspec.json.encode({root.name: _dump(root.grammar, value)})


def load(raw: bytes, roots: tuple[Root, ...]) -> tuple[Root, Any]:
    """Which of `roots` the JSON holds, and its value; facets are checked when it is written."""
    if len(raw) > JSON_BYTES_MAX:
        raise ExiError(f"{len(raw)} bytes of JSON, at most {JSON_BYTES_MAX} are read")
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ExiError(f"not JSON: {error}") from None
    names = [root.name for root in roots]
    if not isinstance(found, dict) or len(found) != 1:
        raise ExiError("one object with one key is expected: " + ", ".join(names))
    root = next((each for each in roots if each.name in found), None)
    if root is None:
        raise ExiError("it holds none of " + ", ".join(names))
    try:
        return root, _load(root.grammar, found[root.name])
    except ExiError as error:
        error.path = (root.name, *error.path)
        raise


def _dump(grammar: Grammar, value: object) -> Json:
    said: dict[str, Json] = {}
    for row in grammar.rows:
        held = getattr(value, row.field)
        if row.is_list:
            said[row.name] = [_dump_content(row, each) for each in held]
        elif held is not None:
            said[row.name] = _dump_content(row, held)
    return said


def _dump_content(row: Row, value: Any) -> Json:
    if row.grammar is not None:
        return _dump(row.grammar, value)
    assert row.datatype is not None, "refused rows are not among the rows of a grammar"
    return row.datatype.to_json(value)


def _load(grammar: Grammar, value: Json) -> Any:
    if not isinstance(value, dict):
        raise ExiError("an object is expected")
    unknown = value.keys() - {row.name for row in grammar.rows}
    if unknown:
        raise ExiError(f"{min(unknown)[:64]!r} is not known here")
    found: dict[str, Any] = {}
    for row in grammar.rows:
        held = value.get(row.name)
        if held is None and not row.least:
            continue
        try:
            found[row.field] = _load_content(row, held)
        except ExiError as error:
            error.path = (row.name, *error.path)
            raise
    return grammar.make(**found)


def _load_content(row: Row, value: Json) -> Any:
    if value is None:
        raise ExiError("is missing")
    if row.is_list:
        if not isinstance(value, list):
            raise ExiError("a list is expected")
        if len(value) > row.limit:
            raise ExiError(f"{len(value)}, at most {row.limit} are allowed")
        return tuple(_load_one(row, each) for each in value)
    return _load_one(row, value)


def _load_one(row: Row, value: Json) -> Any:
    if row.grammar is not None:
        return _load(row.grammar, value)
    assert row.datatype is not None, "refused rows are not among the rows of a grammar"
    return row.datatype.from_json(value)
