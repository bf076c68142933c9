"""Where the data beside the project is, and two parties everybody knows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ocpi.model.party import PartyId

# The machine is shared and busy: neither a slow draw nor a slow example is a fault of the code.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.exists():
        pytest.skip("the data folder beside the project is not here")
    return SHARED / "data"


@pytest.fixture(scope="session")
def hostile(shared):
    def read(name: str) -> list[str]:
        lines = (shared / "hostile" / name).read_text(encoding="utf-8").split("\n")
        if name == "numbers.txt":
            return lines
        return [json.loads('"' + line.replace('"', '\\"') + '"') for line in lines]

    return read


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def hub() -> PartyId:
    return PartyId("NL", "NCO")
