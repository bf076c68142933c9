"""`networkcore settle`: the settlement worker."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.settings import Settings


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

    log.configure()

    async def work() -> dict[str, object]:
        stop = run.stop_on_signals()
        async with run.with_stores(load_here()) as settings:
            await run.require_schema(settings)
            return await _work(settings, stop, once=once, child=child)

    said = run.run(work())
    if once and as_json:
        print(json.dumps(said))
    elif once:
        print(", ".join(f"{name} {value}" for name, value in said.items() if value != ""))
    if said.get("halted"):
        fail(f"the ledger is halted: {said['halted']}; see `networkcore ledger verify`")


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
        await worker.run_forever(
            stop, on_report=lambda r: logger.info("settled", **msgspec.structs.asdict(r))
        )
        return {}
    finally:
        if line is not None:
            line.cancel()
        await db.close()
