"""A hub as a process, two simulated partners, and platforms that nobody here wrote.

The peers run in the environments that `make peers` builds (`NETWORKCORE_PEERS` names their folder):
they share one import name, so each is a program of its own (`program/`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway.sim.cpo import ChargePointOperator
from gateway.sim.emsp import MobilityProvider
from gateway.sim.partner import Partner
from gateway.sim.profile import GERMAN_PRICE, GERMAN_STATIONS, RHEINSTROM, VOLTARIS, Profile

FOLDER = Path(__file__).parent / "program"
PROGRAMS = {
    "py-ocpi": FOLDER / "py_ocpi_peer.py",
    "extrawest-ocpi": FOLDER / "extrawest_peer.py",
}
READY_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 60.0


@pytest.fixture(scope="session")
def environments() -> Path:
    """The folder of the peers' environments; set but incomplete is a failure, not a skip."""
    named = os.environ.get("NETWORKCORE_PEERS")
    if not named:
        pytest.skip("NETWORKCORE_PEERS is not set: `make peers` builds the peers' environments")
    return Path(named).resolve()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: list[str], log: Path, env: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own until the block ends; what it printed is in `log`."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            env={**os.environ, **env}, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until the address says 200."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                pytest.fail(f"{url}: the process ended\n{log.read_text()[-2000:]}")
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)
    pytest.fail(f"{url} is not ready after {READY_TIMEOUT_S:g} s\n{log.read_text()[-2000:]}")


async def eventually(read: Callable[[], Awaitable[Any]], what: str, timeout_s: float = 15) -> Any:
    """The first truthy value that `read` gives; what the hub passes on arrives a moment later."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = await read()
        if found:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {timeout_s:g} s")
        await asyncio.sleep(0.1)


def now() -> datetime:
    return datetime.now(UTC)


def assert_same(sent: Any, held: Any, where: str = "") -> None:
    """What the peer holds means what was sent.

    The peers lower-case every CiString, write times in their own way (one to the whole second) and
    numbers as floats, and fill what was absent with null or an empty list: all of that is the same.
    """
    match sent:
        case dict():
            assert isinstance(held, dict), where
            for name in sent.keys() | held.keys():
                if name in sent:
                    assert_same(sent[name], held.get(name), f"{where}.{name}")
                else:
                    assert held[name] in (None, []), f"{where}.{name} came from nowhere"
        case list():
            assert isinstance(held, list), where
            assert len(sent) == len(held), where
            for no, (one, other) in enumerate(zip(sent, held, strict=True)):
                assert_same(one, other, f"{where}[{no}]")
        case bool() | None:
            assert sent is held, where
        case int() | float() | Decimal():
            assert Decimal(str(sent)) == Decimal(str(held)), where
        case _:
            assert _plain(sent) == _plain(held), where


def _plain(text: Any) -> Any:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text.casefold()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).replace(microsecond=0)


class Seed:
    """What peers have from the beginning."""

    @staticmethod
    def location(party_id: str) -> dict[str, Any]:
        connector = {
            "id": "1", "standard": "IEC_62196_T2_COMBO", "format": "CABLE", "power_type": "DC",
            "max_voltage": 920, "max_amperage": 500, "max_electric_power": 150_000,
            "tariff_ids": [f"{party_id}-TARIF"], "terms_and_conditions": None,
            "last_updated": "2026-03-01T10:00:00Z",
        }  # fmt: skip
        evse = {
            "uid": f"{party_id}-GARE-1", "evse_id": f"FR*{party_id}*EGARE*1", "status": "AVAILABLE",
            "capabilities": ["REMOTE_START_STOP_CAPABLE"], "connectors": [connector],
            "last_updated": "2026-03-01T10:00:00.250000Z",
        }  # fmt: skip
        return {
            "country_code": "FR", "party_id": party_id, "id": f"{party_id}-Gare", "publish": True,
            "name": "Gare de Lyon", "address": "Place Louis-Armand 1", "city": "Paris",
            "postal_code": "75012", "country": "FRA", "time_zone": "Europe/Paris",
            "coordinates": {"latitude": "48.844304", "longitude": "2.374377"}, "evses": [evse],
            "last_updated": "2026-03-01T10:00:00.250000Z",
        }  # fmt: skip

    @staticmethod
    def tariff(party_id: str) -> dict[str, Any]:
        parts = [{"type": "ENERGY", "price": 0.45, "vat": 20.0, "step_size": 1}]
        return {
            "country_code": "FR", "party_id": party_id, "id": f"{party_id}-TARIF", "currency": "EUR",
            "type": "REGULAR", "elements": [{"price_components": parts}],
            "last_updated": "2026-03-01T10:00:00Z",
        }  # fmt: skip

    @staticmethod
    def card_of_voltaris(uid: str) -> dict[str, Any]:
        return {
            "country_code": "NL", "party_id": "VLT", "uid": uid, "type": "RFID",
            "contract_id": "NL-VLT-C00099001",
        }  # fmt: skip

    @staticmethod
    def session(party_id: str) -> dict[str, Any]:
        return {
            "country_code": "FR", "party_id": party_id, "id": f"{party_id}-S1",
            "start_date_time": "2026-03-02T08:00:00Z", "end_date_time": "2026-03-02T08:30:00Z",
            "kwh": 20.5, "cdr_token": Seed.card_of_voltaris("VLT-OLD"), "auth_method": "WHITELIST",
            "location_id": f"{party_id}-Gare", "evse_uid": f"{party_id}-GARE-1", "connector_id": "1",
            "currency": "EUR", "total_cost": {"excl_vat": 9.225, "incl_vat": 11.07},
            "status": "COMPLETED", "last_updated": "2026-03-02T08:30:00Z",
        }  # fmt: skip

    @staticmethod
    def cdr(party_id: str) -> dict[str, Any]:
        place = Seed.location(party_id)
        period = {
            "start_date_time": "2026-03-02T08:00:00Z", "tariff_id": f"{party_id}-TARIF",
            "dimensions": [{"type": "ENERGY", "volume": 20.5}, {"type": "TIME", "volume": 0.5}],
        }  # fmt: skip
        return {
            "country_code": "FR", "party_id": party_id, "id": f"{party_id}-CDR1",
            "start_date_time": "2026-03-02T08:00:00Z", "end_date_time": "2026-03-02T08:30:00Z",
            "session_id": f"{party_id}-S1", "cdr_token": Seed.card_of_voltaris("VLT-OLD"),
            "auth_method": "WHITELIST", "currency": "EUR", "tariffs": [Seed.tariff(party_id)],
            "cdr_location": {
                **{name: place[name] for name in ("name", "address", "city", "postal_code", "country")},
                "id": place["id"], "coordinates": place["coordinates"],
                "evse_uid": f"{party_id}-GARE-1", "evse_id": f"FR*{party_id}*EGARE*1",
                "connector_id": "1", "connector_standard": "IEC_62196_T2_COMBO",
                "connector_format": "CABLE", "connector_power_type": "DC",
            },
            "charging_periods": [period], "total_cost": {"excl_vat": 9.225, "incl_vat": 11.07},
            "total_energy": 20.5, "total_time": 0.5, "last_updated": "2026-03-02T08:31:00Z",
        }  # fmt: skip

    @staticmethod
    def card(party_id: str, name: str, **changes: Any) -> dict[str, Any]:
        """Every optional is there as null: the peers' models want it so."""
        return {
            "country_code": "FR", "party_id": party_id, "uid": f"{party_id}-{name}", "type": "RFID",
            "contract_id": f"FR-{party_id}-C{sum(map(ord, name)):08d}", "visual_number": None,
            "issuer": "Carte Blanche", "group_id": None, "valid": True, "whitelist": "NEVER",
            "language": "fr", "default_profile_type": None, "energy_contract": None,
            "last_updated": "2026-03-01T10:00:00Z",
        } | changes  # fmt: skip


class HubProcess:
    """`networkcore up` in a folder of its own, and the command line beside it."""

    def __init__(self, port: int, environment: dict[str, str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.versions_url = f"{self.url}/ocpi/versions"
        self.environment = environment

    async def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One `networkcore …`, as an operator types it."""
        return await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "gateway", *words],
            capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S,
            env={**os.environ, **self.environment}, check=False,
        )  # fmt: skip

    async def facts(self, *words: str) -> Any:
        """A command that prints facts, and its one JSON document."""
        done = await self.command(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    async def join(self, partner: Partner) -> None:
        """Invites a simulated partner, which then registers by itself."""
        who: Profile = partner.profile
        invitation = await self.facts(
            "party", "invite", "--role", who.role, "--country", who.country_code,
            "--party", who.party_id, "--name", who.name, "--currency", who.currency,
        )  # fmt: skip
        await partner.start()
        await partner.register(invitation["versions_url"], invitation["token_a"])


class Peer:
    """One independent implementation as a running platform."""

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        self.name = name
        self.config = config
        self.versions_url = f"http://{config['host']}/ocpi/versions"
        self.country_code: str = config["country_code"]
        self.party_id: str = config["party_id"]
        self.token_a: str = config["token_a"]
        self.registered: list[dict[str, Any]] = []

    def __str__(self) -> str:
        return f"{self.country_code}-{self.party_id}"

    async def memory(self) -> dict[str, Any]:
        """What it holds."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.config['host']}/memory") as answer,
        ):
            assert answer.status == 200
            found: dict[str, Any] = await answer.json()
            return found

    async def holds(self, module: str, key: str, **fields: Any) -> dict[str, Any]:
        """The object, once it is there and has these values."""

        async def read() -> dict[str, Any] | None:
            found: dict[str, Any] | None
            found = (await self.memory())["objects"].get(f"{module}/{key.lower()}")
            is_it = found is not None and all(found.get(k) == v for k, v in fields.items())
            return found if is_it else None

        held: dict[str, Any] = await eventually(read, f"{self.name}: {module} {key} {fields}")
        return held


class Operator(ChargePointOperator):
    """The simulated CPO; only its first location has opening times that py-ocpi can read.

    It asks for `regular_hours` even of what is open around the clock, against OCPI locations §8.4.10.
    """

    def locations(self) -> list[dict[str, Any]]:
        found = super().locations()
        found[0]["opening_times"]["regular_hours"] = []
        return found


class Network:
    """The hub with everybody on it. Peers are started and registered when a test first asks."""

    def __init__(self, hub: HubProcess, environments: Path, folder: Path) -> None:
        self.hub = hub
        self.cpo = Operator(RHEINSTROM, GERMAN_STATIONS, GERMAN_PRICE, now)
        self.emsp = MobilityProvider(VOLTARIS, now)
        self._environments = environments
        self._folder = folder
        self._stack = contextlib.AsyncExitStack()
        self._peers: dict[str, Peer | BaseException] = {}

    async def open(self) -> None:
        for partner in (self.cpo, self.emsp):
            self._stack.push_async_callback(partner.stop)
            await self.hub.join(partner)

    async def close(self) -> None:
        await self._stack.aclose()

    async def start(
        self, name: str, role: str, party_id: str, seed: dict[str, Any], **more: Any
    ) -> Peer:
        """A peer's process, not yet registered."""
        python = self._environments / name / "bin" / "python"
        if not python.exists():
            pytest.fail(f"{python} is missing: `make peers` builds it")
        folder = self._folder / party_id
        folder.mkdir()
        config = {
            "host": f"127.0.0.1:{free_port()}", "country_code": "FR", "party_id": party_id,
            "role": role, "name": f"{name} as {role}", "token_a": f"token-a-of-{party_id}",
            "seed": seed, **more,
        }  # fmt: skip
        file, log = folder / "config.json", folder / "peer.log"
        file.write_text(json.dumps(config))
        process = self._stack.enter_context(
            running([str(python), str(PROGRAMS[name]), str(file)], log, {})
        )
        await answers(f"http://{config['host']}/memory", process, log)
        return Peer(name, config)

    async def register(self, peer: Peer) -> list[dict[str, Any]]:
        """The hub starts the handshake, as its operator would."""
        facts: list[dict[str, Any]] = await self.hub.facts(
            "party", "register", "--versions-url", peer.versions_url, "--token-a", peer.token_a
        )
        return facts

    async def peer(
        self, name: str, role: str, party_id: str, seed: dict[str, Any], **more: Any
    ) -> Peer:
        """The peer of this party, started and registered once; who failed then, fails again."""
        if party_id not in self._peers:
            try:
                started = await self.start(name, role, party_id, seed, **more)
                started.registered = await self.register(started)
                self._peers[party_id] = started
            except BaseException as error:
                self._peers[party_id] = error
                raise
        found = self._peers[party_id]
        if isinstance(found, BaseException):
            raise AssertionError(f"{party_id} did not register: {found}") from found
        return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def network(
    environments: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Network]:
    """A hub with embedded stores that may speak with partners on loopback, and two simulated ones."""
    folder = tmp_path_factory.mktemp("peers")
    port = free_port()
    environment = {
        "NETWORKCORE_DATA_DIR": str(folder / "data"),
        "NETWORKCORE_PORT": str(port),
        "NETWORKCORE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "NETWORKCORE_ALLOW_PRIVATE_PEERS": "true",
    }
    log = folder / "hub.log"
    command = [sys.executable, "-m", "gateway", "up", "--port", str(port)]
    with running(command, log, environment) as process:
        await answers(f"http://127.0.0.1:{port}/readyz", process, log)
        network = Network(HubProcess(port, environment), environments, folder)
        try:
            await network.open()
            yield network
        finally:
            await network.close()


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., Awaitable[Any]]:
    return eventually


@pytest.fixture(scope="session")
def seed() -> type[Seed]:
    return Seed


@pytest.fixture(scope="session")
def same() -> Callable[[Any, Any], None]:
    return assert_same
