"""The same authorise request to the hub, to two other OCPI servers and to the least there can be.

Every candidate runs pinned to one core, the load generator on the other, in rotation, so that a
slow minute of the machine hurts all alike. What counts are the ratios and the CPU per request.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hub import Network, network
from benchmarks.load import write_requests
from benchmarks.process import Figure, free_port, load, server

REPO = Path(__file__).resolve().parent.parent
TOKENS = 4096
LOCATION = b'{"location_id":"KOELN-DOM","evse_uids":["KOELN-DOM-1"]}'
PEER_TOKEN = "benchmark-token-c"
HUB = "networkcore"


@dataclass(frozen=True)
class Candidate:
    """One server: how to start it, and what to ask it."""

    name: str
    start: Callable[[Path], contextlib.AbstractContextManager[tuple[int, int]]]
    path: str
    token: str


def uids() -> list[str]:
    return [f"BENCH{n:06d}" for n in range(TOKENS)]


def request(path: str, uid: str, token: str) -> bytes:
    """One authorise request as a CSMS sends it, about 520 bytes."""
    secret = base64.b64encode(token.encode()).decode()
    head = (
        f"POST {path.format(uid=uid)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Token {secret}\r\nContent-Type: application/json\r\n"
        "User-Agent: csms/4.1\r\nAccept: application/json\r\n"
        "X-Request-ID: 9f1c1b52-5c5a-4b0e-9d4c-8a7f0b6c2d11\r\n"
        "X-Correlation-ID: 3d0c84a7-52a7-4b0b-8a54-6a1d4d1f7a90\r\n"
        "OCPI-from-country-code: DE\r\nOCPI-from-party-id: RHE\r\n"
        f"Content-Length: {len(LOCATION)}\r\n\r\n"
    )
    return head.encode() + LOCATION


def token_body(uid: str) -> dict[str, object]:
    """A token with every optional present as null, as the peers want it."""
    return {
        "country_code": "NL", "party_id": "VLT", "uid": uid, "type": "RFID",
        "contract_id": f"NLVLTC{uid[-8:]}1", "visual_number": None, "issuer": "Voltaris",
        "group_id": None, "valid": True, "whitelist": "ALLOWED", "language": None,
        "default_profile_type": None, "energy_contract": None,
        "last_updated": "2026-01-01T00:00:00Z",
    }  # fmt: skip


def answer_body(uid: str) -> dict[str, object]:
    """What a server without rules answers: an AuthorizationInfo of the usual size."""
    given = {k: v for k, v in token_body(uid).items() if v is not None}
    info = {"allowed": "ALLOWED", "token": given, "authorization_reference": uid * 2}
    return {"data": info, "status_code": 1000, "timestamp": "2026-01-01T00:00:00Z"}


def simple(
    command: Callable[[int, Path], list[str]],
) -> Callable[[Path], contextlib.AbstractContextManager[tuple[int, int]]]:
    @contextlib.contextmanager
    def start(folder: Path) -> Iterator[tuple[int, int]]:
        port = free_port()
        answers = folder / "answers.json"
        answers.write_text(json.dumps({uid: answer_body(uid) for uid in uids()}))
        with server(command(port, answers), port, log=folder / f"{port}.log") as pid:
            yield port, pid

    return start


def peer(
    name: str, program: str
) -> Callable[[Path], contextlib.AbstractContextManager[tuple[int, int]]]:
    @contextlib.contextmanager
    def start(folder: Path) -> Iterator[tuple[int, int]]:
        port = free_port()
        config = folder / f"{name}.json"
        config.write_text(json.dumps({
            "host": f"127.0.0.1:{port}", "role": "EMSP", "name": name, "country_code": "NL",
            "party_id": "VLT", "token_a": "unused", "clients": {PEER_TOKEN: "b"},
            "seed": {"tokens": [token_body(uid) for uid in uids()]},
        }))  # fmt: skip
        python = REPO / ".peers" / name / "bin" / "python"
        script = REPO / "tests" / "acceptance" / "peers" / "program" / program
        with server(
            [str(python), str(script), str(config)], port, log=folder / f"{name}.log"
        ) as pid:
            yield port, pid

    return start


def nginx(folder: Path, port: int) -> list[str]:
    """nginx answering a fixed body: what serving one answer costs a server written in C."""
    config = folder / "nginx.conf"
    body = json.dumps(answer_body(uids()[0])).replace("'", "")
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; server {{ listen 127.0.0.1:{port};\n"
        f"location / {{ default_type application/json; return 200 '{body}'; }} }} }}\n"
    )
    return ["nginx", "-c", str(config), "-p", str(folder)]


def go_server(folder: Path) -> str | None:
    """Path of the compiled Go program, or None where there is no Go."""
    if shutil.which("go") is None:
        return None
    target = folder / "nethttp"
    source = REPO / "benchmarks" / "server" / "nethttp.go"
    subprocess.run(["go", "build", "-o", str(target), str(source)], check=True, env=None)
    return str(target)


def candidates(folder: Path, hub: Network) -> list[Candidate]:
    """Whatever this machine can start."""
    plain = "/ocpi/2.2.1/sender/tokens/{uid}/authorize?type=RFID"
    found = [
        Candidate(HUB, hub.as_candidate, hub.authorise_path, hub.token),
        Candidate("aiohttp, bare", simple(lambda port, answers: [sys.executable, "-m", "benchmarks.server.bare", str(port), str(answers)]), plain, "x"),
    ]  # fmt: skip
    if shutil.which("nginx"):
        found.append(
            Candidate(
                "nginx, fixed answer", simple(lambda port, _: nginx(folder, port)), plain, "x"
            )
        )
    if go := go_server(folder):
        found.append(
            Candidate(
                "Go net/http, bare",
                simple(lambda port, answers: [go, str(port), str(answers)]),
                plain,
                "x",
            )
        )
    for name, program in (("py-ocpi", "py_ocpi_peer.py"), ("extrawest-ocpi", "extrawest_peer.py")):
        if (REPO / ".peers" / name / "bin" / "python").exists():
            slash = "/ocpi/emsp/2.2.1/tokens/{uid}/authorize?type=RFID&token_type=RFID"
            found.append(Candidate(name, peer(name, program), slash, PEER_TOKEN))
    return found


def measure(
    folder: Path, *, rounds: int, seconds: float, connections: int
) -> dict[str, list[Figure]]:
    """All candidates in rotation; the first short round of each warms it up and does not count."""
    figures: dict[str, list[Figure]] = {}
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(network(folder, [token_body(uid) for uid in uids()]))
        started = []
        for one in candidates(folder, hub):
            port, pid = stack.enter_context(one.start(folder))
            file = folder / f"{port}.requests"
            write_requests(file, [request(one.path, uid, one.token) for uid in uids()])
            load(port, file, pid, seconds=1, connections=connections)
            started.append((one.name, port, pid, file))
        for _ in range(rounds):
            for name, port, pid, file in started:
                figure = load(port, file, pid, seconds=seconds, connections=connections)
                figures.setdefault(name, []).append(figure)
    return figures


def table(figures: dict[str, list[Figure]]) -> list[dict[str, object]]:
    """Medians per candidate, and each as a ratio to the bare aiohttp application."""
    medians = {
        name: {
            "per_second": statistics.median(f.per_second for f in rows),
            "cpu_us": statistics.median(f.cpu_us if name == HUB else f.tree_cpu_us for f in rows),
            "tree_cpu_us": statistics.median(f.tree_cpu_us for f in rows),
            "p50_us": statistics.median(f.p50_us for f in rows),
            "p99_us": statistics.median(f.p99_us for f in rows),
            "generator_busy": max(f.generator_busy for f in rows),
            "status": rows[-1].status,
        }
        for name, rows in figures.items()
    }
    base = medians["aiohttp, bare"]
    return [
        {"server": name, **row, "times_bare_aiohttp": row["per_second"] / base["per_second"],
         "cpu_of_bare_aiohttp": row["cpu_us"] / base["cpu_us"]}
        for name, row in medians.items()
    ]  # fmt: skip
