"""Real stores for every test: one embedded PostgreSQL and Valkey per worker, a fresh database each."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis

from gateway.embedded import Stores, start_stores
from gateway.settings import Settings, load
from gateway.store.database import Database
from gateway.store.migrate import migrate

TEMPLATE = "template_networkcore"
_numbers = itertools.count(1)

MEMORY_FOLDER = Path("/dev/shm")
MEMORY_FREE_MIN = 2 * 1024**3

RunApart = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="session")
def run_apart() -> Iterator[RunApart]:
    """Runs a coroutine on a loop of another thread, so that sync fixtures may use async drivers."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        yield lambda work: executor.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def make_folder() -> Callable[[str], Path]:
    """Makes folders for stores: in memory where there is room, ten times quicker than on a disk."""
    has_room = MEMORY_FOLDER.is_dir() and shutil.disk_usage(MEMORY_FOLDER).free >= MEMORY_FREE_MIN
    place = MEMORY_FOLDER if has_room and os.access(MEMORY_FOLDER, os.W_OK) else None
    return lambda prefix: Path(tempfile.mkdtemp(prefix=prefix, dir=place))


@pytest.fixture(scope="session")
def embedded_stores(run_apart: RunApart, make_folder: Callable[[str], Path]) -> Iterator[Stores]:
    folder = make_folder("nct-")
    stores = start_stores(load({"NETWORKCORE_DATA_DIR": str(folder)}, folder), durable=False)
    try:
        run_apart(_make_template(stores.database_url))
        yield stores
    finally:
        stores.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(embedded_stores: Stores, run_apart: RunApart) -> Iterator[str]:
    """A fresh, migrated database of this test alone."""
    name = f"test_{next(_numbers)}"
    admin = embedded_stores.database_url
    run_apart(_execute(admin, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY"))
    yield _named(admin, name)
    run_apart(_execute(admin, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@pytest.fixture
def empty_database_url(embedded_stores: Stores, run_apart: RunApart) -> Iterator[str]:
    """A fresh database without a schema."""
    name = f"empty_{next(_numbers)}"
    admin = embedded_stores.database_url
    run_apart(_execute(admin, f"CREATE DATABASE {name}"))
    yield _named(admin, name)
    run_apart(_execute(admin, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    db = await Database.open(database_url, size=5)
    yield db
    await db.close()


@pytest.fixture
def redis_url(embedded_stores: Stores) -> str:
    """The worker's Valkey, emptied before the test."""
    with redis.Redis.from_url(embedded_stores.redis_url) as client:
        client.flushall()
    return embedded_stores.redis_url


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    """Settings of a hub on the test's own stores, that may talk to loopback peers."""
    return load(
        {
            "NETWORKCORE_DATA_DIR": str(tmp_path / "data"),
            "NETWORKCORE_DATABASE_URL": database_url,
            "NETWORKCORE_REDIS_URL": redis_url,
            "NETWORKCORE_ALLOW_PRIVATE_PEERS": "true",
        },
        tmp_path,
    )


def _named(url: str, name: str) -> str:
    return url.replace("/networkcore?", f"/{name}?")


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def _make_template(url: str) -> None:
    await _execute(url, f"CREATE DATABASE {TEMPLATE}")
    db = await Database.open(_named(url, TEMPLATE), size=1)
    try:
        await migrate(db)
    finally:
        await db.close()
