"""`networkcore serve`: gateway processes only."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from gateway.cli.app import fail

PROCESSES_MAX = 256


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    processes: Annotated[int, typer.Option(min=1, max=PROCESSES_MAX)] = 1,
    migrate: Annotated[bool, typer.Option("--migrate", help="Update the schema first")] = False,
    child: Annotated[bool, typer.Option("--child", hidden=True)] = False,
) -> None:
    """Start gateway processes; settlement runs elsewhere (`networkcore settle`)."""
    from gateway.cli import run
    from gateway.observe import log
    from gateway.settings import load_here

    given = load_here()
    log.configure(level=given.log_level)
    given = run.moved(given, host or given.host, port or given.port)

    async def work() -> None:
        from gateway import wiring

        stop = run.stop_on_signals()
        if child:
            async with _following(stop):
                await run.wait_for_database(given)
                await wiring.serve(given, stop, reuse_port=True)
            return
        run.require_port(given.host, given.port)
        async with run.with_stores(given) as settings:
            await run.wait_for_database(settings)
            if migrate:
                await run.bring_up_to_date(settings)
            await run.require_schema(settings)
            if processes == 1:
                await wiring.serve(settings, stop, on_ready=lambda _: _say(settings.public_url))
                return
            words = ("serve", "--child", "--host", settings.host, "--port", str(settings.port))
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(run.keep_child(f"gateway {n}", words, settings))
                    for n in range(processes)
                ]
                _say(settings.public_url)
                await stop.wait()
                for task in tasks:
                    task.cancel()

    try:
        run.run(work())
    except OSError as error:
        fail(f"cannot start: {error}")


def _following(stop: asyncio.Event) -> _Following:
    return _Following(stop)


class _Following:
    """Holds the task that watches the life line for as long as the server runs."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    async def __aenter__(self) -> None:
        from gateway.cli import run

        self._task = asyncio.create_task(run.follow_life_line(self._stop))

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})


def _say(url: str) -> None:
    print(f"NetworkCore serves {url} (versions: {url}/ocpi/versions)", flush=True)
