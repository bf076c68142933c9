from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis

from gateway.embedded import AlreadyRunningError, Stores, open_stores, start_stores
from gateway.embedded.place import owner_of, passable, process_name
from gateway.settings import Settings, load

REPO = Path(__file__).parents[3]
IS_ROOT = os.geteuid() == 0

# Starts the stores, says where they are, and waits to be killed.
PARENT = """
import sys, time
from pathlib import Path
from gateway.embedded import start_stores
from gateway.settings import load
stores = start_stores(load({"NETWORKCORE_DATA_DIR": sys.argv[1]}, Path.cwd()), durable=False)
print(stores.database_url, stores.keeper_pid, flush=True)
time.sleep(120)
"""


@pytest.fixture
def data_dir(make_folder: Callable[[str], Path]) -> Iterator[Path]:
    folder = make_folder("nce-")
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_settings(data_dir: Path) -> Settings:
    return load({"NETWORKCORE_DATA_DIR": str(data_dir)}, data_dir.parent)


@contextlib.contextmanager
def started(settings: Settings, **options: Any) -> Iterator[Stores]:
    stores = start_stores(settings, **({"durable": False} | options))
    try:
        yield stores
    finally:
        stores.stop()


def query(run_apart: Callable[[Any], Any], url: str, sql: str) -> Any:
    async def work() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return run_apart(work())


def pids_of(data_dir: Path) -> list[int]:
    found = [int((data_dir / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])]
    return [*found, int((data_dir / "redis" / "redis.pid").read_text())]


def wait_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 30
    while any(process_name(pid) is not None for pid in pids):
        assert time.monotonic() < deadline, f"still running: {[(p, process_name(p)) for p in pids]}"
        time.sleep(0.02)


def test_stores_are_durable_and_keep_the_data_when_stopped_and_started_again(
    own_settings: Settings, data_dir: Path, run_apart: Callable[[Any], Any]
) -> None:
    with started(own_settings, durable=True) as stores:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert query(run_apart, stores.database_url, f"SHOW {name}") == "on"
        query(run_apart, stores.database_url, "CREATE TABLE t AS SELECT 42 AS a")
        with redis.Redis.from_url(stores.redis_url, protocol=3) as client:
            assert client.ping()
        assert query(run_apart, stores.database_url, "SHOW listen_addresses") == ""
        pids = pids_of(data_dir)
    wait_gone(pids)
    assert not (data_dir / "postgres" / "postmaster.pid").exists()
    with started(own_settings) as stores:
        assert query(run_apart, stores.database_url, "SELECT a FROM t") == 42


def test_folders_are_closed_to_others_and_a_note_names_the_addresses(
    own_settings: Settings, data_dir: Path
) -> None:
    with started(own_settings) as stores:
        for folder in (data_dir, data_dir / "postgres", data_dir / "redis", data_dir / "log"):
            assert folder.stat().st_mode & 0o777 == 0o700
        sockets = (data_dir / "postgres" / ".s.PGSQL.5432", data_dir / "redis" / "redis.sock")
        assert all(path.stat().st_mode & 0o077 == 0 for path in sockets)
        note = json.loads((data_dir / "stores.json").read_text())
        assert note == {
            "pid": os.getpid(), "database_url": stores.database_url, "redis_url": stores.redis_url,
        }  # fmt: skip
    assert not (data_dir / "stores.json").exists()


def test_second_start_in_the_same_folder_says_it_is_running_already(
    own_settings: Settings, run_apart: Callable[[Any], Any]
) -> None:
    with started(own_settings) as stores:
        with pytest.raises(AlreadyRunningError, match=f"already running in .* {os.getpid()}"):
            start_stores(own_settings, attach=False)
        shared = start_stores(own_settings)
        assert (shared.database_url, shared.redis_url) == (stores.database_url, stores.redis_url)
        shared.stop()  # not its own: they go on
        assert query(run_apart, stores.database_url, "SELECT 1") == 1


def test_parent_when_killed_leaves_nothing_running_and_the_folder_usable(
    own_settings: Settings, data_dir: Path, run_apart: Callable[[Any], Any]
) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(data_dir)], cwd=REPO, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    words = parent.stdout.readline().decode().split()
    query(run_apart, words[0], "CREATE TABLE t AS SELECT 1 AS a")
    pids = [*pids_of(data_dir), int(words[1])]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_gone(pids)
    with started(own_settings, attach=False) as stores:
        assert query(run_apart, stores.database_url, "SELECT a FROM t") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems stop the orphans at next start")
def test_keeper_when_killed_takes_its_stores_along(own_settings: Settings, data_dir: Path) -> None:
    with started(own_settings) as stores:
        pids = pids_of(data_dir)
        assert stores.keeper_pid is not None
        os.kill(stores.keeper_pid, signal.SIGKILL)
        wait_gone(pids)


def test_store_when_it_crashes_is_started_again(
    own_settings: Settings, data_dir: Path, run_apart: Callable[[Any], Any]
) -> None:
    with started(own_settings) as stores:
        for pid in pids_of(data_dir):
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while True:
            try:
                assert query(run_apart, stores.database_url, "SELECT 1") == 1
                with redis.Redis.from_url(stores.redis_url) as client:
                    assert client.ping()
                break
            except (OSError, asyncpg.PostgresError, redis.ConnectionError):
                assert time.monotonic() < deadline
                time.sleep(0.05)


def test_lock_file_of_a_stranger_with_the_same_number_does_not_block(
    own_settings: Settings, data_dir: Path
) -> None:
    with started(own_settings):
        text = (data_dir / "postgres" / "postmaster.pid").read_text()
    stale = "\n".join([str(os.getpid()), *text.split("\n")[1:]])
    (data_dir / "postgres" / "postmaster.pid").write_text(stale)
    with started(own_settings):
        pass


def test_sockets_in_a_folder_with_a_long_name_are_reached_by_a_short_one(
    data_dir: Path, run_apart: Callable[[Any], Any]
) -> None:
    deep = data_dir.joinpath(*["a" * 60] * 3)
    settings = load({"NETWORKCORE_DATA_DIR": str(deep)}, data_dir.parent)
    with started(settings) as stores:
        assert query(run_apart, stores.database_url, "SELECT 1") == 1
        link = Path(stores.redis_url.removeprefix("unix://")).parent
        assert link.is_symlink()
        assert link.parent.stat().st_mode & 0o777 == 0o700
    assert not link.parent.exists()


async def test_open_stores_with_given_servers_starts_nothing(tmp_path: Path) -> None:
    given = {"NETWORKCORE_DATABASE_URL": "postgresql://db/x", "NETWORKCORE_REDIS_URL": "redis://r"}
    settings = load(given, tmp_path)
    async with open_stores(settings) as stores:
        assert (stores.database_url, stores.redis_url) == ("postgresql://db/x", "redis://r")
        assert stores.keeper_pid is None
    assert not (settings.data_dir / "postgres").exists()
    await asyncio.sleep(0)


@pytest.mark.skipif(not IS_ROOT, reason="only root can give up its rights")
def test_servers_when_started_by_root_run_as_nobody_without_groups(
    own_settings: Settings, data_dir: Path
) -> None:
    """The data directory may be closed to everybody, all the way up."""
    data_dir.parent.chmod(0o700)
    assert not passable(data_dir)
    nobody = pwd.getpwnam("nobody")
    with started(own_settings):
        for pid in pids_of(data_dir):
            status = Path(f"/proc/{pid}/status").read_text()
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            assert fields["Uid"].split() == [str(nobody.pw_uid)] * 4
            assert fields["Gid"].split() == [str(nobody.pw_gid)] * 4
            assert fields["Groups"].split() == []
            assert int(fields["CapEff"], 16) == 0
        assert (data_dir.parent.stat().st_mode & 0o777) == 0o700  # nothing was opened for it


@pytest.mark.skipif(not IS_ROOT, reason="only root can become somebody else")
def test_stores_when_started_by_an_ordinary_user_belong_to_that_user(data_dir: Path) -> None:
    """By a user without rights of its own, but for reading: where root's own Python lies."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv is not installed")
    nobody = pwd.getpwnam("nobody")
    os.chown(data_dir.parent, nobody.pw_uid, nobody.pw_gid)
    parent = subprocess.Popen(
        [
            setpriv, f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups",
            "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
            sys.executable, "-c", PARENT, str(data_dir),
        ],
        cwd=REPO, stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert parent.stdout is not None
    line = parent.stdout.readline()
    assert line.startswith(b"postgresql://")
    pids = pids_of(data_dir)
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in pids} == {nobody.pw_uid}
    owner = owner_of(data_dir / "postgres")
    assert owner.uid == nobody.pw_uid  # root would go on as that user, and change no owner
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_gone(pids)
