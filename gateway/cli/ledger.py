"""`networkcore ledger verify|balances`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.store.database import Database

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout")]


def register(app: typer.Typer) -> None:
    ledger = typer.Typer(help="The book: prove it, read it.", no_args_is_help=True)
    ledger.command("verify")(verify)
    ledger.command("balances")(balances)
    app.add_typer(ledger, name="ledger")


def verify(as_json: Json = False) -> None:
    """Recompute every balance and the hash chain; exit 1 on any difference."""
    from gateway.cli import desk
    from gateway.cli.app import fail
    from settlement.store import verify as book

    async def work(_: object, db: Database) -> book.Verification:
        async with db.connection(timeout_s=600.0) as conn:
            return await book.verify(conn)

    found = desk.ask(work)
    if as_json:
        desk.show_json(found)
    elif found.is_sound:
        print(f"sound: {found.entries} entries, {found.links} links, {found.balances} balances")
        print(f"head {found.head}")
    if not found.is_sound:
        first = found.differences[0]
        fail(
            f"the book differs in {len(found.differences)} places, first {first.what}"
            f" {first.where}: stored {first.stored}, computed {first.computed}"
        )


def balances(
    party: Annotated[str | None, typer.Option(help="Only accounts of NL-ABC")] = None,
    as_json: Json = False,
) -> None:
    """Every account and its balance; debits are positive."""
    from gateway.cli import desk
    from settlement.store import verify as book

    owner = None if party is None else str(desk.given_party(party))

    async def work(_: object, db: Database) -> book.TrialBalance:
        async with db.connection() as conn:
            return await book.trial_balance(conn, owner)

    found = desk.ask(work)
    if as_json:
        desk.show_json({"accounts": found.accounts, "totals": dict(found.totals)})
        return
    rows = [
        (b.account, desk.amount(b.amount_minor, b.currency), b.currency) for b in found.accounts
    ]
    desk.show_table(
        ("account", "# balance", "currency"),
        rows,
        f"nothing was posted{f' for {owner}' * bool(owner)} yet",
    )
