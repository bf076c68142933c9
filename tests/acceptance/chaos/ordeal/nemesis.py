"""The nemesis: faults drawn from one seed before the first of them happens."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ordeal.cluster import Cluster
from ordeal.server import Server

WAIT_FOR_WORK_S = 1.5
KEEP_EVERY_S = 0.3
BEGINNING_S = 5.0
KINDS = (
    "kill gateway", "kill worker", "kill postgres", "kill valkey",
    "pause gateway", "pause worker", "pause postgres", "pause valkey", "flush valkey",
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """`after_s` since the one before; `for_s`: how long it is away or stands still."""

    kind: str
    which: int
    after_s: float
    for_s: float


@dataclass
class Done:
    """What was done, when, and whether somebody was waiting for an answer just then."""

    fault: Fault
    began: float
    ended: float = float("inf")
    hit: bool = False


def draw(seed: int, count: int, gateways: int, workers: int) -> list[Fault]:
    """`count` faults. The kinds come in a shuffled order, so that few faults are many kinds."""
    rng = random.Random(f"{seed} nemesis")
    kinds: list[str] = []
    while len(kinds) < count:
        kinds += rng.sample(KINDS, len(KINDS))
    faults = []
    for kind in kinds[:count]:
        many = {"gateway": gateways, "worker": workers}.get(kind.split()[1], 1)
        for_s = rng.uniform(0.1, 3.0) if kind.startswith("pause") else rng.uniform(0.05, 0.6)
        faults.append(Fault(kind, rng.randrange(many), rng.uniform(0.1, 1.2), for_s))
    return faults


@dataclass
class Nemesis:
    """`at_work(server)` says whether somebody waits for this server just now."""

    cluster: Cluster
    at_work: Callable[[Server], bool]
    done: list[Done] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)

    async def keep(self) -> None:
        """As a service manager would: a program that has ended is started again after a moment.

        One that could not begin without PostgreSQL may end; one that was at work may not.
        """
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            for server in (*self.cluster.gateways, *self.cluster.workers):
                if server.is_running or server.gate.locked():
                    continue
                if server.age_s > BEGINNING_S or not self._was_away(server):
                    self.crashed.append(f"{server.name} ended by itself: {server.last_words()}")
                server.start()

    def _was_away(self, server: Server) -> bool:
        """Whether PostgreSQL was, at some moment since this server began."""
        postgres = self.cluster.postgres
        return postgres.gate.locked() or postgres.age_s < server.age_s

    async def run(self, faults: list[Fault]) -> None:
        """Returns when everything runs again; faults may overlap, not on one server."""
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(fault.after_s)
                group.create_task(self._do(fault))

    async def _do(self, fault: Fault) -> None:
        server = self._server(fault)
        async with server.gate:
            while not server.is_running:  # noqa: ASYNC110 - whoever keeps it starts it again
                await asyncio.sleep(0.02)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT_FOR_WORK_S):
                    while not self.at_work(server):  # noqa: ASYNC110 - any condition
                        await asyncio.sleep(0.002)
            done = Done(fault, time.monotonic(), hit=self.at_work(server))
            self.done.append(done)
            match fault.kind.split()[0]:
                case "kill":
                    await server.kill()
                    await asyncio.sleep(fault.for_s)
                    server.start()
                case "pause":
                    server.pause()
                    try:
                        await asyncio.sleep(fault.for_s)
                    finally:
                        server.resume()
                case _:
                    await self.cluster.valkey.flush()
            done.ended = time.monotonic()

    def _server(self, fault: Fault) -> Server:
        cluster = self.cluster
        match fault.kind.split()[1]:
            case "gateway":
                return cluster.gateways[fault.which]
            case "worker":
                return cluster.workers[fault.which]
            case "postgres":
                return cluster.postgres
            case _:
                return cluster.valkey
