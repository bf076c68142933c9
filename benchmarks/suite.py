"""The locust suite, once each, short: what partners see, and how busy the generator was."""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from benchmarks.hub import Network
from benchmarks.micro.pricing import cdr_body
from gateway.sim.car import Car

USERS = (
    "Authorise",
    "RawAuthorise",
    "AuthoriseCertificate",
    "TokenPush",
    "LocationPull",
    "CdrFlood",
)


def config(hub: Network, uids: list[str], car: Car, folder: Path) -> Path:
    """What the locustfile needs to know of a running network."""
    base = f"http://127.0.0.1:{hub.port}"

    def path(partner: object, module: str, role: str) -> str:
        return str(partner.hub_endpoints[module, role]).removeprefix(base)  # type: ignore[attr-defined]

    file = folder / "bench.json"
    token = {k: v for k, v in hub.emsp.tokens[uids[0]].items() if k not in {"uid", "last_updated"}}
    file.write_text(json.dumps({
        "base_url": base, "uids": uids, "authorise_path": hub.authorise_path,
        "cpo_token": hub.cpo.token_at_hub, "emsp_token": hub.emsp.token_at_hub,
        "token": token, "token_path": path(hub.emsp, "tokens", "RECEIVER") + "/NL/VLT/{uid}?type=RFID",
        "locations_path": path(hub.emsp, "locations", "SENDER"), "cdrs_path": path(hub.cpo, "cdrs", "RECEIVER"),
        "cdr": json.loads(cdr_body(7)), "emaid": car.emaid, "chain": car.chain_pem,
    }))  # fmt: skip
    return file


def run(folder: Path, file: Path, *, users: int, seconds: int) -> list[dict[str, object]]:
    """One headless run for each kind of user."""
    return [_one(folder, file, name, users=users, seconds=seconds) for name in USERS]


def _one(folder: Path, file: Path, name: str, *, users: int, seconds: int) -> dict[str, object]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [
        sys.executable, "-m", "locust", "-f", str(Path(__file__).parent / "locustfile.py"), "--headless",
        "-u", str(users), "-r", str(users), "-t", f"{seconds}s", "--csv", str(folder / name), "--only-summary", name,
    ]  # fmt: skip
    done = subprocess.run(
        command,
        capture_output=True,
        env={**os.environ, "NETWORKCORE_BENCH": str(file)},
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    stats = folder / f"{name}_stats.csv"
    if not stats.is_file():
        return {"user": name, "error": done.stderr.decode()[-400:]}
    with stats.open() as rows:
        total = next(row for row in csv.DictReader(rows) if row["Name"] == "Aggregated")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "user": name, "per_second": float(total["Requests/s"]), "failures": int(total["Failure Count"]),
        "p50_ms": float(total["50%"]), "p99_ms": float(total["99%"]), "generator_busy": cpu / seconds,
    }  # fmt: skip
