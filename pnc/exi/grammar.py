"""Grammars as tables: rows in the order of the schema, and the states that follow from them.

EXI 1.0 §8.5.4, not strict: a state with k declared productions has event codes of bit_length(k)
bits, because one more code is the escape to undeclared content. Nothing escapes here: reading
the escape, or a production whose row holds no content, is a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from pnc.exi.datatype import Datatype


class Row(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One attribute, element or text of a type: its name in the standard, its field in ours."""

    name: str
    field: str = ""
    """Empty: declared by the schema and refused here."""
    datatype: Datatype | None = None
    grammar: Grammar | None = None
    least: int = 1
    most: int | None = 1
    """maxOccurs; None: unbounded in the schema, and at most `limit` here."""
    limit: int = 1
    is_list: bool = False
    is_element: bool = False
    """An element of simple type is one bit, the value, one bit; else the value stands alone."""


class Step(msgspec.Struct, frozen=True):
    """A production: the row that it is of, and the number of the state behind it."""

    row: Row
    then: int


class State(msgspec.Struct, frozen=True):
    """The productions by event code, and the event codes by field for writing."""

    width: int
    steps: Mapping[int, Step]
    codes: Mapping[str, int]


class Grammar(msgspec.Struct, frozen=True, eq=False):
    """A type: the struct that its values become, its rows, its states; the first is the start."""

    name: str
    make: type[msgspec.Struct]
    rows: tuple[Row, ...]
    states: tuple[State, ...]


END: Final = Row(name="its end", field="/")
_CHARACTERS: Final = Row(name="characters")


def attribute(name: str, field: str, datatype: Datatype, *, least: int = 1) -> Row:
    return Row(name=name, field=field, datatype=datatype, least=least)


def text(field: str, datatype: Datatype) -> Row:
    """The characters of an element that has attributes; ``value`` in JSON."""
    return Row(name="value", field=field, datatype=datatype)


def element(
    name: str,
    field: str,
    content: Datatype | Grammar,
    *,
    least: int = 1,
    most: int | None = 1,
    limit: int | None = None,
) -> Row:
    return Row(
        name=name,
        field=field,
        datatype=None if isinstance(content, Grammar) else content,
        grammar=content if isinstance(content, Grammar) else None,
        least=least,
        most=most,
        limit=limit or most or 1,
        is_list=most != 1,
        is_element=True,
    )


def refused(name: str) -> Row:
    """An optional element that the schema declares and ISO 15118 forbids ([V2G2-771])."""
    return Row(name=name, least=0, most=None)


def derive(
    name: str, make: type[msgspec.Struct], rows: tuple[Row, ...], *, is_mixed: bool = False
) -> Grammar:
    """The grammar of a type whose attributes (in name order) and then content are `rows`."""
    numbers: dict[tuple[int, int], int] = {(0, 0): 0}
    states: list[State] = []
    waiting = [(0, 0)]
    while waiting:
        steps: list[Step] = []
        for row, position in _offers(rows, *waiting.pop(0), is_mixed=is_mixed):
            if position not in numbers:
                numbers[position] = len(numbers)
                waiting.append(position)
            steps.append(Step(row, numbers[position]))
        states.append(state(len(steps).bit_length(), dict(enumerate(steps))))
    return Grammar(name, make, tuple(row for row in rows if row.field), tuple(states))


def state(width: int, steps: Mapping[int, Step]) -> State:
    codes = {step.row.field: code for code, step in steps.items() if step.row.field}
    return State(width, dict(steps), codes)


def _offers(
    rows: tuple[Row, ...], index: int, count: int, *, is_mixed: bool
) -> list[tuple[Row, tuple[int, int]]]:
    """What may follow when `count` of row `index` were seen: itself, successors, the end."""
    offers: list[tuple[Row, tuple[int, int]]] = []
    if count:
        most = rows[index].most
        if most is None or count < most:
            offers.append((rows[index], (index, 1 if most is None else count + 1)))
        index += 1
    for at in range(index, len(rows)):
        offers.append((rows[at], (at, 1) if rows[at].field else (0, 0)))
        if rows[at].least:
            return offers
    offers.append((END, (0, 0)))
    if is_mixed:
        offers.append((_CHARACTERS, (0, 0)))
    return offers
