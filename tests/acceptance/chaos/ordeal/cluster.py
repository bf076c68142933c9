"""The whole system as processes: two stores, gateways and workers; and the partners outside it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import msgspec
from ordeal.server import Postgres, Program, Server, Valkey

from gateway.cli.demo import with_letterhead
from gateway.cli.office import Office
from gateway.cli.run import bring_up_to_date
from gateway.settings import Settings, environment_of, load
from gateway.sim.cpo import ChargePointOperator
from gateway.sim.emsp import MobilityProvider
from gateway.sim.partner import until
from gateway.sim.profile import GERMAN_PRICE, GERMAN_STATIONS, RHEINSTROM, VOLTARIS
from gateway.wiring import open_hub

READY = {"status": "ready", "missing": []}
START_S = 30.0
SPREAD_S = 20.0
CLEARING_EVERY_S = 3


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Gateway(Program):
    """One gateway process with an address of its own, as behind a load balancer."""

    def __init__(self, number: int, folder: Path, settings: Settings, port: int) -> None:
        words = ("serve", "--port", str(port))
        super().__init__(f"gateway-{number}", folder, words, environment_of(settings))
        self.root = f"http://127.0.0.1:{port}"


class Cluster:
    """Everything that a fault can be done to, and the two partners that know the truth."""

    def __init__(self, folder: Path, gateways: int, workers: int) -> None:
        self.folder = folder
        self.postgres, self.valkey = Postgres(folder), Valkey(folder)
        ports = [free_port() for _ in range(gateways)]
        environ = {
            "NETWORKCORE_DATA_DIR": str(folder / "data"),
            "NETWORKCORE_DATABASE_URL": self.postgres.url,
            "NETWORKCORE_REDIS_URL": self.valkey.url,
            "NETWORKCORE_PUBLIC_URL": f"http://127.0.0.1:{ports[0]}",
            "NETWORKCORE_ALLOW_PRIVATE_PEERS": "true",
            "NETWORKCORE_ACCEPT_SAMPLE": "true",
            "NETWORKCORE_LOG_LEVEL": "warning",
            "NETWORKCORE_CLEARING_EVERY_S": str(CLEARING_EVERY_S),
        }
        self.settings = with_letterhead(load(environ, folder))
        self.gateways = [Gateway(n, folder, self.settings, p) for n, p in enumerate(ports)]
        env = environment_of(self.settings)
        self.workers = [
            Program(f"worker-{n}", folder, ("settle",), env) for n in range(workers)
        ]  # fmt: skip

        def now() -> datetime:
            return datetime.now(UTC)

        self.cpo = ChargePointOperator(RHEINSTROM, GERMAN_STATIONS, GERMAN_PRICE, now)
        self.emsp = MobilityProvider(VOLTARIS, now)

    @property
    def servers(self) -> list[Server]:
        return [self.postgres, self.valkey, *self.gateways, *self.workers]

    async def begin(self) -> None:
        """Stores, schema, processes, and a network of two that has been registered by handshake."""
        self.postgres.start()
        self.valkey.start()
        await self.postgres.ready()
        await bring_up_to_date(self.settings)
        for program in (*self.gateways, *self.workers):
            program.start()
        async with open_hub(self.settings, pool_size=2) as assembly:
            office = Office(assembly)
            await office.prepare()
            invitations = [await office.invite(p.profile) for p in (self.cpo, self.emsp)]
        await self.all_ready(START_S)
        for partner, invitation in zip((self.cpo, self.emsp), invitations, strict=True):
            await partner.start()
            await partner.register(invitation.versions_url, invitation.token_a)
        await self.cpo.publish()
        await until(lambda: len(self.emsp.locations) == 2, SPREAD_S, "locations at the eMSP")

    async def all_ready(self, within_s: float) -> float:
        """How long it took until every gateway said it was ready."""
        began = time.monotonic()
        async with asyncio.timeout(within_s):
            for gateway in self.gateways:
                while await self.readiness(gateway) != READY:  # noqa: ASYNC110 - it is in another process
                    await asyncio.sleep(0.05)
        return time.monotonic() - began

    async def readiness(self, gateway: Gateway) -> dict[str, object]:
        timeout = aiohttp.ClientTimeout(total=2.0)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"{gateway.root}/readyz") as answer,
            ):
                body = msgspec.json.decode(await answer.read(), type=dict[str, object])
                return {"status": body["status"], "missing": body["missing"]}
        return {"status": "silent", "missing": []}

    async def end(self) -> None:
        for partner in (self.cpo, self.emsp):
            await partner.stop()
        await asyncio.gather(*(s.stop() for s in (*self.gateways, *self.workers)))
        for store in (self.postgres, self.valkey):
            if store.is_running:
                await store.kill()


@asynccontextmanager
async def cluster(folder: Path, *, gateways: int = 2, workers: int = 1) -> AsyncIterator[Cluster]:
    """A system of its own, alive until the block ends."""
    made = Cluster(folder, gateways, workers)
    try:
        await made.begin()
        yield made
    finally:
        await made.end()


def long_ago(slot: int) -> datetime:
    """When the charge in this slot began: four EVSEs, no two charges at one of them overlap."""
    base = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    return base - (slot // 4) * timedelta(minutes=20)
