"""`networkcore price` as people and other systems start it: a real process each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).parents[3]
DATA = REPO.parent / "shared" / "data"
EXAMPLES = DATA / "ocpi-examples"
COMMAND = [sys.executable, "-m", "gateway", "price"]
OLD_CDR = EXAMPLES / "2.1.1" / "cdrs_example_of_a_cdr.json"
OLD_TARIFF = EXAMPLES / "2.1.1" / "tariffs_simple_tariff_example_2_euro_per_hour.json"
NEW_CDR = EXAMPLES / "2.3.0" / "cdr_example.json"
NEW_TARIFF = EXAMPLES / "2.3.0" / "tariff_1_simple_2hour.json"

Json = dict[str, Any]
Answer = subprocess.CompletedProcess[str]

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.exists(), reason="the data folder beside the project is not here"),
]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Answer]:
    def start(*words: str | Path, **environment: str) -> Answer:
        return subprocess.run(
            [*COMMAND, *map(str, words)],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPO)} | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return start


@pytest.fixture
def batch(run: Callable[..., Answer], tmp_path: Path) -> Callable[..., list[Json]]:
    def ask(*lines: Json | bytes) -> list[Json]:
        raws = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        (tmp_path / "requests.jsonl").write_bytes(b"\n".join(raws))
        answer = run("--batch", "requests.jsonl")
        assert (answer.returncode, answer.stderr) == (0, "")
        return [json.loads(line, parse_float=Decimal) for line in answer.stdout.splitlines()]

    return ask


def load(path: Path) -> Json:
    found: Json = json.loads(path.read_text())
    return found


def decimal(text: str) -> float:
    """A volume as a CDR can state it; 5/60 has no end, the last of many digits is cut."""
    value = Fraction(text)
    context = Context(prec=16, rounding=ROUND_DOWN)
    return float(context.divide(Decimal(value.numerator), Decimal(value.denominator)))


def cdr_of(case: Json, currency: str) -> Json:
    """The smallest CDR of the newest version that says what the case says."""
    periods = [
        {
            "start_date_time": period["start"],
            "dimensions": [
                {"type": part["type"], "volume": decimal(part["volume"])}
                for part in period["dimensions"]
            ],
        }
        for period in case["periods"]
    ]
    cdr = load(NEW_CDR)
    kept = ("country_code", "party_id", "id", "cdr_token", "auth_method", "cdr_location")
    total: Json = {"before_taxes": float(case["expect"]["excl_vat"] or 0)}
    return {name: cdr[name] for name in kept} | {
        "start_date_time": case["start"],
        "end_date_time": case["end"],
        "currency": currency,
        "charging_periods": periods,
        "total_cost": total,
        "total_energy": 0,
        "total_time": 0,
        "last_updated": case["end"],
    }


def test_every_case_of_the_specification_is_a_line_of_a_batch(
    batch: Callable[..., list[Json]],
) -> None:
    cases = load(DATA / "tariff-cases" / "cases.json")["cases"]
    requests = []
    for case in cases:
        tariff = load(EXAMPLES / "2.3.0" / case["tariff"])
        tariff = tariff.get("tariffs", [tariff])[0]
        tariff = {"last_updated": "2024-01-01T00:00:00Z"} | tariff
        cdr = cdr_of(case, tariff["currency"])
        zone = case["time_zone"]
        requests.append({"id": case["name"], "cdr": cdr, "tariff": tariff, "time_zone": zone})
    answers = batch(*requests)
    assert [answer["id"] for answer in answers] == [case["name"] for case in cases]
    assert len(answers) == 27
    for case, answer in zip(cases, answers, strict=True):
        assert "error" not in answer, answer
        for stated, ours in (
            (case["expect"]["excl_vat"], answer["total"]["before_taxes"]),
            (case["expect"]["incl_vat"], answer["total"]["after_taxes"]),
        ):
            if stated is not None:
                shown = Decimal(ours).quantize(Decimal(stated), ROUND_HALF_UP)
                assert shown == Decimal(stated), (case["name"], answer)


def test_a_reservation_that_nobody_used_is_seen_in_the_cdr(
    batch: Callable[..., list[Json]],
) -> None:
    cases = load(DATA / "tariff-cases" / "cases.json")["cases"]
    expired = [case for case in cases if case.get("reservation") == "EXPIRED"]
    assert len(expired) == 2
    for case in expired:
        tariff = load(EXAMPLES / "2.3.0" / case["tariff"])
        cdr = cdr_of(case, tariff["currency"])
        (answer,) = batch({"cdr": cdr, "tariff": tariff, "time_zone": "UTC"})
        assert answer["reservation"]["before_taxes"] == answer["total"]["before_taxes"]
        assert any("reservation_expired" in warning for warning in answer["warnings"])


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_the_example_cdr_is_explained_and_matches(run: Callable[..., Answer], version: str) -> None:
    answer = run("--cdr", EXAMPLES / version / "cdr_example.json", "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    found = json.loads(answer.stdout)
    assert found["total"] == {"before_taxes": "4", "after_taxes": "4.4"}
    assert found["matches_cdr"] is True
    assert found["lines"][0]["billed_quantity"] == "2"
    assert set(found) == {
        *("currency", "total", "fixed", "energy", "time", "parking", "reservation"),
        *("lines", "matches_cdr", "differences", "warnings"),
    }


def test_every_example_tariff_of_the_newest_version_can_be_priced_with(
    batch: Callable[..., list[Json]],
) -> None:
    files = sorted((EXAMPLES / "2.3.0").glob("tariff_[0-9]*.json"))
    cdr = load(NEW_CDR)
    answers = batch(
        *({"id": f.name, "cdr": cdr, "tariff": load(f), "time_zone": "UTC"} for f in files)
    )
    assert len(answers) == len(files) == 19
    for answer in answers:
        assert "error" not in answer, answer
        assert answer["total"].keys() == {"before_taxes", "after_taxes"}


def test_the_oldest_version_has_no_taxes_and_says_so(run: Callable[..., Answer]) -> None:
    for words in (("--tariff", OLD_TARIFF), ("--owner", "NL-ABC")):
        answer = run("--cdr", OLD_CDR, *words, "--json")
        assert (answer.returncode, answer.stderr) == (0, "")
        found = json.loads(answer.stdout)
        assert found["total"] == {"before_taxes": "4", "after_taxes": None}
        assert found["matches_cdr"] is True
        assert any(warning.startswith("taxes_unknown") for warning in found["warnings"])
    shown = run("--cdr", OLD_CDR).stdout
    assert "total before taxes 4 EUR, with taxes unknown" in shown


def test_each_file_is_read_in_its_own_version(run: Callable[..., Answer]) -> None:
    old = EXAMPLES / "2.2.1" / "tariff_1_simple_2hour.json"
    for cdr, tariff in ((NEW_CDR, old), (OLD_CDR, NEW_TARIFF), (NEW_CDR, OLD_TARIFF)):
        answer = run("--cdr", cdr, "--tariff", tariff, "--json")
        assert json.loads(answer.stdout)["total"]["before_taxes"], answer.stderr


def test_a_difference_ends_with_1_and_is_named(run: Callable[..., Answer], tmp_path: Path) -> None:
    cdr = load(NEW_CDR)
    cdr["total_cost"]["before_taxes"] = 5
    (tmp_path / "cdr.json").write_text(json.dumps(cdr))
    answer = run("--cdr", "cdr.json", "--json")
    assert answer.returncode == 1
    assert json.loads(answer.stdout)["differences"][0] == {
        "field": "total_cost.before_taxes",
        "cdr": "5",
        "computed": "4",
    }
    assert answer.stderr.startswith("networkcore: the CDR differs in total_cost.before_taxes")
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}", b'{"total_cost":' + b"[" * 200_000],
    ids=["empty", "open", "list", "null", "bytes", "object", "deep"],
)
def test_a_file_that_is_no_cdr_ends_with_1_in_one_line(
    run: Callable[..., Answer], tmp_path: Path, raw: bytes
) -> None:
    (tmp_path / "cdr.json").write_bytes(raw)
    answer = run("--cdr", "cdr.json", "--json")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("networkcore: ")
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"[null]", b"{}"])
def test_a_tariff_that_is_none_is_never_replaced_by_the_cdrs_own(
    run: Callable[..., Answer], tmp_path: Path, raw: bytes
) -> None:
    (tmp_path / "tariff.json").write_bytes(raw)
    answer = run("--cdr", NEW_CDR, "--tariff", "tariff.json")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.count("\n") == 1


def test_a_wrong_zone_or_a_tariff_that_lacks_a_field_ends_with_1(
    run: Callable[..., Answer],
) -> None:
    answer = run("--cdr", NEW_CDR, "--time-zone", "../../Nowhere")
    assert answer.returncode == 1
    assert "time zone" in answer.stderr
    answer = run("--cdr", NEW_CDR, "--tariff", EXAMPLES / "2.3.0" / "tariff_put_example.json")
    assert answer.returncode == 1
    assert "the tariff (OCPI 2.3.0): last_updated: the field is required" in answer.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "--cdr FILE"),
        (("--tariff", NEW_TARIFF), "--cdr FILE"),
        (("--cdr", NEW_CDR, "--batch", NEW_CDR), "--cdr FILE"),
        (("--cdr", "not-there.json"), "not-there.json"),
        (("--cdr", NEW_CDR, "--version", "2.0"), "2.1.1, 2.2.1, 2.3.0"),
        (("--cdr", OLD_CDR, "--owner", "nobody at all"), "owner"),
    ],
)
def test_a_wrong_call_ends_with_2(
    run: Callable[..., Answer], words: tuple[str | Path, ...], says: str
) -> None:
    answer = run(*words)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_bad_line_gives_an_error_and_the_batch_goes_on(
    batch: Callable[..., list[Json]],
) -> None:
    good = {"id": 1, "cdr": load(NEW_CDR)}
    answers = batch(
        good,
        b"{",
        b"",
        b'{"id":2}',
        {"id": "x", "cdr": {"total_cost": 1}},
        b'{"id":3,"cdr":"' + b"a" * (1 << 20) + b'"}',
        {"id": 4, "cdr": load(NEW_CDR), "version": "9"},
        {"id": 5, "cdr": load(NEW_CDR), "tariff": None, "tariffs": [load(OLD_TARIFF)]},
        b'{"id":6,"cdr":' + b"[" * 100_000 + b"}",
        b"\xff",
        {"id": 7, "cdr": load(OLD_CDR)},
    )
    assert len(answers) == 10
    assert [answer.get("id") for answer in answers] == [
        *(1, None, 2, "x", None, 4, 5, None, None, 7)
    ]
    assert ["error" in answer for answer in answers] == [
        *(False, True, True, True, True, True, False, True, True, False)
    ]
    assert all(answer["error"] for answer in answers if "error" in answer)


def test_people_see_whole_words_at_80_columns_also_through_a_pipe(
    run: Callable[..., Answer],
) -> None:
    tariff = EXAMPLES / "2.1.1" / "tariffs_complex_tariff_example.json"
    for columns in ("40", "80", "200"):
        answer = run("--cdr", OLD_CDR, "--tariff", tariff, COLUMNS=columns)
        assert answer.returncode == 1
        lines = answer.stdout.splitlines()
        assert max(map(len, lines)) <= 80
        assert "…" not in answer.stdout
        text = " ".join(answer.stdout.split())
        assert "element 0 has no restriction: 2.5 EUR once per session" in text
        assert "max_power of element 1 could not be checked and counts as met" in text
        assert "differs: total_cost.before_taxes: CDR 4.00, computed 4.5" in text


def test_a_partners_text_cannot_steer_the_terminal(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    tariff = load(NEW_TARIFF) | {"id": "\x1b[31mT"}
    (tmp_path / "tariff.json").write_text(json.dumps(tariff))
    answer = run("--cdr", NEW_CDR, "--tariff", "tariff.json")
    assert "\x1b" not in answer.stdout
    assert "?[31mT" in answer.stdout


def test_without_a_zone_a_price_that_needs_none_is_still_a_price(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    cdr = load(NEW_CDR)
    cdr["cdr_location"]["country"] = "USA"
    (tmp_path / "cdr.json").write_text(json.dumps(cdr))
    assert run("--cdr", "cdr.json").returncode == 0
    tariff = EXAMPLES / "2.3.0" / "tariff_4_complex.json"
    answer = run("--cdr", "cdr.json", "--tariff", tariff)
    assert answer.returncode == 1
    assert "--time-zone is needed: USA" in answer.stderr
