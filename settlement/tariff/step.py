"""step_size: the session's total of a dimension, rounded up once (settlement reference §1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from settlement.tariff.number import exact_sum
from settlement.tariff.table import Dimension, Note, NoteCode, PricePolicy, PriceTable, Slot

DECIMAL_UNITS = 10_000  # numbers travel with four decimals
ZERO = Fraction(0)


class Tally:
    """What one slot has priced so far in one session; lives for one call of `price`."""

    __slots__ = ("dimension", "is_reservation", "quantity", "slot", "surplus", "table", "volumes")

    def __init__(
        self, dimension: Dimension, table: PriceTable, slot: Slot, *, is_reservation: bool
    ) -> None:
        self.dimension = dimension
        self.table = table
        self.slot = slot
        self.is_reservation = is_reservation
        self.volumes: list[Fraction] = []
        self.quantity = ZERO
        self.surplus = ZERO  # what step_size adds

    def close(self) -> None:
        self.quantity = exact_sum(self.volumes)

    @property
    def billed(self) -> Fraction:
        return self.quantity + self.surplus if self.surplus else self.quantity


def round_up(
    tallies: Sequence[Tally], last: Tally, unit: int, policy: PricePolicy
) -> tuple[Note, ...]:
    """Bills the surplus on `last`, whose step counts; `unit` is Wh per kWh or seconds per hour."""
    step = last.slot.component.step_size
    same = [tally for tally in tallies if tally.table is last.table]
    notes: list[Note] = []
    if len(same) != len(tallies):
        notes.append(_note(NoteCode.STEP_OF_LAST_TARIFF_ONLY, last, "an earlier tariff's part"))
    total = same[0].quantity if len(same) == 1 else exact_sum([t.quantity for t in same])
    if step == 0 or total <= 0:
        return tuple(notes)
    whole, over = divmod(total.numerator * unit, total.denominator * step)
    if over == 0:
        return tuple(notes)
    periods = sum(len(tally.volumes) for tally in same)
    steps = whole + 1
    if whole and step > 1 and over * DECIMAL_UNITS <= periods * unit * total.denominator:
        notes.append(_note(NoteCode.STEP_BOUNDARY_WITHIN_ROUNDING, last, "the step border"))
        if policy.step_tolerance and 2 * over * DECIMAL_UNITS <= periods * unit * total.denominator:
            notes.append(_note(NoteCode.STEP_TOLERANCE_APPLIED, last, "the excess"))
            steps = whole
    last.surplus = Fraction(steps * step, unit) - total
    return tuple(notes)


def _note(code: NoteCode, last: Tally, what: str) -> Note:
    text = {
        NoteCode.STEP_OF_LAST_TARIFF_ONLY: "is not rounded: step_size ends where a tariff ends",
        NoteCode.STEP_BOUNDARY_WITHIN_ROUNDING: "lies within the rounding of the transmitted hours",
        NoteCode.STEP_TOLERANCE_APPLIED: "was forgiven by the party's policy",
    }[code]
    return Note(code=code, detail=f"{last.dimension}: {what} {text}")
