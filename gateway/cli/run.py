"""What commands share to run: the loop, the signals, the stores, the schema, the children."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, Final, TypeVar

import asyncpg
import msgspec

from gateway.embedded import Stores, open_stores
from gateway.observe import log
from gateway.settings import Settings, environment_of
from gateway.store.database import Database, StoreUnavailable
from gateway.store.migrate import SchemaError, migrate, pending

T = TypeVar("T")
_NOT_YET: Final = (OSError, TimeoutError, asyncpg.CannotConnectNowError)  # else: a wrong address
RESTART_PAUSE_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
HEALTHY_S: Final = 30.0
STOP_S: Final = 20.0
DATABASE_S: Final = 15.0
DATABASE_POLL_S: Final = 0.2

ADVICE: Final = {
    errno.EADDRINUSE: "stop what listens there, or give --port",
    errno.EADDRNOTAVAIL: "no such address on this machine: set another NETWORKCORE_HOST",
    errno.EACCES: "low ports belong to root: give another --port",
}

logger = log.get("run")


class CannotListenError(Exception):
    """The address is taken or not ours; nothing was started."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on uvloop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def stop_on_signals() -> asyncio.Event:
    """Set by the first SIGINT or SIGTERM; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked, number)
    return stop


@contextlib.asynccontextmanager
async def with_stores(settings: Settings, *, attach: bool = True) -> AsyncIterator[Settings]:
    """`settings` with the addresses of stores that run."""
    stores: Stores
    async with open_stores(settings, attach=attach) as stores:
        yield msgspec.structs.replace(
            settings, database_url=stores.database_url, redis_url=stores.redis_url
        )


async def bring_up_to_date(settings: Settings) -> tuple[str, ...]:
    """Apply what the schema lacks and the rows the program ships; names what was applied."""
    from settlement.store.reference import seed_vat_rates

    db = await Database.open(settings.database_url, size=1)
    try:
        applied = await migrate(db)
        async with db.transaction(timeout_s=60.0) as connection:
            await seed_vat_rates(connection)
    finally:
        await db.close()
    return tuple(f"{one.number:04d}_{one.name}" for one in applied)


async def wait_for_database(settings: Settings) -> None:
    """Return once PostgreSQL answers; StoreUnavailable when it does not within `DATABASE_S`.

    After a power cut everything starts at once, and whoever is quicker than PostgreSQL waits.
    """
    deadline = asyncio.get_running_loop().time() + DATABASE_S
    is_said = False
    while True:
        try:
            db = await Database.open(settings.database_url, size=1)
        except StoreUnavailable as error:
            is_late = asyncio.get_running_loop().time() > deadline
            if is_late or not isinstance(error.__cause__, _NOT_YET):
                raise
            if not is_said:
                logger.warning("waiting_for_postgresql", reason=str(error), seconds=DATABASE_S)
            is_said = True
            await asyncio.sleep(DATABASE_POLL_S)
        else:
            await db.close()
            return


async def require_schema(settings: Settings) -> None:
    """SchemaError when the database is older than this program."""
    db = await Database.open(settings.database_url, size=1)
    try:
        missing = await pending(db)
    finally:
        await db.close()
    if missing:
        raise SchemaError(
            f"the database lacks {len(missing)} migrations, from {missing[0].number:04d} on:"
            " run `networkcore migrate`, or give --migrate"
        )


def moved(settings: Settings, host: str, port: int) -> Settings:
    """Listening elsewhere; the public address follows where it named the port that was left."""
    old, new = (f"http://127.0.0.1:{number}" for number in (settings.port, port))
    public_url = new if settings.public_url == old else settings.public_url
    return msgspec.structs.replace(settings, host=host, port=port, public_url=public_url)


def require_port(host: str, port: int) -> None:
    """CannotListenError, before anything is started, when somebody else listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, "set another NETWORKCORE_HOST or --port")
        said = f"cannot listen on {host}:{port}: {error.strerror or error}: {advice}"
        raise CannotListenError(said) from None


async def keep_child(name: str, words: Sequence[str], settings: Settings) -> None:
    """Run `networkcore <words>` beside us until cancelled; start it again when it ends by itself.

    Its standard input is our life line: should we be killed, it reads the end and stops.
    """
    failures = 0
    loop = asyncio.get_running_loop()
    while True:
        started_at = loop.time()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", *words,
            stdin=asyncio.subprocess.PIPE, env=environment_of(settings), start_new_session=True,
        )  # fmt: skip
        try:
            code = await child.wait()
        except asyncio.CancelledError:
            await _end(child)
            raise
        failures = 0 if loop.time() - started_at > HEALTHY_S else failures + 1
        pause_s = RESTART_PAUSE_S[min(failures, len(RESTART_PAUSE_S) - 1)]
        logger.error("child_ended", child=name, code=code, again_in_s=pause_s)
        await asyncio.sleep(pause_s)


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.stdin is not None:
        child.stdin.close()
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        await asyncio.wait_for(child.wait(), STOP_S)
    except TimeoutError:
        child.kill()
        await child.wait()


async def follow_life_line(stop: asyncio.Event) -> None:
    """In a child: stop when the parent is gone."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(64):
        continue
    stop.set()
