"""What commands about the book share: the stores, one connection, one way to show an answer."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.store.database import Database
    from ocpi.model.party import PartyId

T = TypeVar("T")
PIPED_WIDTH: Final = 200


@contextlib.asynccontextmanager
async def open_desk() -> AsyncIterator[tuple[Settings, Database]]:
    """Settings and a small pool on the stores that run, or that are started for this command."""
    from gateway.cli import run
    from gateway.settings import load_here
    from gateway.store.database import Database

    async with run.with_stores(load_here()) as settings:
        await run.require_schema(settings)
        db = await Database.open(settings.database_url, size=2)
        try:
            yield settings, db
        finally:
            await db.close()


def ask(work: Callable[[Settings, Database], Awaitable[T]]) -> T:
    """Runs one question on the stores."""
    from gateway.cli import run

    async def whole() -> T:
        async with open_desk() as (settings, db):
            return await work(settings, db)

    return run.run(whole())


def given_party(text: str) -> PartyId:
    """A party as it was typed; what cannot be one is a wrong call."""
    from gateway.cli.app import MISUSED, fail
    from ocpi.errors import OcpiError
    from ocpi.model.party import parse_party

    try:
        return parse_party(text)
    except OcpiError as error:
        fail(str(error), code=MISUSED)


def show_json(value: Any) -> None:
    """Exactly one JSON document on standard output; decimals as strings, bytes as hex."""
    import msgspec

    raw = msgspec.json.encode(value, enc_hook=_plain)
    sys.stdout.write(msgspec.json.format(raw, indent=2).decode() + "\n")


def show_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], empty: str) -> None:
    """A table for people, or a sentence when there is nothing to show."""
    from rich.console import Console
    from rich.table import Table

    if not rows:
        print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        justify: Literal["left", "right"] = "right" if head.startswith("#") else "left"
        table.add_column(head.removeprefix("# "), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console()
    (console if console.is_terminal else Console(width=PIPED_WIDTH)).print(table)


def amount(minor: int | None, currency: str) -> str:
    """Minor units as people write them."""
    from settlement.money import Money, decimal_text

    return "-" if minor is None else decimal_text(Money(amount_minor=minor, currency=currency))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")
