from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

import gateway.store
from gateway.store.database import Database
from gateway.store.sql import load

FILES = sorted(path.name for path in Path(gateway.store.__file__).parent.glob("*.sql"))


async def test_every_statement_is_understood_by_the_schema(database: Database) -> None:
    """A misspelt column is found here, not by the first partner that takes the path."""
    async with database.connection(timeout_s=60) as connection:
        for file in FILES:
            for name, statement in load("gateway.store", file).items():
                try:
                    await connection.prepare(statement)
                    if "CREATE TEMPORARY" in statement:  # what follows speaks of it
                        await connection.execute(statement)
                except asyncpg.PostgresError as error:
                    pytest.fail(f"{file}: {name}: {error}")


def test_load_is_read_only() -> None:
    with pytest.raises(TypeError):
        load("gateway.store", FILES[0])["new"] = "x"  # type: ignore[index]
