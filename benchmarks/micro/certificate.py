"""What judging a contract certificate costs: CPU time per chain, best of several rounds."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from pnc import authority, certificate, chain, verify
from pnc.profile import ISO15118_2

ROUNDS, LEAVES = 9, 40


def measure() -> dict[str, float]:
    """Microseconds: reading one certificate, a leaf under a known CA path, a cold chain, a repeat."""
    now = datetime.now(UTC)
    pki = authority.make(now)
    chains = [
        authority.issue_contract(pki, f"NLVLTC{number:08d}", now)[1] for number in range(LEAVES)
    ]
    snapshot = pki.snapshot(now)
    judge(chains[0], snapshot, now)
    return {
        "read_us": _best(lambda: [certificate.parse(c[0]) for c in chains], LEAVES),
        "cached_path_us": _best(lambda: [judge(c, snapshot, now) for c in chains], LEAVES),
        "cold_us": _best(lambda: judge(chains[0], pki.snapshot(now), now), 1, setup_us=_setup(pki, now)),
        "repeat_us": _best(
            lambda: [verify.verify(chains[0], snapshot, ISO15118_2, "contract", now) for _ in chains], LEAVES
        ),
    }  # fmt: skip


def judge(ders: tuple[bytes, ...], snapshot: object, now: datetime) -> None:
    verdict = chain.verify(ders, snapshot, ISO15118_2, "contract", now)  # type: ignore[arg-type]
    if not verdict.is_accepted:
        raise AssertionError(
            f"the benchmark's own chain was refused: {verdict.step} {verdict.reason}"
        )


def _setup(pki: authority.Pki, now: datetime) -> float:
    return _best(lambda: pki.snapshot(now), 1)


def _best(work: object, count: int, setup_us: float = 0) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.process_time_ns()
        work()  # type: ignore[operator]
        times.append(time.process_time_ns() - began)
    return min(times) / count / 1000 - setup_us
