"""`networkcore up`: everything in one go."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from gateway.cli.app import fail

if TYPE_CHECKING:
    from gateway.settings import Settings

SAMPLE_CLEARING_S = 60
SAMPLE_END_S = 8.0


def register(app: typer.Typer) -> None:
    app.command("up")(up)


def up(
    port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="With a small living network of simulated partners")
    ] = False,
) -> None:
    """Stores, schema, gateway and settlement worker; Ctrl-C stops everything cleanly."""
    from gateway.cli import run
    from gateway.observe import log
    from gateway.settings import load_here

    log.configure(level="warning")
    given = load_here()
    if port is not None:
        given = run.moved(given, given.host, port)
    given = msgspec.structs.replace(given, allow_private_peers=True)
    if sample:
        given = _sample_settings(given)
    try:
        run.run(_work(given, sample=sample))
    except OSError as error:
        fail(f"cannot start: {error}")


async def _work(given: Settings, *, sample: bool) -> None:
    from gateway import wiring
    from gateway.cli import run, running

    stop = run.stop_on_signals()
    run.require_port(given.host, given.port)
    async with run.with_stores(given, attach=False) as settings:
        await run.bring_up_to_date(settings)
        ready, is_idle = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            worker = group.create_task(
                run.keep_child("settlement", ("settle", "--child"), settings)
            )
            live = _live(ready, settings) if sample else _nobody()
            partners = group.create_task(_until(stop, live, is_idle))

            def say(_: object) -> None:
                _greet(settings)
                ready.set()

            try:
                with running.told(settings):
                    await wiring.serve(settings, is_idle, on_ready=say)
            finally:
                partners.cancel()
                worker.cancel()


async def _until(
    stop: asyncio.Event, live: Coroutine[Any, Any, None], ended: asyncio.Event
) -> None:
    """Runs `live` until `stop`; says when it has ended, so that the gateway goes last."""
    living = asyncio.create_task(live)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({living, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if living.done():
            living.result()
    finally:
        for task in (living, stopping):
            task.cancel()
        await asyncio.wait({living, stopping}, timeout=SAMPLE_END_S)
        ended.set()


async def _nobody() -> None:
    await asyncio.Event().wait()


async def _live(ready: asyncio.Event, settings: Settings) -> None:
    """The sample network; should it not come to life, the gateway goes on and says why."""
    from aiohttp import ClientError

    from gateway.cli import sample
    from gateway.hub.partner import PartnerError
    from gateway.sim.partner import RefusedError

    await ready.wait()
    try:
        await sample.run(settings)
    except (RefusedError, PartnerError, ClientError, TimeoutError) as error:
        print(f"networkcore: the sample network stands still: {error}", file=sys.stderr, flush=True)
        await _nobody()


def _sample_settings(given: Settings) -> Settings:
    """The sample hub has a letterhead, takes sample rates, and clears every minute."""
    from gateway.cli.demo import with_letterhead

    return msgspec.structs.replace(
        with_letterhead(given),
        accept_sample=True,
        clearing_every_s=SAMPLE_CLEARING_S,
        log_level="warning",
    )


def _greet(settings: Settings) -> None:
    print(
        f"NetworkCore is up.\n"
        f"  console      {settings.public_url}/console\n"
        f"  versions     {settings.public_url}/ocpi/versions\n"
        f"  admin token  {settings.admin_token}\n"
        f"  data         {settings.data_dir}\n"
        "Ctrl-C stops everything.",
        flush=True,
    )
