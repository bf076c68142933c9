"""`networkcore invoice show|list`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.store.database import Database

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Invoices, credit notes and receipts.", no_args_is_help=True)
    group.command("show")(show)
    group.command("list")(list_all)
    app.add_typer(group, name="invoice")


def show(
    document: Annotated[str, typer.Argument(metavar="ID", help="The id, or the number")],
    form: Annotated[
        str | None, typer.Option("--format", metavar="pdf|ubl|cii", help="Its bytes, to stdout")
    ] = None,
    as_json: Json = False,
) -> None:
    """One document: its figures, or its bytes in one format."""
    from gateway.cli.app import MISUSED, fail

    if form is not None and as_json:
        fail("give either --format or --json", code=MISUSED)
    if form == "pdf" and sys.stdout.isatty():
        fail("a PDF is no text: send it to a file, > invoice.pdf", code=MISUSED)
    match form:
        case None:
            _figures(document, as_json=as_json)
        case "pdf" | "ubl" | "cii":
            _bytes(document, form)
        case _:
            fail(f"--format {form}: pdf, ubl or cii is expected", code=MISUSED)


def _bytes(document: str, form: Literal["pdf", "ubl", "cii"]) -> None:
    from gateway.cli import desk
    from gateway.cli.app import fail
    from settlement.store import archive

    async def work(settings: Settings, db: Database) -> bytes | None:
        async with db.connection(timeout_s=60.0) as conn:
            found = await archive.find_document(conn, document)
            if found is None:
                return None
            return await archive.read_document(conn, found, form, settings.clock.now())

    raw = desk.ask(work)
    if raw is None:
        fail(f"no document {document}: see `networkcore invoice list`")
    sys.stdout.buffer.write(raw)


def _figures(document: str, *, as_json: bool) -> None:
    from gateway.cli import desk
    from gateway.cli.app import fail
    from settlement.store import archive

    async def work(_: object, db: Database) -> archive.DocumentView | None:
        async with db.connection() as conn:
            found = await archive.find_document(conn, document)
            return None if found is None else await archive.show_document(conn, found)

    found = desk.ask(work)
    if found is None:
        fail(f"no document {document}: see `networkcore invoice list`")
    if as_json:
        desk.show_json(found)
        return
    line = found.line
    print(f"{line.number}  type {line.type_code}  {line.supplier} → {line.customer}")
    print(
        f"net {desk.amount(line.net_minor, line.currency)}  VAT"
        f" {desk.amount(line.vat_minor, line.currency)}  gross"
        f" {desk.amount(line.gross_minor, line.currency)} {line.currency}"
    )
    print("sessions: " + ", ".join(key for _, key in found.sessions))


def list_all(
    party: Annotated[str | None, typer.Option(help="Only documents of NL-ABC")] = None,
    as_json: Json = False,
) -> None:
    """The newest documents."""
    from gateway.cli import desk
    from settlement.store import archive

    owner = None if party is None else str(desk.given_party(party))

    async def work(_: object, db: Database) -> tuple[archive.DocumentLine, ...]:
        async with db.connection() as conn:
            return await archive.list_documents(conn, party=owner)

    found = desk.ask(work)
    if as_json:
        desk.show_json(found)
        return
    rows = [
        (str(d.document_id), d.number, d.type_code, d.supplier, d.customer,
         desk.amount(d.gross_minor, d.currency), d.currency)
        for d in found
    ]  # fmt: skip
    heads = ("# id", "number", "type", "supplier", "customer", "# gross", "currency")
    desk.show_table(heads, rows, "no document was issued yet")
