"""What a room is asked, and what it answers: a page, a file, numbers, or another address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import jinja2
import msgspec

from gateway.console import body, figure
from gateway.console.session import Session
from gateway.hub.context import Hub

HERE: Final = Path(__file__).parent
TEXT_MAX: Final = 120
NUMBER_MAX: Final = 2**63 - 1
ROWS: Final = 100


class Missing(LookupError):  # noqa: N818 - an answer to a person, not a failure
    """There is no such thing; the text says what was looked for."""


class NotPossible(ValueError):  # noqa: N818 - an answer to a person, not a failure
    """What was asked for cannot be done; the text says why."""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One request of somebody who is logged in."""

    hub: Hub
    session: Session
    now: datetime
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, tuple[str, ...]] = {}
    is_partial: bool = False

    def text(self, name: str) -> str | None:
        """A filter as it was typed, or None."""
        return storable(self.query.get(name, "")).strip()[:TEXT_MAX] or None

    def number(self, name: str) -> int | None:
        """A whole number of the query, or None."""
        return whole(self.query.get(name, ""))

    def id(self, name: str) -> int:
        """A whole number of the path."""
        found = whole(self.path.get(name, ""))
        if found is None:
            raise Missing(f"there is no {name} {self.path.get(name, '')[:40]}")
        return found


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A template and what it shows; `partial` is what htmx gets instead of the whole."""

    template: str
    context: dict[str, Any] = {}
    partial: str | None = None
    status: int = 200


class File(msgspec.Struct, frozen=True, kw_only=True):
    """Something to keep."""

    body: bytes
    content_type: str
    name: str


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """For a chart."""

    value: Any


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """After a change: look there."""

    location: str


Answer = Page | File | Numbers | Elsewhere
Handler = Callable[[Visit], Awaitable[Answer]]


def storable(text: str) -> str:
    """The text without what no database keeps: U+0000 and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def whole(text: str) -> int | None:
    """The number that a text is, if it is one that a database knows."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    found = int(text)
    return found if found <= NUMBER_MAX else None


def environment() -> jinja2.Environment:
    """Templates: everything is escaped, a name that is missing is a mistake."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "money": figure.money,
        "amount": figure.amount,
        "number": figure.number,
        "energy": figure.energy,
        "latency": figure.latency,
        "span": figure.span,
        "words": figure.words,
        "short": figure.shortened,
        "tail": figure.tail,
        "address": body.show_path,
    }
    made.globals["moment"] = figure.moment
    made.globals["age"] = figure.age
    return made
