"""Seeded schedules of faults against the whole system (reliability §8-§11).

Two run with every `make test`; NETWORKCORE_CHAOS_SCHEDULES=N runs N more, from the seed in
NETWORKCORE_CHAOS_SEED on. A seed that fails is added to `FAILED_ONCE`, and stays; what it found has
a test of its own beside the code, for a seed fixes the faults and not the interleaving.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ordeal.nemesis import KINDS, draw
from ordeal.schedule import run

SEEDS = (3, 4)
FAILED_ONCE = (46,)  # an older PATCH was told after a newer one: run with every long form
FAULTS = 6
LONG_FAULTS = 8
FIRST_SEED = int(os.environ.get("NETWORKCORE_CHAOS_SEED", "1000"))
SCHEDULES = int(os.environ.get("NETWORKCORE_CHAOS_SCHEDULES", "0"))
NONE = pytest.param(0, marks=pytest.mark.skip("NETWORKCORE_CHAOS_SCHEDULES is not set"))
LONG_SEEDS = [*FAILED_ONCE, *range(FIRST_SEED, FIRST_SEED + SCHEDULES)] if SCHEDULES else [NONE]


@pytest.mark.parametrize("seed", SEEDS)
async def test_schedule_when_everything_fails_in_turn_loses_and_doubles_nothing(
    folder: Path, seed: int
) -> None:
    result = await run(seed, folder, faults=FAULTS)
    print(result)  # noqa: T201 - seed, faults and counts, with -s or on failure
    assert result.is_clean, result


@pytest.mark.slow
@pytest.mark.parametrize("seed", LONG_SEEDS)
async def test_schedule_when_many_are_drawn_loses_and_doubles_nothing(
    folder: Path, seed: int
) -> None:
    result = await run(
        seed, folder, faults=LONG_FAULTS, gateways=1 + seed % 2, workers=1 + seed % 3 % 2
    )
    print(result)  # noqa: T201 - seed, faults and counts, with -s or on failure
    assert result.is_clean, result


def test_draw_of_the_fixed_seeds_covers_every_kind_of_fault() -> None:
    drawn = {fault.kind for seed in SEEDS for fault in draw(seed, FAULTS, 2, 2)}
    assert drawn == set(KINDS)
    assert draw(7, FAULTS, 2, 2) == draw(7, FAULTS, 2, 2)
