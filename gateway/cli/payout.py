"""`networkcore payout export|list`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.store.database import Database


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Payment files for the bank.", no_args_is_help=True)
    group.command("export")(export)
    group.command("list")(list_all)
    app.add_typer(group, name="payout")


def export(
    batch: Annotated[int, typer.Argument(metavar="ID", help="The batch")],
    by: Annotated[str, typer.Option(help="Who takes the file; it is written down")] = "cli",
) -> None:
    """The pain.001.001.09 file of a batch, the same bytes every time."""
    from gateway.cli import desk
    from gateway.cli.app import fail
    from settlement.store import payout

    async def work(settings: Settings, db: Database) -> payout.PayoutFile | None:
        async with db.transaction() as conn:
            try:
                return await payout.export(conn, batch, by=by, now=settings.clock.now())
            except LookupError:
                return None

    found = desk.ask(work)
    if found is None:
        fail(f"no payout batch {batch}: see `networkcore payout list`")
    sys.stdout.buffer.write(found.body)


def list_all(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout")] = False,
) -> None:
    """Payment files, the newest first."""
    from gateway.cli import desk

    async def work(_: object, db: Database) -> list[dict[str, object]]:
        return [dict(row) for row in await db.fetch(BATCHES)]

    found = desk.ask(work)
    if as_json:
        desk.show_json(found)
        return
    rows = [
        (str(b["batch_id"]), str(b["message_id"]), str(b["currency"]), str(b["count"]),
         desk.amount(int(str(b["sum_minor"])), str(b["currency"])), str(b["execute_on"]))
        for b in found
    ]  # fmt: skip
    heads = ("# id", "message", "currency", "# payouts", "# sum", "execute on")
    desk.show_table(heads, rows, "no payment file was written yet: networkcore settlement run")


BATCHES = """
SELECT batch_id, message_id, currency, count, sum_minor, execute_on
  FROM payout_batch ORDER BY batch_id DESC LIMIT 200
"""
