"""The sample network: it lives, it is found again, and it leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway import wiring
from gateway.cli import sample
from gateway.cli.run import bring_up_to_date
from gateway.cli.up import _sample_settings
from gateway.settings import Settings
from gateway.sim import memory
from gateway.sim.life import Life, Pace
from gateway.sim.memory import Kept

REPO = Path(__file__).resolve().parents[3]
BUSY = Pace(
    arrival_s=0.05, meter_s=0.1, stay_min_s=0.1, stay_max_s=0.3, stranger_share=0.1, overcharge_share=0.3,
    trouble_s=0.01,
)  # fmt: skip
QUIET = Pace(arrival_s=3600)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Run:
    """One start of the hub with its sample network, on the test's stores."""

    def __init__(self, settings: Settings, life: Life, task: asyncio.Task[None], db: Any) -> None:
        self.settings = settings
        self.life = life
        self.task = task
        self.db = db

    async def until(self, sql: str, least: int = 1, timeout_s: float = 15) -> int:
        async with asyncio.timeout(timeout_s):
            while True:
                count: int = await self.db.fetchval(sql)
                if count >= least:
                    return count
                await asyncio.sleep(0.05)


@pytest.fixture
def start(settings: Settings) -> Callable[..., Any]:
    """`async with start(pace)`: each start listens on another port."""

    @asynccontextmanager
    async def one(pace: Pace) -> AsyncIterator[Run]:
        port = free_port()
        own = msgspec.structs.replace(
            _sample_settings(settings), port=port, public_url=f"http://127.0.0.1:{port}"
        )
        await bring_up_to_date(own)
        stop = asyncio.Event()
        listening: asyncio.Future[wiring.Assembly] = asyncio.get_running_loop().create_future()
        alive: asyncio.Future[Life] = asyncio.get_running_loop().create_future()
        server = asyncio.create_task(wiring.serve(own, stop, on_ready=listening.set_result))
        assembly = await asyncio.wait_for(listening, 10)
        task = asyncio.create_task(sample.live(own, pace=pace, on_alive=alive.set_result))
        try:
            await asyncio.wait({task, alive}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            yield Run(own, await alive, task, assembly.hub.db)
        finally:
            task.cancel()
            await asyncio.wait({task}, timeout=10)
            stop.set()
            await asyncio.wait_for(server, 15)

    return one


async def test_life_when_it_is_busy_then_every_way_is_charged_and_billed_and_all_cars_leave(
    start: Any, database: Any
) -> None:
    async with start(BUSY) as run:
        ways = (
            "SELECT count(DISTINCT (auth_method, token_type, party)) FROM (SELECT convert_from(body, 'UTF8')::jsonb ->>"
            " 'auth_method' AS auth_method, token_type, token_party AS party FROM session WHERE status = 'COMPLETED') s"
        )
        await run.until(ways, 4)  # by card, by car, by app, by wallet
        await run.until("SELECT count(*) FROM cdr", 8)
        await run.until("SELECT count(*) FROM authorisation WHERE allowed <> 'ALLOWED'", 1)
        assert run.life.visits > 8
        assert run.life.troubles <= run.life.visits / 10
        slow = msgspec.structs.replace(BUSY, stay_min_s=60.0, stay_max_s=60.0)
        run.life._pace = slow
        await run.until("SELECT count(*) FROM session WHERE status = 'ACTIVE'", 2)
    # The run was cancelled in the middle of those: they were ended and billed.
    assert await database.fetchval("SELECT count(*) FROM session WHERE status = 'ACTIVE'") == 0
    unbilled = "SELECT count(*) FROM session s WHERE NOT EXISTS (SELECT 1 FROM cdr WHERE session_key = s.id_key)"
    assert await database.fetchval(unbilled) == 0


async def test_sample_when_started_again_then_the_same_partners_are_found_at_new_addresses(
    start: Any, database: Any
) -> None:
    facts = (
        "SELECT json_agg(row(platform_id, name, state) ORDER BY platform_id)::text FROM platform"
    )
    urls = "SELECT array_agg(versions_url ORDER BY platform_id) FROM platform WHERE kind = 'ocpi'"
    async with start(QUIET) as run:
        before, addresses = await database.fetchval(facts), await database.fetchval(urls)
        kept = json.loads((run.settings.data_dir / memory.FILE).read_text())
    async with start(BUSY) as run:
        assert await database.fetchval(facts) == before
        assert set(await database.fetchval(urls)).isdisjoint(addresses)
        again = json.loads((run.settings.data_dir / memory.FILE).read_text())
        assert again["wallet_token"] == kept["wallet_token"]
        assert set(again["partners"].values()).isdisjoint(kept["partners"].values())
        await run.until("SELECT count(*) FROM cdr", 2)
    assert (run.settings.data_dir / memory.FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("loss", ["nothing left", "old tokens", "half a file"])
async def test_sample_when_its_memory_is_lost_then_it_connects_anew(
    start: Any, database: Any, loss: str
) -> None:
    async with start(QUIET) as run:
        file = run.settings.data_dir / memory.FILE
    if loss == "nothing left":
        file.unlink()
    elif loss == "old tokens":
        kept = memory.read(file.parent)
        lost = dict.fromkeys(kept.partners, "not-the-token")
        memory.write(file.parent, Kept(partners=lost, wallet_token="neither"))
    else:
        file.write_bytes(file.read_bytes()[:40])
    async with start(QUIET) as run:
        assert run.life.troubles == 0
    assert await database.fetchval("SELECT count(*) FROM platform") == 4
    assert await database.fetchval("SELECT count(*) FROM platform WHERE state = 'REGISTERED'") == 4


def test_memory_when_written_then_read_alike_and_private(tmp_path: Path) -> None:
    assert memory.read(tmp_path) == Kept()
    kept = Kept(partners={"NL-ABC": "secret"}, wallet_token="more")
    memory.write(tmp_path, kept)
    memory.write(tmp_path, kept)
    assert memory.read(tmp_path) == kept
    assert [p.name for p in tmp_path.iterdir()] == [memory.FILE]
    assert (tmp_path / memory.FILE).stat().st_mode & 0o077 == 0


# --- the process ----------------------------------------------------------------------------------


class Up:
    """`networkcore up --sample` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPO)}
        environ["NETWORKCORE_DATA_DIR"] = str(folder / "data")
        self.port = free_port()
        self.output = folder / "output"
        with self.output.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "up", "--sample", "--port", str(self.port)], cwd=folder,
                env=environ, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def says(self, text: str, timeout_s: float = 40) -> str:
        ends_at = time.monotonic() + timeout_s
        while time.monotonic() < ends_at and self.process.poll() is None:
            said = self.output.read_text()
            if text in said:
                return said
            time.sleep(0.05)
        raise AssertionError(f"it never said {text!r}: {self.output.read_text()}")

    def left(self) -> list[int]:
        """Processes that still belong to the folder."""
        mark, found = os.fsencode(self.folder), []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                seen = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                seen += os.fsencode((entry / "cwd").readlink())
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if mark in seen and state != "Z":
                found.append(int(entry.name))
        return found


@pytest.fixture
def up(make_folder: Any) -> Any:
    folder = make_folder("ncu-")
    started: list[Up] = []

    def start() -> Up:
        one = Up(folder)
        started.append(one)
        return one

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are read from /proc")
def test_up_when_interrupted_then_exit_0_nothing_is_left_and_the_next_start_finds_the_data(
    up: Any,
) -> None:
    tokens = []
    for _ in range(2):
        one = up()
        said = one.says("The sample network is alive")
        assert f"http://127.0.0.1:{one.port}/console" in said
        assert f"http://127.0.0.1:{one.port}/ocpi/versions" in said
        tokens.append((one.folder / "data" / "admin-token").read_text().strip())
        assert tokens[-1] in said
        assert len(one.left()) > 3
        one.process.send_signal(signal.SIGINT)
        assert one.process.wait(30) == 0, one.output.read_text()
        rest = one.output.read_text()
        assert "Traceback" not in rest
        assert "error" not in rest.lower()
        ends_at = time.monotonic() + 5
        while one.left() and time.monotonic() < ends_at:
            time.sleep(0.05)
        assert one.left() == []
    assert tokens[0] == tokens[1]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are read from /proc")
def test_up_when_interrupted_while_it_starts_then_it_ends_cleanly_too(up: Any) -> None:
    one = up()
    ends_at = time.monotonic() + 30
    while not (one.folder / "data").exists() and time.monotonic() < ends_at:
        time.sleep(0.02)
    one.says("NetworkCore is up")
    one.process.send_signal(signal.SIGINT)
    assert one.process.wait(30) == 0, one.output.read_text()
    assert "Traceback" not in one.output.read_text()
    assert one.left() == []
