"""`networkcore statement import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.store.database import Database


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="What the bank says.", no_args_is_help=True)
    group.callback()(_nothing)
    group.command("import")(read)
    app.add_typer(group, name="statement")


def _nothing() -> None:
    """What the bank says."""


def read(
    file: Annotated[Path, typer.Argument(metavar="CAMT.xml", exists=True, dir_okay=False)],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout")] = False,
) -> None:
    """Match the booked lines of a camt.053 with the payouts; leftovers are shown."""
    from gateway.cli import desk
    from gateway.cli.app import fail
    from settlement.errors import MoneyError
    from settlement.payout import statement
    from settlement.store import payout

    try:
        statements = statement.read(file.read_bytes())
    except MoneyError as error:
        fail(f"{file}: {error}")

    async def work(settings: Settings, db: Database) -> payout.Imported:
        async with db.connection(timeout_s=60.0) as conn:
            return await payout.import_statement(conn, statements, settings.clock.now())

    found = desk.ask(work)
    if as_json:
        desk.show_json(found)
        return
    print(f"{found.lines} lines, {found.matched} matched, {found.repeated} known already")
    for line in found.unmatched:
        moved = desk.amount(line.amount_minor, line.currency)
        about = line.end_to_end_id or line.bank_reference or "no reference"
        print(f"unmatched: {line.booked_on or 'no date'}  {moved} {line.currency}  {about}")
