"""Starting what is measured, pinning it to a core, and reading what it cost."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SERVER_CORE, LOAD_CORE = 0, 1


@dataclass(frozen=True)
class Figure:
    """One round of one server."""

    per_second: float
    cpu_us: float  # of the process that answers
    tree_cpu_us: float  # with everything it started: worker, PostgreSQL, Valkey
    p50_us: int
    p99_us: int
    generator_busy: float
    status: dict[str, int]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pin(core: int) -> None:
    """Keeps the calling process on one core where the system can."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > core:
        os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def server(
    command: list[str], port: int, *, env: dict[str, str] | None = None, log: Path
) -> Iterator[int]:
    """Runs a server pinned to its core until the block ends; yields its process id."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, **(env or {})},
            preexec_fn=lambda: pin(SERVER_CORE), start_new_session=True,
        )  # fmt: skip
    try:
        wait_for(port, process)
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
    raise TimeoutError(f"{process.args!r} does not listen on {port}")


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    found, todo = [], [pid]
    while todo:
        current = todo.pop()
        found.append(current)
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{current}/task").iterdir():
                todo += [int(child) for child in (task / "children").read_text().split()]
    return found


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of these processes so far."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def load(port: int, file: Path, pid: int, *, seconds: float, connections: int) -> Figure:
    """One round: the generator on its own core, the server's CPU from the kernel's accounts."""
    pids = tree(pid)
    before, alone_before = cpu_seconds(pids), cpu_seconds([pid])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", f"127.0.0.1:{port}", str(file), str(seconds), str(connections)],
        check=True, capture_output=True, preexec_fn=lambda: pin(LOAD_CORE),
    )  # fmt: skip
    answer = json.loads(done.stdout)
    cpu, alone = cpu_seconds(pids) - before, cpu_seconds([pid]) - alone_before
    return Figure(
        per_second=answer["per_second"], cpu_us=1e6 * alone / max(1, answer["requests"]),
        tree_cpu_us=1e6 * cpu / max(1, answer["requests"]),
        p50_us=answer["p50_us"], p99_us=answer["p99_us"],
        generator_busy=answer["generator_busy"], status=answer["status"],
    )  # fmt: skip


@contextlib.contextmanager
def stopped(pid: int, word: str) -> Iterator[None]:
    """Holds the descendants whose command line has `word`; they go on afterwards."""
    found = [p for p in tree(pid) if word in Path(f"/proc/{p}/cmdline").read_text().split("\0")]
    if not found:
        raise LookupError(f"no process of {pid} is called {word}")
    for one in found:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in found:
            os.kill(one, signal.SIGCONT)


def free_all_but(pid: int) -> None:
    """Lets the stores and the worker beside a gateway use every core; the gateway stays pinned."""
    for other in tree(pid):
        if other != pid:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(other, range(os.cpu_count() or 1))
