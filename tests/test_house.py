"""The house watches its own rooms: sizes, names and the shape of the distribution."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
PACKAGES = ("ocpi", "pnc", "settlement", "gateway", "benchmarks")
MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
NAMES_THAT_SAY_NOTHING = {
    "util", "utils", "helper", "helpers", "common", "base", "manager", "service", "misc", "data",
}  # fmt: skip


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((REPO / package).rglob("*.py"))]


def functions(path: Path) -> list[tuple[str, int]]:
    tree = ast.parse(path.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        (f"{path.relative_to(REPO)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1)
        for node in ast.walk(tree)
        if isinstance(node, kinds) and node.end_lineno is not None
    ]


def test_modules_when_measured_then_each_has_one_subject() -> None:
    lengths = {str(p.relative_to(REPO)): p.read_text().count("\n") for p in sources()}
    assert {name: n for name, n in lengths.items() if n > MODULE_LINES_MAX} == {}


def test_functions_when_measured_then_each_fits_a_screen() -> None:
    found = [entry for path in sources() for entry in functions(path)]
    assert found, "no function was found: this check would pass on an empty house"
    assert [entry for entry in found if entry[1] > FUNCTION_LINES_MAX] == []


def test_modules_when_named_then_the_name_says_something() -> None:
    assert [str(p) for p in sources() if p.stem in NAMES_THAT_SAY_NOTHING] == []


def test_distribution_when_built_then_tests_and_benchmarks_stay_outside() -> None:
    find = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = find["packages"]["find"]["include"]
    assert not [p for p in patterns if p.startswith(("tests", "benchmarks"))]


@pytest.mark.parametrize("lock", ["dev.txt", "run.txt"])
def test_lock_when_read_then_every_requirement_is_pinned_and_hashed(lock: str) -> None:
    text = (REPO / "locks" / lock).read_text().replace("\\\n", " ")
    rows = [row for row in text.splitlines() if row and not row.startswith("#")]
    assert rows
    assert [row for row in rows if "==" not in row or "--hash=sha256:" not in row] == []
