"""Real processes that can be killed, stopped and started again, each alone."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gateway.embedded import postgres, valkey
from gateway.embedded.place import owner_of, process_name, short_address

REPO = Path(__file__).resolve().parents[4]
PR_SET_PDEATHSIG = 1
GONE_S = 5.0
ANSWER_S = 5.0
STOP_S = 15.0
_prctl = ctypes.CDLL(None).prctl


def _die_with_parent() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def tree(pid: int) -> list[int]:
    """A process and all its descendants, the process first."""
    found, todo = [], [pid]
    while todo:
        current = todo.pop(0)
        found.append(current)
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{current}/task").iterdir():
                todo += [int(child) for child in (task / "children").read_text().split()]
    return found


def send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Server:
    """One process of the system. `gate` is held by the fault that is done to it."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.gate = asyncio.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.started_at

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-500:]

    def plan(self) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """From the main thread only: the child dies with the thread that started it."""
        plan = self.plan()
        owner: dict[str, Any] = {}
        if plan.get("uid") is not None:
            owner = {"user": plan["uid"], "group": plan["gid"], "extra_groups": []}
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                plan["argv"], executable=plan["executable"], cwd=plan["cwd"], env=plan["env"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - sets a flag of the kernel, takes no lock
                **owner,
            )  # fmt: skip

    def pids(self) -> list[int]:
        assert self.process is not None
        return [self.process.pid]

    async def kill(self) -> None:
        """SIGKILL; returns when nothing of it is left."""
        assert self.process is not None
        send([self.process.pid], signal.SIGSTOP)  # no new children from here on
        pids = self.pids()
        send(pids, signal.SIGKILL)
        self.process.wait()
        deadline = time.monotonic() + GONE_S
        while any(process_name(pid) is not None for pid in pids[1:]):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} does not die")
            await asyncio.sleep(0.005)

    def pause(self) -> None:
        send(self.pids(), signal.SIGSTOP)

    def resume(self) -> None:
        send(list(reversed(self.pids())), signal.SIGCONT)

    async def stop(self) -> None:
        """The polite way, at the end."""
        if self.process is None or self.process.poll() is not None:
            return
        self.resume()
        self.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                await self.kill()
                return
            await asyncio.sleep(0.02)


class Postgres(Server):
    """The embedded PostgreSQL as a child of ours: a kill takes every backend along."""

    def __init__(self, folder: Path) -> None:
        super().__init__("postgres", folder / "postgres.log")
        self.folder = folder / "postgres"
        self._owner = owner_of(self.folder)
        self._address, _ = short_address(self.folder, postgres.SOCKET_NAME)
        self.url = postgres.address(self._address)
        self.log.touch()

    def plan(self) -> dict[str, Any]:
        return postgres.prepare(self.folder, self._owner, self.log, durable=False)

    def pids(self) -> list[int]:
        return tree(super().pids()[0])

    async def ready(self) -> None:
        await postgres.wait_ready(self._address, self._check)

    def _check(self) -> None:
        assert self.is_running, self.log.read_text()[-2000:]


class Valkey(Server):
    """The embedded Valkey as a child of ours; it starts empty."""

    def __init__(self, folder: Path) -> None:
        super().__init__("valkey", folder / "valkey.log")
        self.folder = folder / "valkey"
        self._owner = owner_of(folder / "postgres")
        self._address, _ = short_address(self.folder, valkey.SOCKET_NAME)
        self.url = valkey.address(self._address)

    def plan(self) -> dict[str, Any]:
        return valkey.prepare(self.folder, self._owner, self.log)

    async def flush(self) -> None:
        """FLUSHALL, said on a connection of its own."""
        path = str(self._address / valkey.SOCKET_NAME)
        async with asyncio.timeout(ANSWER_S):
            while True:
                try:
                    reader, writer = await asyncio.open_unix_connection(path)
                    break
                except (ConnectionRefusedError, FileNotFoundError):  # it has only just begun
                    await asyncio.sleep(0.01)
            try:
                writer.write(b"FLUSHALL\r\n")
                answer = await reader.readline()
            finally:
                writer.close()
        if not answer.startswith(b"+OK"):
            raise OSError(f"FLUSHALL: {answer!r}")


class Program(Server):
    """`networkcore …` with an environment of its own."""

    def __init__(
        self, name: str, folder: Path, words: tuple[str, ...], env: dict[str, str]
    ) -> None:
        super().__init__(name, folder / f"{name}.log")
        self._words = words
        self._env = env

    def plan(self) -> dict[str, Any]:
        return {
            "argv": [sys.executable, "-m", "gateway", *self._words],
            "executable": sys.executable, "cwd": REPO, "env": self._env,
        }  # fmt: skip
