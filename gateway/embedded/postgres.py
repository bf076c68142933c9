"""The embedded PostgreSQL: made once, started without any network address, reached by its owner."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg

from gateway.embedded.place import (
    EmbeddedError,
    Owner,
    account_name,
    make_folder,
    process_name,
    reachable_copy,
    seen_by_server,
)
from gateway.embedded.wheel import POSTGRES_MAJOR, POSTGRES_PARTS, find_wheels

SUPERUSER: Final = "networkcore"
DATABASE: Final = "networkcore"
SOCKET_NAME: Final = ".s.PGSQL.5432"
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
READY_S: Final = 60.0
CONNECT_S: Final = 5.0
ORPHAN_STOP_S: Final = 20.0
POLL_S: Final = 0.02

OPTIONS: Final = {
    "listen_addresses": "",
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "jit": "off",
}
# Tests only: what survives a power cut is not their question, the time of one fsync is.
FORGETFUL: Final = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB"}


def prepare(folder: Path, owner: Owner, log: Path, *, durable: bool) -> dict[str, object]:
    """Make the database cluster when there is none, and say how the keeper is to run it."""
    wheels = find_wheels()
    home = reachable_copy(wheels.postgres_root, POSTGRES_PARTS, f"postgres-{POSTGRES_MAJOR}", owner)
    if not folder.exists():
        _initialise(folder, home, owner, durable=durable)
    _check_version(folder)
    _clear_lock(folder)
    _write_access_rules(folder, owner)
    options = OPTIONS | ({} if durable else FORGETFUL)
    program = home / "bin" / "postgres"
    return {
        "name": "postgres",
        "executable": str(program),
        "argv": [
            str(program),
            "-D",
            str(seen_by_server(folder, owner)),
            *(word for key, value in options.items() for word in ("-c", f"{key}={value}")),
        ],
        "cwd": str(folder),
        "env": ENVIRONMENT,
        "log": str(log),
        "uid": owner.uid,
        "gid": owner.gid,
        "stop_signals": [2, 3, 9],  # fast: cut sessions and checkpoint; immediate; kill
    }


def address(folder: Path, database: str = DATABASE) -> str:
    return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(folder))}&port=5432"


async def wait_ready(folder: Path, check: Callable[[], None]) -> None:
    """Return once the server answers and the database exists; `check` may raise to give up."""
    deadline = time.monotonic() + READY_S
    while True:
        check()
        try:
            connection = await asyncpg.connect(address(folder, "postgres"), timeout=CONNECT_S)
            break
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"PostgreSQL is not ready after {READY_S:.0f} s: {error}"
                ) from error
            await asyncio.sleep(POLL_S)
    try:
        found = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE)
        if found is None:
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


def _initialise(folder: Path, home: Path, owner: Owner, *, durable: bool) -> None:
    """In a draft folder, renamed when complete: a kill half-way leaves nothing to trip over."""
    draft = folder.with_name(folder.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    make_folder(draft, owner)
    arguments = [
        str(home / "bin" / "initdb"),
        "-D",
        str(seen_by_server(draft, owner)),
        "-U",
        SUPERUSER,
        "--auth=peer",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
        *(() if durable else ("--no-sync",)),
    ]
    answer = subprocess.run(  # noqa: S603 - our own wheel, our own arguments
        arguments,
        cwd=draft,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        user=owner.uid,
        group=owner.gid,
        extra_groups=None if owner.uid is None else [],
    )
    if answer.returncode != 0:
        raise EmbeddedError(f"initdb failed: {answer.stderr.strip() or answer.stdout.strip()}")
    draft.rename(folder)


def _check_version(folder: Path) -> None:
    found = (folder / "PG_VERSION").read_text(encoding="ascii").strip()
    if found != POSTGRES_MAJOR:
        raise EmbeddedError(
            f"{folder} was written by PostgreSQL {found}, this is {POSTGRES_MAJOR}: dump it with"
            f" the older NetworkCore, or point NETWORKCORE_DATABASE_URL at a PostgreSQL {found}"
        )


def _clear_lock(folder: Path) -> None:
    """Deal with a postmaster.pid whose process is not simply gone; PostgreSQL does the simple case.

    A dead process that nobody reaped and a stranger with the same number both make PostgreSQL
    refuse; a living postmaster without its keeper (macOS, keeper killed) is stopped first.
    """
    lock = folder / "postmaster.pid"
    try:
        pid = int(lock.read_text(encoding="ascii").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        lock.unlink(missing_ok=True)
        return
    deadline = time.monotonic() + ORPHAN_STOP_S
    while (name := process_name(pid)) is not None and "postgres" in name:
        if time.monotonic() > deadline:
            raise EmbeddedError(f"an older PostgreSQL (process {pid}) in {folder} does not stop")
        os.kill(pid, 2)
        time.sleep(0.1)
    lock.unlink(missing_ok=True)


def _write_access_rules(folder: Path, owner: Owner) -> None:
    """Only the account that started us, the server's own, and root, which could be either."""
    accounts = sorted({account_name(os.geteuid()), owner.name, "root"})
    (folder / "pg_hba.conf").write_text("local all all peer map=owner\n", encoding="ascii")
    (folder / "pg_ident.conf").write_text(
        "".join(f"owner {name} {SUPERUSER}\n" for name in accounts), encoding="utf-8"
    )
