"""Group commit of use cases: what waits in the same moment shares one transaction and one fsync.

A write may refuse (OcpiError) only before its first statement that changes anything: a refusal is
the answer of that one write, the others of the transaction go on. A statement that fails takes the
transaction with it; the batcher then runs every write of it alone.

`Bulk` writes of the same statement become one statement of many rows: a round trip per batch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from gateway.store.batch import Batcher
from gateway.store.database import Database
from ocpi.errors import OcpiError

T = TypeVar("T")
Write = Callable[[Any], Awaitable[Any]]
TOPICS = ("cdrs", "sessions", "tokens", "locations", "tariffs")


class Bulk(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One row of a many-row insert. The statement takes one array per column and gives back `mark`
    of every row it wrote; for a row that it did not write, `otherwise` finds the answer.
    """

    sql: str
    row: tuple[object, ...]
    mark: str
    done: T
    otherwise: Callable[[Any], Awaitable[T]]

    async def __call__(self, conn: Any) -> T:
        """Alone, as any other write."""
        answers = await run_bulk(conn, [self])
        answer: T = answers[0]
        return answer


async def run_bulk(conn: Any, writes: Sequence[Bulk[Any]]) -> list[Any]:
    """One statement for all of them; a refusal is the answer of the write that refused."""
    columns = [list(column) for column in zip(*(w.row for w in writes), strict=True)]
    written = {r["mark"] for r in await conn.fetch(writes[0].sql, *columns)}
    return [w.done if w.mark in written else await _answer(w.otherwise, conn) for w in writes]


async def _answer(write: Write, conn: Any) -> Any:
    try:
        return await write(conn)
    except OcpiError as error:
        return error


class GroupCommit:
    """One batcher per module, so that a crowd of one kind does not hold up another."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.batchers: dict[str, Batcher[Write, Any]] = {t: Batcher(self._run) for t in TOPICS}

    async def __call__(self, topic: str, write: Callable[[Any], Awaitable[T]], /) -> T:
        """What `write(connection)` returned, after the commit; raises what it refused with."""
        answer = await self.batchers[topic].put(write)
        if isinstance(answer, OcpiError):
            raise answer
        result: T = answer
        return result

    async def close(self) -> None:
        """Everything that waits is committed first."""
        for batcher in self.batchers.values():
            await batcher.close()

    async def _run(self, writes: Sequence[Write]) -> Sequence[Any]:
        answers: dict[int, Any] = {}
        bulks = [(n, w) for n, w in enumerate(writes) if isinstance(w, Bulk)]
        async with self._db.transaction() as conn:
            for sql in dict.fromkeys(w.sql for _, w in bulks):
                same = [(n, w) for n, w in bulks if w.sql == sql]
                found = await run_bulk(conn, [w for _, w in same])
                answers |= zip((n for n, _ in same), found, strict=True)
            for n, write in enumerate(writes):
                if n not in answers:
                    answers[n] = await _answer(write, conn)
        return [answers[n] for n in range(len(writes))]
