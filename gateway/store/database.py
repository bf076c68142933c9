"""The pool: every statement has one deadline over acquiring and running, and one kind of "gone".

asyncpg raises five families of errors when a server dies, one of which (InternalClientError)
derives from nothing but Exception; here they become StoreUnavailable. Whoever was cancelled
or timed out during a write knows nothing about its outcome: it may have been committed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

import asyncpg

DEADLINE_S: Final = 5.0
POOL_SIZE: Final = 10
IDLE_S: Final = 300.0

# SQLSTATEs (first two digits or all five) that say "not now" rather than "your statement is wrong".
_UNAVAILABLE_CLASSES: Final = frozenset({"08", "53", "57", "58", "XX"})
_UNAVAILABLE_STATES: Final = frozenset({"25006", "3D000", "28000", "28P01"})


class StoreUnavailable(Exception):  # noqa: N818 - a state of the store, nobody's mistake
    """PostgreSQL cannot be asked now; whether a write took place is unknown."""


class Database:
    """A pool of connections to one PostgreSQL."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(
        cls, url: str, *, size: int = POOL_SIZE, deadline_s: float = DEADLINE_S
    ) -> Database:
        """Connect once to prove the address; further connections are made when needed."""
        with _translated():
            async with asyncio.timeout(deadline_s):
                pool = await asyncpg.create_pool(
                    url,
                    min_size=0,
                    max_size=size,
                    max_inactive_connection_lifetime=IDLE_S,
                    reset=_reset_if_needed,
                    server_settings={"application_name": "networkcore", "timezone": "UTC"},
                )
        db = cls(pool)
        try:
            await db.fetchval("SELECT 1", timeout_s=deadline_s)
        except BaseException:
            pool.terminate()
            raise
        return db

    async def close(self, *, grace_s: float = DEADLINE_S) -> None:
        """Wait for running statements, then cut what is left."""
        try:
            async with asyncio.timeout(grace_s):
                await self._pool.close()
        except (TimeoutError, OSError, asyncpg.InternalClientError, asyncpg.InterfaceError):
            self._pool.terminate()

    async def fetch(self, sql: str, *args: object, timeout_s: float = DEADLINE_S) -> list[Any]:
        async with self.connection(timeout_s=timeout_s) as connection:
            rows: list[Any] = await connection.fetch(sql, *args)
            return rows

    async def fetchrow(self, sql: str, *args: object, timeout_s: float = DEADLINE_S) -> Any | None:
        async with self.connection(timeout_s=timeout_s) as connection:
            return await connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object, timeout_s: float = DEADLINE_S) -> Any:
        async with self.connection(timeout_s=timeout_s) as connection:
            return await connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object, timeout_s: float = DEADLINE_S) -> str:
        """Run one statement; the answer is PostgreSQL's tag, such as ``UPDATE 1``."""
        async with self.connection(timeout_s=timeout_s) as connection:
            tag: str = await connection.execute(sql, *args)
            return tag

    async def executemany(
        self, sql: str, rows: Sequence[Sequence[object]], *, timeout_s: float = DEADLINE_S
    ) -> None:
        """Run one statement for every row, in one implicit transaction."""
        async with self.connection(timeout_s=timeout_s) as connection:
            await connection.executemany(sql, rows)

    @contextlib.asynccontextmanager
    async def connection(self, *, timeout_s: float = DEADLINE_S) -> AsyncIterator[Any]:
        """One connection, with one deadline over waiting for it and everything done with it."""
        with _translated():
            async with asyncio.timeout(timeout_s):
                connection = await self._pool.acquire()
                try:
                    yield connection
                except asyncio.CancelledError:
                    # A server that hangs would keep the polite way, asking it to cancel, waiting
                    # for ever; asyncpg sets no limit of its own to that.
                    connection.terminate()
                    raise
                finally:
                    await self._pool.release(connection)

    @contextlib.asynccontextmanager
    async def transaction(self, *, timeout_s: float = DEADLINE_S) -> AsyncIterator[Any]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self.connection(timeout_s=timeout_s) as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                yield connection
            except asyncio.CancelledError:
                raise  # the connection is cut, and with it the transaction
            except BaseException:
                await transaction.rollback()
                raise
            await transaction.commit()


async def _reset_if_needed(connection: Any) -> None:
    """A RESET on every release costs a round trip; only an unfinished transaction needs one."""
    if connection.is_in_transaction():
        await connection.reset()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except asyncpg.PostgresError as error:
        state = getattr(error, "sqlstate", None) or ""
        if state[:2] in _UNAVAILABLE_CLASSES or state in _UNAVAILABLE_STATES:
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
        raise
    except (asyncpg.DataError, asyncpg.exceptions.DataError):
        raise
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        if isinstance(error, ValueError):  # an argument of the wrong type: ours, not the server's
            raise
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
