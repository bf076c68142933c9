"""`networkcore demo`: the journey of one charge, once, over real HTTP, on stores of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.sim.step import Step

JOURNEY_S: Final = 180.0
READY_S: Final = 30.0
# What the hub's own invoices and payments need; the numbers are published test numbers.
LETTERHEAD: Final = {
    "hub_name": "NetworkCore Sample B.V.", "hub_vat_id": "NL123456782B90",
    "hub_iban": "NL20INGB0001234567", "hub_bic": "INGBNL2A", "hub_street": "Stationsplein 1",
    "hub_postal_code": "1012 AB", "hub_city": "Amsterdam",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout")] = False,
) -> None:
    """Walk one charge through everything; exit 0 when every step came out right."""
    from gateway.cli import run
    from gateway.cli.app import fail
    from gateway.observe import log

    log.configure(level="error")
    steps = run.run(_walk(show=not as_json))
    if as_json:
        from gateway.cli.desk import show_json

        show_json({"ok": all(s.ok for s in steps), "steps": steps})
    wrong = [step for step in steps if not step.ok]
    if wrong or not steps:
        first = f"{wrong[0].name} ({wrong[0].figure})" if wrong else "nothing was done"
        fail(f"{len(wrong)} of {len(steps)} steps are wrong, first: {first}")
    if not as_json:
        print(f"\nAll {len(steps)} steps are right.")


async def _walk(*, show: bool) -> list[Step]:
    from gateway import wiring
    from gateway.cli import run
    from gateway.cli.office import Office
    from gateway.sim import network as networks
    from gateway.sim.journey import walk
    from gateway.sim.step import Steps

    steps = Steps(Printer() if show else _silent)
    with tempfile.TemporaryDirectory(prefix="networkcore-", ignore_cleanup_errors=True) as folder:
        given = sample_settings(Path(folder))
        async with run.with_stores(given, attach=False) as settings:
            await run.bring_up_to_date(settings)
            await _require_empty(settings)
            async with gateway_process(settings), wiring.open_hub(settings) as assembly:
                office = Office(assembly)
                await office.prepare()
                network = networks.build(f"{settings.public_url}/api/v1", settings.clock.now)
                try:
                    async with asyncio.timeout(JOURNEY_S):
                        await walk(network, office, steps)
                except _wrong() as error:
                    steps.broke(f"{type(error).__name__}: {error}")
                finally:
                    await network.stop()
    return steps.lines


def _wrong() -> tuple[type[Exception], ...]:
    """What a wrong answer of the hub makes of the journey: a step that failed, and says so."""
    from aiohttp import ClientError

    from gateway.sim.partner import RefusedError

    return (RefusedError, ClientError, TimeoutError, OSError, LookupError, TypeError, ValueError,
            AttributeError)  # fmt: skip


async def _require_empty(settings: Settings) -> None:
    """The demo writes sample partners and sample VAT rates: never among real ones."""
    from gateway.cli.app import fail
    from gateway.store.database import Database

    db = await Database.open(settings.database_url, size=1)
    try:
        is_used = await db.fetchval("SELECT EXISTS (SELECT 1 FROM platform)")
    finally:
        await db.close()
    if is_used:
        fail("the demo wants an empty database: unset NETWORKCORE_DATABASE_URL, or name a new one")


def sample_settings(folder: Path) -> Settings:
    """Settings of a hub that lives for one demo: own folder, a free port, sample rates."""
    from gateway.settings import load

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {
        "NETWORKCORE_DATA_DIR": str(folder), "NETWORKCORE_PORT": str(port),
        "NETWORKCORE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "NETWORKCORE_ALLOW_PRIVATE_PEERS": "true", "NETWORKCORE_ACCEPT_SAMPLE": "true",
        "NETWORKCORE_LOG_LEVEL": "error",
    }  # fmt: skip
    for name in ("NETWORKCORE_DATABASE_URL", "NETWORKCORE_REDIS_URL"):
        if os.environ.get(name):
            environ[name] = os.environ[name]
    return with_letterhead(load(environ, folder))


def with_letterhead(settings: Settings) -> Settings:
    """The sample hub's name, VAT number and bank, where the operator gave none."""
    missing = {name: value for name, value in LETTERHEAD.items() if not _is_given(settings, name)}
    return msgspec.structs.replace(settings, **missing)


def _is_given(settings: Settings, name: str) -> bool:
    value = getattr(settings, name)
    return bool(value) and value != "NetworkCore"


@contextlib.asynccontextmanager
async def gateway_process(settings: Settings) -> AsyncIterator[None]:
    """`networkcore serve` as a process of its own, ready when this yields."""
    from gateway.cli import run

    child = asyncio.create_task(run.keep_child("gateway", ("serve", "--child"), settings))
    try:
        await _ready(settings.host, settings.port)
        yield
    finally:
        child.cancel()
        await asyncio.gather(child, return_exceptions=True)


async def _ready(host: str, port: int) -> None:
    from aiohttp import ClientError, ClientSession

    async with asyncio.timeout(READY_S), ClientSession() as session:
        while True:
            with contextlib.suppress(ClientError, OSError):
                async with session.get(f"http://{host}:{port}/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)


class Printer:
    """Shows each step as it comes, chapter by chapter."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, soft_wrap=True)
        self._chapter = ""

    def __call__(self, step: Step) -> None:
        from rich.markup import escape

        if step.chapter != self._chapter:
            self._chapter = step.chapter
            self._console.print(f"\n[bold]{step.chapter}[/bold]")
        mark = "[green]✓[/green]" if step.ok else "[red]✗[/red]"
        time = f"{step.elapsed_ms:>8.1f} ms"
        name, figure = escape(f"{step.name:<62}"), escape(step.figure)
        self._console.print(f"  {mark} {name} [dim]{time}[/dim]  {figure}")
        sys.stdout.flush()


def _silent(_step: Step) -> None:
    """For --json: the lines are printed together at the end."""
