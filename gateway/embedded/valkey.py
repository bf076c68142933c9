"""The embedded Valkey: a memory that may be lost, rebuilt from PostgreSQL at start."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

from gateway.embedded.place import EmbeddedError, Owner, make_folder, reachable_copy
from gateway.embedded.wheel import find_wheels

SOCKET_NAME: Final = "redis.sock"
READY_S: Final = 20.0
POLL_S: Final = 0.01
OPTIONS: Final = {
    "port": "0",
    "unixsocket": SOCKET_NAME,
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory-policy": "noeviction",
    "pidfile": "redis.pid",
    "loglevel": "warning",
    "daemonize": "no",
}


def prepare(folder: Path, owner: Owner, log: Path) -> dict[str, object]:
    """Make the folder, and say how the keeper is to run the server."""
    make_folder(folder, owner)
    binary = find_wheels().valkey_server
    home = reachable_copy(binary.parent, (binary.name,), f"valkey-{binary.stat().st_size}", owner)
    program = home / binary.name
    return {
        "name": "valkey",
        "executable": str(program),
        "argv": [
            str(program),
            *(word for key, value in OPTIONS.items() for word in (f"--{key}", value)),
        ],
        "cwd": str(folder),
        "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        "log": str(log),
        "uid": owner.uid,
        "gid": owner.gid,
        "stop_signals": [15, 15, 9],
    }


def address(folder: Path) -> str:
    return f"unix://{quote(str(folder / SOCKET_NAME))}"


def wait_ready(folder: Path, check: Callable[[], None]) -> None:
    """Return once the server answers a PING; `check` may raise to give up."""
    deadline = time.monotonic() + READY_S
    while not _answers(folder / SOCKET_NAME):
        check()
        if time.monotonic() > deadline:
            raise EmbeddedError(f"Valkey is not ready after {READY_S:.0f} s")
        time.sleep(POLL_S)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
            probe.sendall(b"PING\r\n")
            return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False
