"""One schedule: traffic, faults from one seed, quiet, and the verdict."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ordeal.cluster import Cluster, cluster
from ordeal.load import Load
from ordeal.nemesis import Done, Nemesis, draw
from ordeal.server import Program, Server
from ordeal.truth import Client, Truth
from ordeal.verdict import drained, judge

FLOWING_CDRS = 8
FLOWING_S = 15.0
AFTER_S = 0.7
READY_S = 10.0
CDRS_MIN = 20


@dataclass
class Result:
    """What one schedule did and what it found."""

    seed: int
    faults: list[Done] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    vacuous: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        return not self.violations and not self.vacuous

    def __str__(self) -> str:
        faults = ", ".join(
            f"{d.fault.kind} {d.fault.which} ({d.fault.for_s:.2f} s{'' if d.hit else ', idle'})"
            for d in self.faults
        )
        took = ", ".join(f"{name} {value:.1f} s" for name, value in self.seconds.items())
        lines = [f"chaos seed {self.seed}: {faults}", f"  {self.counts}", f"  {took}"]
        lines += [f"  VACUOUS {text}" for text in self.vacuous]
        lines += [f"  VIOLATION {text}" for text in self.violations[:20]]
        return "\n".join(lines)


async def run(
    seed: int, folder: Path, *, faults: int = 6, gateways: int = 2, workers: int = 2
) -> Result:
    """A system of its own, from nothing to the verdict."""
    result = Result(seed)
    began = time.monotonic()
    async with cluster(folder, gateways=gateways, workers=workers) as system:
        result.seconds["start"] = time.monotonic() - began
        truth = Truth()
        client = Client(system, truth)
        try:
            nemesis = Nemesis(system, lambda server: _is_at_work(server, client, truth))
            plan = draw(seed, faults, gateways, workers)
            await _storm(system, client, truth, nemesis, plan, result)
            result.faults = nemesis.done
            await _quiet(system, client, truth, nemesis, result)
        finally:
            await client.close()
    result.violations += _ended(system)
    _gate(result, truth)
    return result


async def _storm(system: Cluster, client: Client, truth: Truth, nemesis: Nemesis, plan: list, result: Result) -> None:  # fmt: skip
    load = Load(system, client, truth, result.seed)
    await load.prepare()
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run())
        # traffic flows before the first fault
        async with asyncio.timeout(FLOWING_S):
            while len(truth.acknowledged_cdrs) < FLOWING_CDRS or not _flows(truth):  # noqa: ASYNC110 - counts
                await asyncio.sleep(0.02)
        keeper = group.create_task(nemesis.keep())
        await nemesis.run(plan)
        try:
            result.seconds["ready"] = await system.all_ready(READY_S)
        except TimeoutError:
            states = [await system.readiness(g) for g in system.gateways]
            result.violations.append(f"I9: not ready within {READY_S} s: {states}")
        await asyncio.sleep(AFTER_S)
        keeper.cancel()
        load.stop.set()
    result.seconds["storm"] = time.monotonic() - began


def _flows(truth: Truth) -> bool:
    return all(truth.counts.get(f"{what} acknowledged") for what in ("session", "token", "block"))


async def _quiet(system: Cluster, client: Client, truth: Truth, nemesis: Nemesis, result: Result) -> None:  # fmt: skip
    try:
        result.seconds["drained"] = await drained(system)
    except AssertionError as error:
        result.violations.append(str(error))
    wrong, counted = await judge(system, client, truth, nemesis.done)
    result.violations += wrong + nemesis.crashed
    result.violations += [
        f"{s.name} has ended by itself" for s in system.servers if not s.is_running
    ]
    result.counts = dict(sorted(truth.counts.items())) | counted
    result.counts["cdrs"] = len(truth.acknowledged_cdrs)
    result.counts["blocks"] = sum(
        b.was_allowed and b.acknowledged_at is not None for b in truth.blocks
    )


def _is_at_work(server: Server, client: Client, truth: Truth) -> bool:
    """Somebody waits for this server's answer; for a store and a worker, for any gateway's."""
    if server.name in client.in_flight:
        return client.in_flight[server.name] > 0
    return any(client.in_flight.values())


def _ended(system: Cluster) -> list[str]:
    """A stack trace in a log is a fault of ours, whatever was done to the process."""
    found = []
    for server in system.servers:
        if isinstance(server, Program) and b"Traceback" in (text := server.log.read_bytes()):
            at = text.index(b"Traceback")
            found.append(f"I11: {server.name}: {text[at : at + 3000].decode()}")
    return found


def _gate(result: Result, truth: Truth) -> None:
    """A green run that has tested nothing is red."""
    if result.counts.get("cdrs", 0) < CDRS_MIN:
        result.vacuous.append(f"only {result.counts.get('cdrs')} CDRs were acknowledged")
    if not result.counts.get("settled"):
        result.vacuous.append("nothing was settled")
    if not result.counts.get("blocks"):
        result.vacuous.append("no token was allowed and then blocked")
    kinds, hits = Counter[str](), Counter[str]()
    for done in result.faults:
        kinds[done.fault.kind] += 1
        hits[done.fault.kind] += done.hit
    result.vacuous += [f"no {kind} met anybody at work" for kind in kinds if not hits[kind]]
