"""step_size: the session's total of a dimension, rounded up once (settlement reference §1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from settlement.tariff.table import Dimension, Note, NoteCode, PricePolicy, PriceTable, Slot

LAST_DECIMAL = Fraction(1, 10_000)  # numbers travel with four decimals


class Tally:
    """What one slot has priced so far in one session; lives for one call of `price`."""

    __slots__ = ("billed", "dimension", "is_reservation", "periods", "quantity", "slot", "table")

    def __init__(
        self, dimension: Dimension, table: PriceTable, slot: Slot, *, is_reservation: bool
    ) -> None:
        self.dimension = dimension
        self.table = table
        self.slot = slot
        self.is_reservation = is_reservation
        self.periods = 0
        self.quantity = Fraction(0)
        self.billed = Fraction(0)

    def add(self, volume: Fraction) -> None:
        self.quantity = self.quantity + volume if self.periods else volume
        self.billed = self.quantity
        self.periods += 1


def round_up(
    tallies: Sequence[Tally], last: Tally, unit: int, policy: PricePolicy
) -> tuple[Note, ...]:
    """Bills the surplus on `last`, whose step counts; `unit` is Wh per kWh or seconds per hour."""
    step = last.slot.component.step_size
    same = [tally for tally in tallies if tally.table is last.table]
    notes: list[Note] = []
    if len(same) != len(tallies):
        notes.append(_note(NoteCode.STEP_OF_LAST_TARIFF_ONLY, last, "an earlier tariff's part"))
    total = same[0].quantity if len(same) == 1 else sum((t.quantity for t in same), Fraction(0))
    if step == 0 or total <= 0:
        return tuple(notes)
    whole, over = divmod(total.numerator * unit, total.denominator * step)
    if over == 0:
        return tuple(notes)
    excess = Fraction(over, total.denominator * unit)  # kWh or hours above the lower step
    periods = sum(tally.periods for tally in same)
    steps = whole + 1
    if whole and step > 1 and excess <= LAST_DECIMAL * periods:
        notes.append(_note(NoteCode.STEP_BOUNDARY_WITHIN_ROUNDING, last, "the step border"))
        if policy.step_tolerance and excess <= LAST_DECIMAL * periods / 2:
            notes.append(_note(NoteCode.STEP_TOLERANCE_APPLIED, last, "the excess"))
            steps = whole
    last.billed = last.quantity + Fraction(steps * step, unit) - total
    return tuple(notes)


def _note(code: NoteCode, last: Tally, what: str) -> Note:
    text = {
        NoteCode.STEP_OF_LAST_TARIFF_ONLY: "is not rounded: step_size ends where a tariff ends",
        NoteCode.STEP_BOUNDARY_WITHIN_ROUNDING: "lies within the rounding of the transmitted hours",
        NoteCode.STEP_TOLERANCE_APPLIED: "was forgiven by the party's policy",
    }[code]
    return Note(code=code, detail=f"{last.dimension}: {what} {text}")
