"""A small process between the gateway and its stores: whoever dies, nothing is left running.

Started with one JSON plan as its argument. Its standard input is the life line: as long as
somebody holds the other end, the stores are kept alive and restarted when they crash; at end of
file (a clean stop as well as a SIGKILL of the gateway) they are stopped, the last started first.
Standard library only, run as a script: it starts in milliseconds and imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

STOP_STEPS = ((8.0, 0), (4.0, 1), (2.0, 2))  # seconds granted, which of the store's stop signals
POLL_S = 0.1
RESTART_PAUSE_S = 0.2
REPORTS_MAX = 10
PR_SET_PDEATHSIG = 1


def main() -> None:
    plan: dict[str, Any] = json.loads(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(
            number, signal.SIG_IGN
        )  # Ctrl-C belongs to the gateway; the life line decides
    children = [(store, _start(store)) for store in plan["stores"]]
    exits = 0
    resume_at = [0.0] * len(children)
    while not _line_cut():
        for index, (store, child) in enumerate(children):
            if child.poll() is None:
                continue
            if not resume_at[index]:
                resume_at[index] = time.monotonic() + RESTART_PAUSE_S
                exits += 1
                _report(exits, store, child)
            elif time.monotonic() >= resume_at[index]:
                resume_at[index] = 0.0
                children[index] = (store, _start(store))
    for store, child in reversed(children):
        _stop(store, child)
    for path in plan["leftovers"]:
        shutil.rmtree(path, ignore_errors=True)


def _report(exits: int, store: dict[str, Any], child: subprocess.Popen[bytes]) -> None:
    """Only the first few: nobody reads once the gateway runs, and a full pipe would block."""
    if exits <= REPORTS_MAX:
        with contextlib.suppress(OSError):
            os.write(1, f"exited {store['name']} {child.returncode}\n".encode())


def _line_cut() -> bool:
    readable, _, _ = select.select([0], [], [], POLL_S)
    return bool(readable) and not os.read(0, 64)


def _start(store: dict[str, Any]) -> subprocess.Popen[bytes]:
    death_signal = int(store["stop_signals"][0])
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def before_exec() -> None:
        # Should the keeper itself be killed, Linux stops the store. After setuid, which clears it.
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)

    owner: dict[str, Any] = {}
    if store["uid"] is not None:
        owner = {"user": store["uid"], "group": store["gid"], "extra_groups": []}
    with open(store["log"], "ab") as log:  # noqa: PTH123 - pathlib is not worth its import time here
        return subprocess.Popen(  # noqa: S603 - the plan comes from our own parent
            store["argv"],
            executable=store["executable"],
            cwd=store["cwd"],
            env=store["env"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=before_exec,  # noqa: PLW1509 - this process has one thread
            **owner,
        )


def _stop(store: dict[str, Any], child: subprocess.Popen[bytes]) -> None:
    for grace_s, step in STOP_STEPS:
        if child.poll() is not None:
            return
        child.send_signal(store["stop_signals"][step])
        child.send_signal(signal.SIGCONT)
        try:
            child.wait(grace_s)
        except subprocess.TimeoutExpired:
            continue


if __name__ == "__main__":
    main()
