"""`networkcore demo` as people run it: a process, its exit code, its one document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]
CHAPTERS = {
    "1 · Partners connect": ("registers over OCPI", "connects over /api/v1"),
    "2 · They see each other": ("publishes", "sees both operators", "its card is known", "finds places"),
    "3 · May they charge?": ("card at Koeln", "START_SESSION", "Plug & Charge", "wallet starts once"),
    "4 · Energy flows": ("meters report", "accepted when durable", "CDRs reach the eMSP"),
    "5 · Everyone is paid": ("priced at the public tariff", "held with its reason", "balances to zero", "EN 16931",
                             "own currency", "billed is the price quoted", "second run changes nothing"),
    "6 · What is stolen stays locked": ("stolen card is refused", "revoked contract certificate"),
}  # fmt: skip
RUN = "from gateway.__main__ import main; import sys; sys.argv = ['networkcore', 'demo', *{words}]; main()"


def run(folder: Path, *words: str, first: str = "", **environment: str) -> Any:
    """The command; `first` is executed before it, in the same process."""
    code = first + "\n" + RUN.format(words=list(words))
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPO), "TMPDIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environ | environment, capture_output=True,
        text=True, check=False, timeout=110,
    )  # fmt: skip


@pytest.fixture
def folder(make_folder: Any) -> Any:
    import shutil

    made = make_folder("ncd-")
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_demo_when_everything_is_right_then_one_document_with_every_chapter(folder: Path) -> None:
    done = run(folder, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout)
    steps = document["steps"]
    assert document["ok"] is True
    assert [s for s in steps if not s["ok"]] == []
    assert list(dict.fromkeys(s["chapter"] for s in steps)) == list(CHAPTERS)
    for chapter, names in CHAPTERS.items():
        said = [s["name"] for s in steps if s["chapter"] == chapter]
        for name in names:
            assert any(name in one for one in said), (chapter, name)
    assert all(s["figure"] and s["elapsed_ms"] >= 0 for s in steps)
    for name in ("card at Koeln", "START_SESSION", "Plug & Charge"):  # each with its latency
        assert " ms" in next(s["figure"] for s in steps if name in s["name"])
    assert list(folder.iterdir()) == [], "the demo left something behind"


OVERCHARGED = """
from gateway.sim import journey
journey.OVERCHARGE = journey.Decimal(0)  # nobody asks too much: five are settled, none is held
"""
DEAF = """
from gateway.sim.wallet import Answer, Wallet
async def quote(self, place, energy_kwh):
    return Answer(status=200, body={"nonsense": 1}, raw=b"", elapsed_us=1)
Wallet.quote = quote
"""


@pytest.mark.parametrize(
    ("sabotage", "named", "last"),
    [(OVERCHARGED, "sessions are priced at the public tariff", "a revoked contract certificate is refused"),
     (DEAF, "the journey goes on after", "the journey goes on after")],
)  # fmt: skip
def test_demo_when_sabotaged_then_exit_1_names_the_step(
    folder: Path, sabotage: str, named: str, last: str
) -> None:
    done = run(folder, "--json", first=sabotage)
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert document["ok"] is False
    assert named in next(s["name"] for s in document["steps"] if not s["ok"])
    assert last in document["steps"][-1]["name"]
    (line,) = done.stderr.splitlines()
    assert line.startswith("networkcore: ")
    assert named in line


def test_demo_when_the_database_is_in_use_then_it_touches_nothing(
    folder: Path, database_url: str, run_apart: Any
) -> None:
    import asyncpg

    async def count(sql: str) -> Any:
        conn = await asyncpg.connect(database_url)
        try:
            return await conn.fetchval(sql)
        finally:
            await conn.close()

    run_apart(count("INSERT INTO platform (name, kind, state) VALUES ('X', 'ocpi', 'INVITED') RETURNING 1"))  # fmt: skip
    done = run(folder, "--json", NETWORKCORE_DATABASE_URL=database_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "empty database" in done.stderr
    assert run_apart(count("SELECT count(*) FROM platform")) == 1
