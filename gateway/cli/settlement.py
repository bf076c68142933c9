"""`networkcore settlement run|show|held|release`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.store.database import Database

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="From finished sessions to money.", no_args_is_help=True)
    group.command("run")(clear)
    group.command("show")(show)
    group.command("held")(held)
    group.command("release")(release)
    app.add_typer(group, name="settlement")


def clear(as_json: Json = False) -> None:
    """Settle what waits, issue documents, have them judged, write the payout files."""
    from gateway import wiring
    from gateway.cli import desk
    from gateway.cli.app import fail
    from gateway.hub import clearing
    from settlement.worker import Report

    async def work(settings: Settings, db: Database) -> tuple[Report, clearing.Cleared]:
        report = await wiring.settlement_worker(settings, db).drain()
        return report, await clearing.run(db, settings, settings.clock.now())

    report, cleared = desk.ask(work)
    if as_json:
        desk.show_json({"settled": report, "cleared": cleared})
    else:
        print(
            f"settled {report.settled}, held {report.held}; documents {len(cleared.issued.numbers)}"
            f" ({cleared.checked} judged, {len(cleared.failed)} failed); payouts"
            f" {cleared.payouts.payouts} in {len(cleared.payouts.batch_ids)} files"
        )
    if report.halted:
        fail(f"the ledger is halted: {report.halted}; see `networkcore ledger verify`")
    if cleared.failed:
        fail(f"document {cleared.failed[0].number} breaks {cleared.failed[0].rule_set}")


def show(
    cdr: Annotated[str, typer.Argument(help="The CDR's number, or NL-ABC/CDR-1")],
    as_json: Json = False,
) -> None:
    """One session's money: the price explained, what it rests on, the journal."""
    from gateway.cli import desk
    from gateway.cli.app import fail
    from settlement.store import view

    async def work(_: object, db: Database) -> view.SettlementView | None:
        async with db.connection() as conn:
            number = await view.find_cdr(conn, cdr)
            return None if number is None else await view.show_settlement(conn, number)

    found = desk.ask(work)
    if found is None:
        fail(f"no settlement of {cdr}: see `networkcore settlement held`")
    if as_json:
        desk.show_json(found)
        return
    line = found.line
    print(f"{line.cdr_key}  {line.state}  {line.cpo} → {line.dp}")
    print(
        f"net {desk.amount(line.net_minor, line.currency)}  VAT"
        f" {desk.amount(line.vat_minor, line.currency)}  gross"
        f" {desk.amount(line.gross_minor, line.currency)} {line.currency}"
    )
    for priced in (found.price or {}).get("lines", ()):
        print(f"  {priced['dimension']:<13} {priced['amount']:>12}  {priced['why']}")
    for leg in found.legs:
        print(f"  {leg.account:<44} {desk.amount(leg.amount_minor, leg.currency):>14}")


def held(
    reason: Annotated[str | None, typer.Option(help="Only this reason")] = None,
    as_json: Json = False,
) -> None:
    """What waits, since when and why."""
    from gateway.cli import desk
    from settlement.store import view

    async def work(_: object, db: Database) -> tuple[view.HeldItem, ...]:
        async with db.connection() as conn:
            return await view.list_held(conn, reason=reason)

    found = desk.ask(work)
    if as_json:
        desk.show_json(found)
        return
    rows = [(h.cdr_key, h.reason, h.detail[:80], f"{h.since:%Y-%m-%d %H:%M}") for h in found]
    desk.show_table(("CDR", "reason", "detail", "since"), rows, "nothing is held")


def release(
    cdrs: Annotated[list[int] | None, typer.Argument(help="CDR numbers")] = None,
    reason: Annotated[list[str] | None, typer.Option(help="All that are held for this")] = None,
    as_json: Json = False,
) -> None:
    """Have held items tried again, once their cause is gone; exit 1 when none is held."""
    from gateway.cli import desk
    from gateway.cli.app import MISUSED, fail
    from settlement.store import queue

    if not cdrs and not reason:
        fail("name CDR numbers, or --reason", code=MISUSED)

    async def work(settings: Settings, db: Database) -> int:
        async with db.transaction() as conn:
            return await queue.release(
                conn, cdrs=cdrs or (), reasons=reason or (), now=settings.clock.now()
            )

    released = desk.ask(work)
    if as_json:
        desk.show_json({"released": released})
    elif released:
        print(f"{released} will be tried again")
    if not released:
        fail("nothing of this is held: see `networkcore settlement held`")
