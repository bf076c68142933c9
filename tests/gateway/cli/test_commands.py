"""The commands as people start them: real processes, real signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.embedded.place import process_name

REPO = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "gateway"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Place:
    """A data directory and the processes that were started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"], "NETWORKCORE_DATA_DIR": str(folder / "data"),
            "PYTHONPATH": str(REPO),
        }  # fmt: skip
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*COMMAND, *words], cwd=self.folder, env=self.environment | environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words], cwd=self.folder, env=self.environment | environment,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def pids(self) -> list[int]:
        """Every process of this data directory, by its command line or its environment."""
        found = []
        mark = os.fsencode(self.folder)
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                seen = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                seen += os.fsencode((entry / "cwd").readlink())
            except OSError:
                continue
            if mark in seen and process_name(int(entry.name)) is not None:
                found.append(int(entry.name))
        return found


@pytest.fixture
def place(make_folder: Callable[[str], Path]) -> Iterator[Place]:
    folder = make_folder("ncc-")
    place = Place(folder)
    yield place
    for process in place.started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)
    shutil.rmtree(folder, ignore_errors=True)


def wait_ready(port: int, process: subprocess.Popen[str]) -> dict[str, object]:
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, process.communicate()[0]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                found: dict[str, object] = json.loads(answer.read())
                return found
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_up_serves_shares_its_stores_stops_on_ctrl_c_and_dies_whole_when_killed(
    place: Place,
) -> None:
    port = free_port()
    up = place.start("up", "--port", str(port))
    assert wait_ready(port, up)["stores"] == {"postgresql": "up", "redis": "up"}
    second = place.run("up", "--port", str(free_port()))
    assert second.returncode == 1
    assert second.stderr.startswith("networkcore: NetworkCore is already running in")
    assert second.stderr.count("\n") == 1
    taken = place.run("serve", "--port", str(port))
    assert (taken.returncode, taken.stderr.count("\n")) == (1, 1)
    assert "cannot listen" in taken.stderr
    seen = json.loads(place.run("doctor", "--json").stdout)
    assert {f["check"]: f["ok"] for f in seen["findings"]}["schema"]
    up.send_signal(signal.SIGINT)
    said, _ = up.communicate(timeout=60)
    assert up.returncode == 0
    assert f"http://127.0.0.1:{port}/console" in said
    assert "Traceback" not in said
    wait_until(lambda: place.pids() == [])

    again = place.start("up", "--port", str(port))
    wait_ready(port, again)
    again.kill()
    again.communicate(timeout=60)
    wait_until(lambda: place.pids() == [])


def test_serve_refuses_an_older_schema_and_runs_several_processes_on_one_port(
    place: Place, empty_database_url: str, redis_url: str
) -> None:
    stores = {"NETWORKCORE_DATABASE_URL": empty_database_url, "NETWORKCORE_REDIS_URL": redis_url}
    port = free_port()
    refused = place.run("serve", "--port", str(port), **stores)
    assert refused.returncode == 1
    assert "networkcore migrate" in refused.stderr
    assert refused.stderr.count("\n") == 1
    migrated = json.loads(place.run("migrate", "--json", **stores).stdout)
    assert "0001_network" in migrated["applied"]
    assert json.loads(place.run("migrate", "--json", **stores).stdout) == {"applied": []}

    serve = place.start("serve", "--port", str(port), "--processes", "2", **stores)
    wait_ready(port, serve)
    settled = place.run("settle", "--once", "--json", **stores)
    assert json.loads(settled.stdout)["claimed"] == 0
    serve.send_signal(signal.SIGTERM)
    serve.communicate(timeout=60)
    assert serve.returncode == 0


@pytest.mark.parametrize(
    ("words", "environment", "says"),
    [
        (("migrate",), {"NETWORKCORE_PORT": "x"}, "NETWORKCORE_PORT"),
        (("serve", "--port", "0"), {}, "--port"),
        (("serve", "--processes", "many"), {}, "--processes"),
        (("nonsense",), {}, "nonsense"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_what_is_wrong(
    place: Place, words: tuple[str, ...], environment: dict[str, str], says: str
) -> None:
    answer = place.run(*words, **environment)
    assert answer.returncode == 2
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr


def test_migrate_without_a_server_says_so_in_one_line(place: Place) -> None:
    answer = place.run(
        "migrate",
        NETWORKCORE_DATABASE_URL=f"postgresql://x@/x?host={place.folder}",
        NETWORKCORE_REDIS_URL="redis://127.0.0.1:1",
    )
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("networkcore: ")
    assert answer.stderr.count("\n") == 1
