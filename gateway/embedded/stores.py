"""Start, share and stop the embedded stores of one data directory."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Final

import msgspec

from gateway.embedded import postgres, valkey
from gateway.embedded.place import EmbeddedError, Owner, owner_of, process_name, short_address
from gateway.settings import Settings

LOCK_NAME: Final = "stores.lock"
NOTE_NAME: Final = "stores.json"
KEEPER: Final = Path(__file__).with_name("keeper.py")
LOCK_WAIT_S: Final = 25.0  # a killed owner's keeper needs this long at most to stop the stores
STOP_S: Final = 30.0
LOG_BYTES_MAX: Final = 16 * 1024 * 1024
TAIL_LINES: Final = 5
EXITS_MAX: Final = 3

__all__ = ["AlreadyRunningError", "EmbeddedError", "Stores", "open_stores", "start_stores"]


class AlreadyRunningError(EmbeddedError):
    """Another NetworkCore keeps the stores of this data directory."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner of the stores leaves for other commands in the same data directory."""

    pid: int
    database_url: str
    redis_url: str


class Stores:
    """Addresses of both stores, and the keeper that runs those which are embedded."""

    def __init__(
        self,
        *,
        database_url: str,
        redis_url: str,
        keeper: subprocess.Popen[bytes] | None = None,
        note: Path | None = None,
    ) -> None:
        self.database_url = database_url
        self.redis_url = redis_url
        self._keeper = keeper
        self._note = note

    @property
    def keeper_pid(self) -> int | None:
        return None if self._keeper is None else self._keeper.pid

    def stop(self) -> None:
        """Stop what was started here, in order; nothing for servers of somebody else."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        if keeper.stdin is not None:
            keeper.stdin.close()
        try:
            keeper.wait(STOP_S)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()
        if keeper.stdout is not None:
            keeper.stdout.close()
        if self._note is not None:
            self._note.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def open_stores(settings: Settings, *, attach: bool = True) -> AsyncIterator[Stores]:
    """The stores of `settings`: the servers it names, or embedded ones for as long as this is open.

    With `attach`, stores which another NetworkCore runs in the same data directory are used;
    without it they are an AlreadyRunningError.
    """
    stores = await asyncio.to_thread(start_stores, settings, attach=attach)
    try:
        yield stores
    finally:
        await asyncio.to_thread(stores.stop)


def start_stores(settings: Settings, *, attach: bool = True, durable: bool = True) -> Stores:
    """As `open_stores`, blocking; the caller stops them. `durable` is False in tests only."""
    if settings.database_url and settings.redis_url:
        return Stores(database_url=settings.database_url, redis_url=settings.redis_url)
    folder = settings.data_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        note = _lock_or_note(lock, folder, attach=attach)
        if note is not None:
            return Stores(
                database_url=settings.database_url or note.database_url,
                redis_url=settings.redis_url or note.redis_url,
            )
        try:
            return _start(settings, lock, durable=durable)
        except FileNotFoundError as error:
            raise EmbeddedError(
                f"{error}; give NETWORKCORE_DATABASE_URL and NETWORKCORE_REDIS_URL instead"
            ) from error
    finally:
        os.close(lock)  # the keeper holds it from here on


def _lock_or_note(lock: int, folder: Path, *, attach: bool) -> Note | None:
    """None: the lock is ours. A note: somebody else runs the stores and we may use them."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            (folder / NOTE_NAME).unlink(missing_ok=True)
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            return None
        pid = int(os.pread(lock, 20, 0) or b"0")
        if pid and process_name(pid) is not None:
            if not attach:
                raise AlreadyRunningError(
                    f"NetworkCore is already running in {folder} (process {pid}): stop it first,"
                    " or choose another NETWORKCORE_DATA_DIR"
                )
            with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
                return msgspec.json.decode((folder / NOTE_NAME).read_bytes(), type=Note)
        if time.monotonic() > deadline:
            raise AlreadyRunningError(f"the stores in {folder} neither start nor stop; see its log")
        time.sleep(0.05)


def _start(settings: Settings, lock: int, *, durable: bool) -> Stores:
    folder = settings.data_dir
    plan: list[dict[str, object]] = []
    leftovers: list[str] = []  # private folders of short links, removed by the keeper
    database_url, redis_url = settings.database_url, settings.redis_url
    data = folder / "postgres"
    owner = owner_of(data)
    if not redis_url:
        memory = folder / "redis"
        plan.append(valkey.prepare(memory, owner, _log(folder, "redis")))
        redis_folder, extra = short_address(memory, valkey.SOCKET_NAME)
        leftovers += [str(extra)] if extra else []
        redis_url = valkey.address(redis_folder)
    if not database_url:
        plan.append(postgres.prepare(data, owner, _log(folder, "postgres"), durable=durable))
        postgres_folder, extra = short_address(data, postgres.SOCKET_NAME)
        leftovers += [str(extra)] if extra else []
        database_url = postgres.address(postgres_folder)
    note = folder / NOTE_NAME
    stores = Stores(
        database_url=database_url,
        redis_url=redis_url,
        keeper=(keeper := _spawn_keeper({"stores": plan, "leftovers": leftovers}, lock)),
        note=note,
    )
    watch = _Watch(keeper, folder)
    try:
        if not settings.redis_url:
            valkey.wait_ready(redis_folder, watch.check)
        if not settings.database_url:
            _run_apart(postgres.wait_ready(postgres_folder, watch.check))
    except BaseException:
        stores.stop()
        raise
    _write_note(note, Note(pid=os.getpid(), database_url=database_url, redis_url=redis_url))
    _return_to_owner(folder, owner)
    return stores


def _spawn_keeper(plan: dict[str, object], lock: int) -> subprocess.Popen[bytes]:
    # -I -S: no site packages and no user paths, so it starts at once and runs only what it should.
    return subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-I", "-S", str(KEEPER), json.dumps(plan)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(lock,),
        start_new_session=True,
    )


class _Watch:
    """Notices, while waiting, that the keeper has given up or that a store will not stay up."""

    def __init__(self, keeper: subprocess.Popen[bytes], folder: Path) -> None:
        self._keeper = keeper
        self._folder = folder
        self._said = b""
        if keeper.stdout is None:
            raise EmbeddedError("the keeper has no standard output")
        self._handle = keeper.stdout.fileno()
        os.set_blocking(self._handle, False)

    def check(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._said += os.read(self._handle, 4096)
        ended = self._keeper.poll() is not None
        if ended or self._said.count(b"exited") >= EXITS_MAX:
            raise EmbeddedError(f"the stores do not start: {self._tail()}")

    def _tail(self) -> str:
        lines: list[str] = []
        for log in sorted((self._folder / "log").glob("*.log")):
            text = log.read_text(encoding="utf-8", errors="replace")
            lines += text.splitlines()[-TAIL_LINES:]
        return " | ".join(lines) or "no word in the log"


def _log(folder: Path, name: str) -> Path:
    path = folder / "log" / f"{name}.log"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.rename(path.with_suffix(".old"))
    path.touch(mode=0o600)
    return path


def _write_note(path: Path, note: Note) -> None:
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(note))
    draft.rename(path)


def _return_to_owner(folder: Path, owner: Owner) -> None:
    """What root wrote into somebody's data directory stays usable for them."""
    found = folder.stat()
    if owner.uid is None or found.st_uid == 0:
        return
    for path in (
        folder / LOCK_NAME,
        folder / NOTE_NAME,
        *folder.glob("log*"),
        *folder.glob("log/*"),
    ):
        os.chown(path, found.st_uid, found.st_gid)


def _run_apart(work: Coroutine[object, object, None]) -> None:
    """Run `work` to its end on a loop of its own thread, whatever loop the caller may have."""
    failures: list[BaseException] = []

    def body() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread, raised there
            failures.append(error)

    thread = threading.Thread(target=body, name="stores-ready")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
