"""The schema moves forward by numbered SQL files; each runs once, in a transaction of its own.

Files come from the gateway (below 0100) and from settlement (0100 and above), in order of number.
A file that changed after it was applied is refused: what ran must stay readable.
"""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

import asyncpg
import msgspec

from gateway.store.database import Database

FOLDERS: Final = (("gateway", "store/migrations"), ("settlement", "store/migrations"))
_FILE: Final = re.compile(r"^([0-9]{4})_([a-z0-9_]+)\.sql$")
_LOCK: Final = 6_112_001  # one number for all NetworkCore processes that migrate one database
_DEADLINE_S: Final = 600.0

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS schema_migration (
    number     int PRIMARY KEY,
    name       text NOT NULL,
    sha256     bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""


class SchemaError(RuntimeError):
    """The schema in the database and the files do not fit; the message says which and why."""


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.sql.encode()).digest()


def migrations() -> tuple[Migration, ...]:
    """Every migration this program carries, in order."""
    found: dict[int, Migration] = {}
    for package, folder in FOLDERS:
        place: Traversable = resources.files(package)
        for part in folder.split("/"):
            place = place / part
        if not place.is_dir():
            continue
        for file in place.iterdir():
            matched = _FILE.match(file.name)
            if matched is None:
                continue
            number = int(matched[1])
            if number in found:
                raise SchemaError(f"two migrations have the number {number:04d}")
            found[number] = Migration(
                number=number, name=matched[2], sql=file.read_text(encoding="utf-8")
            )
    return tuple(found[number] for number in sorted(found))


async def pending(db: Database) -> tuple[Migration, ...]:
    """What has not been applied yet, in order. SchemaError when an applied file has changed."""
    async with db.connection() as connection:
        exists = await connection.fetchval("SELECT to_regclass('schema_migration') IS NOT NULL")
        return await _missing(connection) if exists else migrations()


async def migrate(db: Database) -> tuple[Migration, ...]:
    """Bring the schema up to date; returns what was applied. Several processes may try at once."""
    applied: list[Migration] = []
    async with db.connection(timeout_s=_DEADLINE_S) as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        try:
            await connection.execute(_TABLE)
            for migration in await _missing(connection):
                async with connection.transaction():
                    await _apply(connection, migration)
                    await connection.execute(
                        "INSERT INTO schema_migration (number, name, sha256) VALUES ($1, $2, $3)",
                        migration.number,
                        migration.name,
                        migration.sha256,
                    )
                applied.append(migration)
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return tuple(applied)


async def _apply(connection: Any, migration: Migration) -> None:
    try:
        await connection.execute(migration.sql)
    except asyncpg.PostgresError as error:
        error.add_note(f"in migration {migration.number:04d}_{migration.name}")
        raise


async def _missing(connection: Any) -> tuple[Migration, ...]:
    rows = await connection.fetch("SELECT number, sha256 FROM schema_migration")
    known = {row["number"]: row["sha256"] for row in rows}
    files = migrations()
    for migration in files:
        recorded = known.get(migration.number)
        if recorded is not None and recorded != migration.sha256:
            raise SchemaError(
                f"migration {migration.number:04d}_{migration.name} was applied with other content:"
                " restore the file and put the change into a new one"
            )
    return tuple(migration for migration in files if migration.number not in known)
