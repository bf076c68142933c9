from __future__ import annotations

import asyncio

import pytest

from gateway.store import migrate as module
from gateway.store.database import Database
from gateway.store.migrate import Migration, SchemaError, migrate, migrations, pending


async def test_migrate_on_an_empty_database_applies_everything_once(
    empty_database_url: str,
) -> None:
    db = await Database.open(empty_database_url)
    assert await pending(db) == migrations()
    assert await migrate(db) == migrations()
    assert await pending(db) == ()
    assert await migrate(db) == ()
    await db.close()


async def test_migrate_when_two_processes_start_together_applies_each_file_once(
    empty_database_url: str,
) -> None:
    one, two = await Database.open(empty_database_url), await Database.open(empty_database_url)
    done = await asyncio.gather(migrate(one), migrate(two))
    assert sorted(map(len, done)) == [0, len(migrations())]
    await one.close()
    await two.close()


async def test_pending_when_an_applied_file_has_changed_refuses(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *rest = migrations()
    changed = (Migration(number=first.number, name=first.name, sql=first.sql + "\n-- x"), *rest)
    monkeypatch.setattr(module, "migrations", lambda: changed)
    with pytest.raises(SchemaError, match="0001_network was applied with other content"):
        await pending(database)


async def test_migrate_when_a_file_fails_keeps_the_earlier_ones_and_nothing_of_it(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = (
        Migration(number=1, name="good", sql="CREATE TABLE good (a int)"),
        Migration(number=2, name="bad", sql="CREATE TABLE half (a int); SELECT nonsense()"),
    )
    monkeypatch.setattr(module, "migrations", lambda: files)
    db = await Database.open(empty_database_url)
    with pytest.raises(Exception, match="nonsense"):
        await migrate(db)
    assert await pending(db) == files[1:]
    assert await db.fetchval("SELECT to_regclass('half')") is None
    await db.close()


def test_migrations_are_numbered_without_doubles() -> None:
    numbers = [migration.number for migration in migrations()]
    assert numbers == sorted(set(numbers))
    assert {1, 2, 3} <= set(numbers)
