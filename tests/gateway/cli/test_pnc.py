"""`networkcore pnc` as people and suites start it: real processes, real files, a hub's own stores."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pnc import authority, pem

REPO = Path(__file__).parents[3]
Answer = subprocess.CompletedProcess[str]
CHECKS = {"step", "certificate", "result", "reason"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pnc pki init` made, by the command itself."""
    home = tmp_path_factory.mktemp("pki")
    done = start(home, "pki", "init", str(home / "made"), "--json")
    assert done.returncode == 0, done.stderr
    assert "iso15118-2/roots.pem" in json.loads(done.stdout)["files"]
    return home / "made"


def start(cwd: Path, *words: str, **environment: str) -> Answer:
    return subprocess.run(
        [sys.executable, "-m", "gateway", "pnc", *words],
        cwd=cwd, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPO)} | environment,
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip


def crls(folder: Path) -> list[str]:
    found = sorted((folder / "iso15118-2" / "crls").glob("mo-*.pem"))
    return [word for path in found for word in ("--crl", str(path))]


def verify(folder: Path, chain: str, *words: str) -> Answer:
    two = folder / "iso15118-2"
    return start(
        folder, "verify", str(two / "chains" / chain), "--roots", str(two / "roots.pem"), *words
    )


def test_pki_init_when_the_folder_is_not_empty_then_nothing_is_overwritten(folder: Path) -> None:
    again = start(folder.parent, "pki", "init", str(folder))
    assert (again.returncode, again.stdout) == (2, "")
    assert "not an empty folder" in again.stderr
    keys = list((folder / "iso15118-2" / "keys").iterdir())
    assert keys
    assert {path.stat().st_mode & 0o077 for path in keys} == {0}


def test_verify_when_the_contract_is_good_then_zero_and_one_document(folder: Path) -> None:
    done = verify(folder, "contract.pem", *crls(folder), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said["verdict"] == "accepted"
    assert said["certificate_status"] == "Accepted"
    assert said["emaid"]
    assert len(said["path"]) == 4
    assert all(set(check) >= CHECKS for check in said["checks"])


@pytest.mark.parametrize(
    ("chain", "words", "step"),
    [
        ("secc.pem", (), None),
        ("contract.pem", ("--at", (datetime.now(UTC) + timedelta(days=20_000)).isoformat()), None),
    ],
)
def test_verify_when_it_is_refused_then_one_and_the_step_is_named(
    folder: Path, chain: str, words: tuple[str, ...], step: str | None
) -> None:
    done = verify(folder, chain, *words, "--json")
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert said["verdict"] == "refused"
    assert said["certificate_status"] != "Accepted"
    assert [c for c in said["checks"] if c["result"] != "ok" and c["reason"]]


@pytest.mark.parametrize(
    "words",
    [
        ("verify",),
        ("verify", "nowhere.pem", "--roots", "nowhere.pem"),
        ("verify", "--at", "tomorrow"),
    ],
)
def test_verify_when_the_call_is_wrong_then_two_and_one_line(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = start(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1


def test_verify_batch_when_lines_come_then_one_answer_each_in_order(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    pki = authority.make(now)
    chain, roots = pki.chain("contract"), [pki.issued["mo-root"].certificate]
    text = {"chain": [b64(d) for d in chain], "pool": [], "roots": [b64(d) for d in roots],
            "profile": "iso15118-2", "role": "contract"}  # fmt: skip
    lines: list[bytes] = [
        json.dumps({"id": "good", **text}).encode(),
        b"not json",
        json.dumps(
            {
                "id": "pool",
                **text,
                "chain": [b64(chain[0])],
                "pool": [b64(d) for d in reversed(chain[1:])],
            }
        ).encode(),
        json.dumps({"id": "bad", **text, "roots": []}).encode(),
    ]
    file = tmp_path / "requests.jsonl"
    file.write_bytes(b"\n".join(lines))
    done = start(tmp_path, "verify", "--batch", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(a.get("id"), a.get("verdict")) for a in answers] == [
        ("good", "accepted"), (None, "refused"), ("pool", "accepted"), ("bad", "refused"),
    ]  # fmt: skip
    assert answers[3]["reason"]
    assert answers[3]["step"]


@pytest.fixture
def hub(database_url: str, redis_url: str, tmp_path: Path) -> Callable[..., Any]:
    """Commands on the stores of one hub; the answer is the JSON they print."""
    environment = {
        "NETWORKCORE_DATABASE_URL": database_url, "NETWORKCORE_REDIS_URL": redis_url,
        "NETWORKCORE_DATA_DIR": str(tmp_path / "data"),
    }  # fmt: skip

    def run(*words: str) -> Any:
        done = start(tmp_path, *words, "--json", **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_trust_when_added_and_revoked_then_the_list_says_so(
    hub: Callable[..., Any], tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    pki = authority.make(now)
    root, chain, crl = tmp_path / "root.pem", tmp_path / "chain.pem", tmp_path / "crl.pem"
    root.write_bytes(pem.join([pki.issued["mo-root"].certificate]))
    chain.write_bytes(pem.join(pki.chain("contract")))
    crl.write_bytes(pem.join([pki.crls(now)["mo-sub2"]], pem.CRL))
    assert hub("trust", "add", str(root), "--role", "MO", "--source", "tests")["added"]
    assert hub("trust", "add", str(crl), "--crl")["added"] == ["crl kept"]
    assert hub("trust", "add", str(chain), "--contract")["added"]
    assert hub("revoke", str(chain), "--reason", "keyCompromise")["result"].endswith("revoked")
    listed = hub("trust", "list")
    assert [(a["role"], a["source"]) for a in listed["anchors"]] == [("MO", "tests")]
    assert [r["reason"] for r in listed["revocations"]] == ["keyCompromise"]
    assert [e["kind"] for e in listed["evidence"]] == ["crl"]


def b64(der: bytes) -> str:
    return base64.b64encode(der).decode()
