from __future__ import annotations

from pathlib import Path

import pytest

import gateway.store
from gateway.store.database import Database
from gateway.store.sql import load

FILES = sorted(path.name for path in Path(gateway.store.__file__).parent.glob("*.sql"))


@pytest.mark.parametrize("name", FILES)
async def test_every_statement_is_understood_by_the_schema(database: Database, name: str) -> None:
    """A misspelt column is found here, not by the first partner that takes the path."""
    async with database.connection() as connection:
        for statement in load("gateway.store", name).values():
            await connection.prepare(statement)


def test_load_is_read_only() -> None:
    with pytest.raises(TypeError):
        load("gateway.store", FILES[0])["new"] = "x"  # type: ignore[index]
