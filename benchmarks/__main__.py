"""`make bench`: everything in one run, written down with the machine it came from.

python -m benchmarks [--quick]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import authorise, ingest, machine, suite
from benchmarks.hub import network, trust_car
from benchmarks.micro import certificate, pricing
from benchmarks.report import render

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument(
        "--quick", action="store_true", help="one short round of each: does it run?"
    )
    parser.add_argument("--out", type=Path, default=HERE / "out")
    given = parser.parse_args()
    rounds, seconds = (1, 1.0) if given.quick else (5, 3.0)
    found: dict[str, object] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe(),
        "rounds": rounds, "seconds": seconds,
        "pricing": pricing.measure(), "certificate": certificate.measure(),
    }  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="networkcore-bench-") as name,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(name)
        found["authorise"] = authorise.table(
            authorise.measure(folder / "a", rounds=rounds, seconds=seconds, connections=64)
        )
        hub = stack.enter_context(
            network(folder / "b", [authorise.token_body(u) for u in authorise.uids()[:512]])
        )
        found["ingest"] = ingest.table(
            ingest.measure(
                folder / "b", hub, rounds=min(rounds, 3), seconds=seconds, connections=64
            )
        )
        car = trust_car(hub)
        file = suite.config(hub, authorise.uids()[:512], car, folder)
        found["locust"] = suite.run(folder, file, users=16, seconds=3 if given.quick else 8)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "report.json").write_text(json.dumps(found, indent=2) + "\n")
    (given.out / "report.md").write_text(render(found))
    print(render(found))


if __name__ == "__main__":
    main()
