"""`networkcore settle`: the settlement worker."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.store.database import Database


def register(app: typer.Typer) -> None:
    app.command("settle")(settle)


def settle(
    once: Annotated[bool, typer.Option("--once", help="Drain the queue and exit")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: one JSON document")] = False,
    child: Annotated[bool, typer.Option("--child", hidden=True)] = False,
) -> None:
    """Settle finished sessions; any number of workers may run."""
    from gateway.cli import run
    from gateway.cli.app import fail
    from gateway.observe import log
    from gateway.settings import load_here

    log.configure(level=load_here().log_level)

    async def work() -> dict[str, object]:
        stop = run.stop_on_signals()
        async with run.with_stores(load_here()) as settings:
            await run.wait_for_database(settings)
            await run.require_schema(settings)
            return await _work(settings, stop, once=once, child=child)

    said = run.run(work())
    if once and as_json:
        print(json.dumps(said))
    elif once:
        print(", ".join(f"{name} {value}" for name, value in said.items() if value != ""))
    if said.get("halted"):
        fail(f"the ledger is halted: {said['halted']}; see `networkcore ledger verify`")


async def _clear(settings: Settings, db: Database) -> None:
    """Documents and payouts on their clock; any number of workers may do it, one does."""
    from gateway.hub import clearing
    from gateway.observe import log
    from gateway.store.database import StoreUnavailable
    from settlement.bank.schematron import SchematronUnavailableError

    logger = log.get("clearing")
    while True:
        await asyncio.sleep(settings.clearing_every_s)
        try:
            done = await clearing.run(db, settings, settings.clock.now())
        except (StoreUnavailable, SchematronUnavailableError) as error:
            logger.warning("clearing_waits", reason=str(error))
            continue
        logger.info(
            "cleared", documents=len(done.issued.numbers), judged=done.checked,
            failed=len(done.failed), payouts=done.payouts.payouts,
        )  # fmt: skip


async def _work(
    settings: Settings, stop: asyncio.Event, *, once: bool, child: bool
) -> dict[str, object]:
    import msgspec

    from gateway import wiring
    from gateway.cli import run
    from gateway.observe import log
    from gateway.store.database import Database

    logger = log.get("settle")
    db = await Database.open(settings.database_url, size=4)
    line = asyncio.create_task(run.follow_life_line(stop)) if child else None
    try:
        worker = wiring.settlement_worker(settings, db)
        if once:
            return msgspec.structs.asdict(await worker.drain())
        clear = asyncio.create_task(_clear(settings, db))
        try:
            await worker.run_forever(
                stop, on_report=lambda r: logger.info("settled", **msgspec.structs.asdict(r))
            )
        finally:
            clear.cancel()
        return {}
    finally:
        if line is not None:
            line.cancel()
        await db.close()
