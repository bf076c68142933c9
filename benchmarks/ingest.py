"""Durable CDR ingest: the hub's shared commits against one transaction per request, same PostgreSQL."""

from __future__ import annotations

import base64
import statistics
import sys
from pathlib import Path

from benchmarks.hub import Network, admit
from benchmarks.load import write_requests
from benchmarks.micro.pricing import cdr_body
from benchmarks.process import Figure, free_port, load, server, stopped
from gateway.sim.profile import BLEUZEN

CDRS = 12_000


def request(path: str, body: bytes, token: str) -> bytes:
    secret = base64.b64encode(token.encode()).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {secret}\r\n"
        "Content-Type: application/json\r\nX-Request-ID: 0b7d\r\nX-Correlation-ID: 0b7e\r\n"
        "OCPI-from-country-code: DE\r\nOCPI-from-party-id: RHE\r\n"
        "OCPI-to-country-code: FR\r\nOCPI-to-party-id: BLZ\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def measure(
    folder: Path, hub: Network, *, rounds: int, seconds: float, connections: int
) -> dict[str, list[Figure]]:
    """Both ways in rotation; every CDR is new, and neither way settles or delivers meanwhile."""
    database = f"postgresql://networkcore@/networkcore?host={folder}/hub/postgres&port=5432"
    path = hub.cpo.hub_endpoints["cdrs", "RECEIVER"].removeprefix(f"http://127.0.0.1:{hub.port}")
    figures: dict[str, list[Figure]] = {
        "networkcore, shared commits": [],
        "one transaction per request": [],
    }
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.server.onetx", str(port), database]
    admit(BLEUZEN, hub)
    with server(command, port, log=folder / "onetx.log") as pid, stopped(hub.pid, "settle"):
        for number in range(rounds):
            for name, to, where, process, token in (
                ("networkcore, shared commits", hub.port, path, hub.pid, hub.token),
                ("one transaction per request", port, "/cdrs", pid, "x"),
            ):  # fmt: skip
                first = (number * 2 + (to == port)) * CDRS
                file = folder / "cdrs.requests"
                write_requests(
                    file, [request(where, cdr_body(first + n, BLEUZEN), token) for n in range(CDRS)]
                )
                figures[name].append(
                    load(to, file, process, seconds=seconds, connections=connections)
                )
    return figures


def table(figures: dict[str, list[Figure]]) -> list[dict[str, object]]:
    rows = {name: statistics.median(f.per_second for f in found) for name, found in figures.items()}
    base = rows["one transaction per request"]
    return [
        {"way": name, "per_second": rows[name], "times_base": rows[name] / base,
         "p50_us": statistics.median(f.p50_us for f in found),
         "p99_us": statistics.median(f.p99_us for f in found), "status": found[-1].status}
        for name, found in figures.items()
    ]  # fmt: skip
