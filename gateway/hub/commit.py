"""Group commit of use cases: what waits in the same moment shares one transaction and one fsync.

A write may refuse (OcpiError) only before its first statement that changes anything: a refusal is
the answer of that one write, the others of the transaction go on. A statement that fails takes the
transaction with it; the batcher then runs every write of it alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from gateway.store.batch import Batcher
from gateway.store.database import Database
from ocpi.errors import OcpiError

T = TypeVar("T")
Write = Callable[[Any], Awaitable[Any]]
TOPICS = ("cdrs", "sessions", "tokens", "locations", "tariffs")


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
        answers: list[Any] = []
        async with self._db.transaction() as conn:
            for write in writes:
                try:
                    answers.append(await write(conn))
                except OcpiError as error:
                    answers.append(error)
        return answers
