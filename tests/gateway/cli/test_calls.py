"""Calls that are right and calls that are wrong, as processes on a real PostgreSQL and Redis."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest

from gateway.cli import running
from gateway.settings import load

REPO = Path(__file__).parents[3]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def start(*words: str, text: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(REPO),
            "NETWORKCORE_DATA_DIR": str(tmp_path / "data"),
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "gateway", *words], cwd=tmp_path, env=environment | more,
            input=text, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    return start


@pytest.fixture
def hub(run: Run, database_url: str, redis_url: str) -> Run:
    stores = {"NETWORKCORE_DATABASE_URL": database_url, "NETWORKCORE_REDIS_URL": redis_url}

    def start(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return run(*words, **(stores | more))

    return start


def said(answer: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line on standard error; nothing on standard output."""
    assert (answer.returncode, answer.stdout) == (code, ""), answer
    assert answer.stderr.startswith("networkcore: ")
    assert answer.stderr.count("\n") == 1
    return answer.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nonsense",), "nonsense"),
        (("party", "invite", "--role", "CPO"), "--country"),
        (("serve", "--port", "99999"), "--port"),
        (("payout", "export", "abc"), "ID"),
        (("price", "--cdr", "nowhere.json"), "nowhere.json"),
        (("doctor", "--nonsense"), "see `networkcore doctor --help`"),
        (("invoice", "show", "1", "--format", "pdf", "--json"), "--format"),
        (("ledger", "balances", "--party", "nonsense"), "NL-ABC"),
        (("party", "show", "nonsense"), "NL-ABC"),
        (("party", "invite", "--role", "CPO", "--country", "DEU", "--party", "A", "--name", "x"),
         "NL-ABC"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_told_in_one_line_and_ends_with_2(
    run: Run, words: tuple[str, ...], says: str
) -> None:
    assert says in said(run(*words), 2)


def test_version_is_said_and_nothing_else(run: Run) -> None:
    answer = run("--version")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.strip() == version("networkcore")


def test_price_reads_a_batch_from_standard_input(run: Run) -> None:
    answer = run("price", "--batch", "-", text='{"id": 7}\n\n{"id": 8}\n')
    assert (answer.returncode, answer.stderr) == (0, "")
    assert [json.loads(line)["id"] for line in answer.stdout.splitlines()] == [7, 8]


def test_an_address_that_is_taken_or_not_ours_is_told_before_anything_starts(
    run: Run, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "give --port" in said(run("up", "--port", port), 1)
        assert f"127.0.0.1:{port}" in said(run("serve", "--port", port), 1)
    assert "NETWORKCORE_HOST" in said(run("serve", "--host", "192.0.2.1"), 1)
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_database_that_is_gone_is_named_with_what_to_do(run: Run, redis_url: str) -> None:
    gone = {"NETWORKCORE_DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}
    line = said(run("ledger", "verify", NETWORKCORE_REDIS_URL=redis_url, **gone), 1)
    assert "PostgreSQL does not answer" in line
    assert "networkcore doctor" in line


def test_a_party_from_its_invitation_on(hub: Run) -> None:
    invite = ("party", "invite", "--role", "cpo", "--country", "de", "--party", "abc")
    for wrong, field in (
        (("--iban", "DE00"), "iban"), (("--vat-id", "nonsense"), "vat_id"),
        (("--currency", "QQQ"), "currency"),
    ):  # fmt: skip
        assert f" {field}: " in said(hub(*invite, "--name", "A", *wrong), 2)
    assert "role: one of CPO" in said(hub(*invite, "--name", "A", "--role", "WHAT"), 2)
    assert json.loads(hub("party", "list", "--json").stdout) == []

    made = hub(*invite, "--name", "Ä", "--iban", "DE89 3704 0044 0532 0130 00", "--json")
    assert set(json.loads(made.stdout)) == {
        "versions_url", "token_a", "country_code", "party_id", "role",
    }  # fmt: skip
    shown = hub("party", "show", "DE-ABC")
    assert shown.stdout.startswith("DE-ABC  CPO   PLANNED   INVITED    Ä")
    assert json.loads(hub("party", "show", "de*abc", "--json").stdout)["party"] == "DE-ABC"
    assert "not registered" in said(hub("party", "suspend", "DE-ABC", "--json"), 1)
    assert "networkcore party list" in said(hub("party", "resume", "XX-YYY"), 1)


def test_a_partner_that_cannot_be_reached_is_told_with_the_reason(hub: Run) -> None:
    register = ("party", "register", "--token-a", "t", "--versions-url", "http://127.0.0.1:1/v")
    assert "NETWORKCORE_ALLOW_PRIVATE_PEERS" in said(hub(*register), 1)
    private = {"NETWORKCORE_ALLOW_PRIVATE_PEERS": "true"}
    assert "http://127.0.0.1:1/v: nobody answers" in said(hub(*register, **private), 1)


def test_the_book_when_it_is_empty(hub: Run) -> None:
    assert (
        hub("ledger", "balances", "--party", "NL-ABC").stdout
        == "nothing was posted for NL-ABC yet\n"
    )
    assert "nothing of this is held" in said(hub("settlement", "release", "99"), 1)
    assert json.loads(hub("settlement", "held", "--json").stdout) == []


def test_a_command_beside_a_hub_that_runs_gives_the_address_of_that_hub(
    hub: Run, tmp_path: Path
) -> None:
    given = load({"NETWORKCORE_DATA_DIR": str(tmp_path / "data")}, tmp_path)
    elsewhere = msgspec.structs.replace(
        given, public_url="http://127.0.0.1:8123", allow_private_peers=True
    )
    invite = ("party", "invite", "--role", "CPO", "--country", "DE", "--party", "ABC",
              "--name", "A", "--json")  # fmt: skip
    register = ("party", "register", "--token-a", "t", "--versions-url", "http://127.0.0.1:1/v")
    with running.told(elsewhere):
        assert (
            json.loads(hub(*invite).stdout)["versions_url"] == "http://127.0.0.1:8123/ocpi/versions"
        )
        assert "nobody answers" in said(hub(*register), 1)
        own = hub(*invite, NETWORKCORE_PUBLIC_URL="https://hub.example")
        assert json.loads(own.stdout)["versions_url"] == "https://hub.example/ocpi/versions"
    assert json.loads(hub(*invite).stdout)["versions_url"] == "http://127.0.0.1:8000/ocpi/versions"


def test_what_a_killed_hub_left_behind_is_not_believed(tmp_path: Path) -> None:
    given = load({"NETWORKCORE_DATA_DIR": str(tmp_path)}, tmp_path)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for left in (b"{", b"[]", running.Running(
        pid=gone.pid, public_url="http://127.0.0.1:9", allow_private_peers=True
    )):  # fmt: skip
        raw = left if isinstance(left, bytes) else msgspec.json.encode(left)
        (tmp_path / running.NAME).write_bytes(raw)
        assert running.beside(given) == given
