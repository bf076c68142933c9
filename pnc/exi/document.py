"""The interpreter of the tables: bytes to values and back, as a document or as a fragment.

EXI 1.0: schema-informed, bit-packed, not strict, no options in the stream (header octet 0x80).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pnc.errors import ExiError
from pnc.exi.bits import Reader, Writer
from pnc.exi.grammar import END, Grammar, Row, State

HEADER: Final = 0x80
MESSAGE_BYTES_MAX: Final = 32 * 1024


class Code(msgspec.Struct, frozen=True):
    """An event code and its width in bits."""

    value: int
    width: int


class Root(msgspec.Struct, frozen=True, eq=False):
    """What a stream consists of: one element, as a document or, with `end`, as a fragment."""

    name: str
    code: Code
    grammar: Grammar
    end: Code | None = None


def read(raw: bytes, roots: tuple[Root, ...]) -> tuple[Root, Any]:
    """Which of `roots` the stream holds, and its value."""
    if len(raw) > MESSAGE_BYTES_MAX:
        raise ExiError(f"{len(raw)} bytes, at most {MESSAGE_BYTES_MAX} are read")
    reader = Reader(raw)
    if reader.bits(8) != HEADER:
        raise ExiError("not an EXI stream without options: its first byte is not 0x80")
    root = next((each for each in roots if reader.peek(each.code.width) == each.code.value), None)
    if root is None:
        raise ExiError("it holds none of " + ", ".join(each.name for each in roots))
    reader.bits(root.code.width)
    try:
        value = _read(reader, root.grammar)
        _finish(reader, root)
    except ExiError as error:
        error.path = (root.name, *error.path)
        raise
    return root, value


def _finish(reader: Reader, root: Root) -> None:
    if root.end is not None and reader.bits(root.end.width) != root.end.value:
        raise ExiError("the fragment does not end after it")
    reader.finish()


def write(root: Root, value: object) -> bytes:
    """The stream of this one element."""
    writer = Writer()
    writer.bits(HEADER, 8)
    writer.bits(root.code.value, root.code.width)
    try:
        _write(writer, root.grammar, value)
    except ExiError as error:
        error.path = (root.name, *error.path)
        raise
    if root.end is not None:
        writer.bits(root.end.value, root.end.width)
    raw = writer.getvalue()
    if len(raw) > MESSAGE_BYTES_MAX:
        raise ExiError(f"{len(raw)} bytes, at most {MESSAGE_BYTES_MAX} are written")
    return raw


def _read(reader: Reader, grammar: Grammar) -> Any:
    states = grammar.states
    state = states[0]
    found: dict[str, Any] = {}
    while True:
        step = state.steps.get(reader.bits(state.width))
        if step is None:
            raise ExiError("content that is not known here")
        row = step.row
        if row is END:
            return grammar.make(**found)
        try:
            value = _read_content(reader, row)
            found[row.field] = _listed(found, row, value) if row.is_list else value
        except ExiError as error:
            error.path = (row.name, *error.path)
            raise
        state = states[step.then]


def _listed(found: dict[str, Any], row: Row, value: object) -> tuple[object, ...]:
    before: tuple[object, ...] = found.get(row.field, ())
    if len(before) == row.limit:
        raise ExiError(f"more than {row.limit}")
    return (*before, value)


def _read_content(reader: Reader, row: Row) -> Any:
    if row.grammar is not None:
        return _read(reader, row.grammar)
    if row.datatype is None:
        raise ExiError("is not allowed in ISO 15118")
    if not row.is_element:
        return row.datatype.read(reader)
    if reader.bits(1):
        raise ExiError("something else than a value")
    value = row.datatype.read(reader)
    if reader.bits(1):
        raise ExiError("something after the value")
    return value


def _write(writer: Writer, grammar: Grammar, value: object) -> None:
    states = grammar.states
    state = states[0]
    for row in grammar.rows:
        held = getattr(value, row.field)
        if held is None:
            continue
        try:
            state = _write_row(writer, states, state, row, held if row.is_list else (held,))
        except ExiError as error:
            error.path = (row.name, *error.path)
            raise
    code = state.codes.get(END.field)
    if code is None:
        missing = " or ".join(step.row.name for step in state.steps.values())
        raise ExiError(f"{missing} is missing")
    writer.bits(code, state.width)


def _write_row(
    writer: Writer, states: tuple[State, ...], state: State, row: Row, items: tuple[Any, ...]
) -> State:
    if len(items) > row.limit:
        raise ExiError(f"{len(items)}, at most {row.limit} are allowed")
    for item in items:
        code = state.codes.get(row.field)
        if code is None:
            raise ExiError("not allowed here")
        writer.bits(code, state.width)
        _write_content(writer, row, item)
        state = states[state.steps[code].then]
    return state


def _write_content(writer: Writer, row: Row, value: Any) -> None:
    if row.grammar is not None:
        _write(writer, row.grammar, value)
        return
    assert row.datatype is not None, "refused rows are not among the rows of a grammar"
    if not row.is_element:
        row.datatype.write(writer, value)
        return
    writer.bits(0, 1)
    row.datatype.write(writer, value)
    writer.bits(0, 1)
