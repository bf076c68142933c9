"""A hub of its own for a benchmark: embedded stores, one CPO and one eMSP registered over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.process import free_all_but, free_port, server
from gateway.sim.car import Car
from gateway.sim.cpo import ChargePointOperator
from gateway.sim.emsp import MobilityProvider
from gateway.sim.partner import Partner, until
from gateway.sim.profile import GERMAN_PRICE, GERMAN_STATIONS, RHEINSTROM, VOLTARIS, Profile
from pnc import pem

PUSHES_AT_ONCE = 32
EMAID = "NLVLTC000987654"
READY_TIMEOUT_S = 60
QUIET_TIMEOUT_S = 240.0


@dataclass(frozen=True)
class Network:
    """A running hub and how a CPO asks it to authorise."""

    port: int
    pid: int
    token: str
    authorise_path: str
    cpo: ChargePointOperator
    emsp: MobilityProvider
    environment: dict[str, str]
    loop: Background

    @contextlib.contextmanager
    def as_candidate(self, _folder: Path) -> Iterator[tuple[int, int]]:
        yield self.port, self.pid


class Background:
    """An event loop in a thread, so that the simulated partners stay reachable while we measure."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, work: Awaitable[Any]) -> Any:
        async def whole() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(whole(), self.loop).result(300)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


def invite(profile: Profile, environment: dict[str, str]) -> dict[str, str]:
    """`networkcore party invite`, as an operator types it."""
    command = [
        sys.executable, "-m", "gateway", "party", "invite", "--role", profile.role,
        "--country", profile.country_code, "--party", profile.party_id, "--name", profile.name,
        "--vat-id", profile.vat_id, "--iban", profile.iban, "--currency", profile.currency, "--json",
    ]  # fmt: skip
    done = subprocess.run(
        command, check=True, capture_output=True, env={**os.environ, **environment}
    )
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def ready(port: int) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:  # fmt: skip
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise TimeoutError("the hub did not become ready")


async def join(partner: Partner, invitation: dict[str, str]) -> None:
    await partner.start()
    await partner.register(invitation["versions_url"], invitation["token_a"])


async def fill(emsp: MobilityProvider, tokens: list[dict[str, Any]]) -> None:
    gate = asyncio.Semaphore(PUSHES_AT_ONCE)

    async def push(token: dict[str, Any]) -> None:
        body = {name: value for name, value in token.items() if value is not None}
        uid = body.pop("uid")
        contract = body.pop("contract_id")
        async with gate:
            await emsp.issue(uid, contract, **body)

    await asyncio.gather(*(push(token) for token in tokens))


@contextlib.contextmanager
def network(folder: Path, tokens: list[dict[str, Any]]) -> Iterator[Network]:
    """A hub with its partners, alive until the block ends."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        "NETWORKCORE_DATA_DIR": str(folder / "hub"),
        "NETWORKCORE_PORT": str(port),
        "NETWORKCORE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "NETWORKCORE_ALLOW_PRIVATE_PEERS": "true",
    }
    command = [sys.executable, "-m", "gateway", "up", "--port", str(port)]
    background = Background()
    now = lambda: datetime.now(UTC)  # noqa: E731  # a clock
    cpo = ChargePointOperator(RHEINSTROM, GERMAN_STATIONS, GERMAN_PRICE, now)
    emsp = MobilityProvider(VOLTARIS, now)
    with server(command, port, env=environment, log=folder / "hub.log") as pid:
        ready(port)
        try:
            for partner in (cpo, emsp):
                background.run(join(partner, invite(partner.profile, environment)))
            background.run(cpo.publish())
            background.run(fill(emsp, tokens))
            # What was pushed is still being told to the operator: measure when that is over.
            background.run(
                until(lambda: len(cpo.tokens) >= len(tokens), QUIET_TIMEOUT_S, "the pushes")
            )
            free_all_but(pid)
            url = cpo.hub_endpoints["tokens", "SENDER"]
            path = url.removeprefix(f"http://127.0.0.1:{port}") + "/{uid}/authorize?type=RFID"
            yield Network(port, pid, cpo.token_at_hub, path, cpo, emsp, environment, background)
        finally:
            for partner in (cpo, emsp):
                background.run(partner.stop())
            background.close()


def trust_car(hub: Network) -> Car:
    """A car whose contract the hub trusts and whose token the eMSP pushed."""
    car = Car.new(EMAID, datetime.now(UTC))
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("root.pem", pem.join([der for _, der in car.roots])),):
            file = Path(folder) / name
            file.write_bytes(data)
            _run(
                [
                    "pnc",
                    "trust",
                    "add",
                    str(file),
                    "--role",
                    "MO",
                    "--tolerate",
                    "revocation-unknown",
                ],
                hub,
            )
    hub.loop.run(hub.emsp.issue(EMAID, EMAID, type="OTHER"))
    return car


def _run(words: list[str], hub: Network) -> None:
    subprocess.run(
        [sys.executable, "-m", "gateway", *words],
        check=True,
        capture_output=True,
        env={**os.environ, **hub.environment},
    )


def admit(profile: Profile, hub: Network) -> None:
    """A demand partner on the plain API: nothing is delivered to it."""
    token = (Path(hub.environment["NETWORKCORE_DATA_DIR"]) / "admin-token").read_text().strip()
    body = {
        "kind": "api", "role": profile.role, "country_code": profile.country_code,
        "party_id": profile.party_id, "name": profile.name,
    }  # fmt: skip
    request = urllib.request.Request(
        f"http://127.0.0.1:{hub.port}/api/v1/admin/partners", method="POST", data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )  # fmt: skip
    urllib.request.urlopen(request, timeout=10).close()
