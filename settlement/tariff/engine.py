"""The price of a session, exactly (OCPI 2.3.0 mod_tariffs, settlement reference §1.2).

Pure: the same request gives the same answer. Numbers are rationals until the policy rounds once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from settlement.errors import Held, Reason
from settlement.tariff import total
from settlement.tariff.choice import Choice, choose
from settlement.tariff.restriction import State, matches, unknown_measures
from settlement.tariff.step import Tally, round_up
from settlement.tariff.table import (
    Dimension,
    Note,
    NoteCode,
    Priced,
    PriceRequest,
    PriceTable,
    ReservationState,
    Slot,
    Usage,
)

ZERO = Fraction(0)
ONE = Fraction(1)
WH_PER_KWH = 1000
SECONDS_PER_HOUR = 3600
INSTANT = timedelta(seconds=1)

_Chosen = tuple[Dimension, tuple[Slot, ...], Slot | None]


def price(request: PriceRequest) -> Priced | Held:
    """The explained price, or why there cannot be one."""
    zone = _zone(request.zone)
    if zone is None:
        return Held(reason=Reason.TIME_ZONE_MISSING, detail=f"no time zone {request.zone[:64]!r}")
    choice = choose(request)
    if isinstance(choice, Held):
        return choice
    if held := _currency(choice):
        return held
    run = _Run(request, zone, choice)
    try:
        run.walk()
    except OverflowError:  # year 1 or 9999, moved by a zone's offset
        return Held(reason=Reason.TIME_UNKNOWN, detail="a time lies outside of the calendar")
    run.round_up()
    return total.sum_up(request, choice, run.tallies(), tuple(run.notes.values()))


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _currency(choice: Choice) -> Held | None:
    currencies = {table.currency for table in choice.tables if table is not None}
    if len(currencies) > 1:
        return Held(
            reason=Reason.CURRENCY_MISMATCH,
            detail=f"one session priced in {' and '.join(sorted(currencies))}",
        )
    return None


class _Run:
    """One walk over the periods. Lives for one call of `price`."""

    def __init__(self, request: PriceRequest, zone: ZoneInfo, choice: Choice) -> None:
        self.request = request
        self.zone = zone
        self.choice = choice
        self.by_slot: dict[tuple[Dimension, Slot], Tally] = {}
        self.last: dict[Dimension, Tally] = {}
        self.notes: dict[tuple[NoteCode, str], Note] = {}
        self.energy = ZERO
        self.is_metered = any(table.is_metered for table in request.tables)
        self.session_start: datetime | None = None
        self.flat_charged = False
        self.reservation_charged = False

    def walk(self) -> None:
        for note in self.choice.notes:
            self.notes[note.code, note.detail] = note
        for usage, table in zip(self.request.usages, self.choice.tables, strict=True):
            if table is not None:
                for note in table.notes:
                    self.notes[note.code, note.detail] = note
                self._period(usage, table)
            if usage.energy is not None:
                if self.is_metered:
                    self.energy += usage.energy
                if usage.energy.numerator < 0:
                    self._note(NoteCode.NEGATIVE_ENERGY, "energy went back into the grid")
        for tally in self.by_slot.values():
            tally.close()

    def _period(self, usage: Usage, table: PriceTable) -> None:
        is_reservation = usage.reservation is not None
        has_session = not is_reservation or any(
            volume is not None for volume in (usage.energy, usage.time, usage.parking)
        )
        if has_session and self.session_start is None:
            self.session_start = usage.start
        state = self._state(usage, usage.start, self.energy)
        if is_reservation:
            self._reservation(usage, table, state)
        if not has_session:
            return
        chosen: list[_Chosen] = []
        for dimension, volume, slots in _volumes(usage, table):
            slot = self._first(slots, state)
            chosen.append((dimension, slots, slot))
            if slot is not None:
                self._add(dimension, table, slot, volume)
            elif volume:
                self._unpriced(dimension, slots)
        if not self.flat_charged and (slot := self._first(table.session.flat, state)):
            self.flat_charged = True
            self._add(Dimension.FLAT, table, slot, ONE)
        if table.is_moving:
            self._look_ahead(usage, chosen)

    def _reservation(self, usage: Usage, table: PriceTable, state: State) -> None:
        expired = self.request.reservation is ReservationState.EXPIRED
        slot = self._first(table.expiry.time, state) if expired else None
        slot = slot or self._first(table.reservation.time, state)
        if slot is None:
            self._unpriced(Dimension.RESERVATION_TIME, table.reservation.time)
        else:
            self._add(Dimension.RESERVATION_TIME, table, slot, usage.reservation or ZERO)
        if self.reservation_charged:
            return
        self.reservation_charged = True
        flats = [self._first(table.reservation.flat, state)]
        if expired:
            self._note(NoteCode.RESERVATION_EXPIRED, "the reservation was never used")
            flats.append(self._first(table.expiry.flat, state))
        for flat in flats:
            if flat is not None:
                self._add(Dimension.FLAT, table, flat, ONE, is_reservation=True)

    def _state(self, usage: Usage, at: datetime, energy: Fraction) -> State:
        origin = self.session_start or at
        return State(
            local=at.astimezone(self.zone),
            energy=energy,
            elapsed_s=_seconds(at - origin),
            min_current=usage.min_current,
            max_current=usage.max_current,
            min_power=usage.min_power,
            max_power=usage.max_power,
        )

    def _first(self, slots: tuple[Slot, ...], state: State) -> Slot | None:
        for slot in slots:
            restriction = slot.restriction
            if restriction is None:
                return slot
            if matches(restriction, state):
                for name in unknown_measures(restriction, state):
                    self._note(
                        NoteCode.MEASURE_MISSING,
                        f"{name} of element {slot.element} could not be checked and counts as met",
                    )
                return slot
        return None

    def _add(
        self,
        dimension: Dimension,
        table: PriceTable,
        slot: Slot,
        volume: Fraction,
        *,
        is_reservation: bool = False,
    ) -> None:
        tally = self.by_slot.get((dimension, slot))
        if tally is None:
            tally = Tally(dimension, table, slot, is_reservation=is_reservation)
            self.by_slot[dimension, slot] = tally
        tally.volumes.append(volume)
        self.last[dimension] = tally

    def _look_ahead(self, usage: Usage, chosen: list[_Chosen]) -> None:
        """The CPO shall start a period whenever another component becomes active: note if not."""
        length = usage.end - usage.start
        if length <= INSTANT:
            return
        energy = self.energy
        if self.is_metered and usage.energy:
            energy += usage.energy * (ONE - ONE / Fraction(_seconds(length)))
        later = self._state(usage, usage.end - INSTANT, energy)
        for dimension, slots, slot in chosen:
            if self._first(slots, later) is not slot:
                self._note(
                    NoteCode.PERIOD_SPANS_PRICE_CHANGE,
                    f"the {dimension} price changes within the period of {usage.start:%H:%M:%S}Z; "
                    "the price at its start was used",
                )

    def round_up(self) -> None:
        """step_size once per session; parking stands in for charging time where it was priced."""
        rounded = Dimension.PARKING_TIME if Dimension.PARKING_TIME in self.last else Dimension.TIME
        for dimension, unit in (
            (Dimension.ENERGY, WH_PER_KWH),
            (rounded, SECONDS_PER_HOUR),
            (Dimension.RESERVATION_TIME, SECONDS_PER_HOUR),
        ):
            if (last := self.last.get(dimension)) is not None:
                same = [t for (d, _), t in self.by_slot.items() if d is dimension]
                for note in round_up(same, last, unit, self.request.policy):
                    self.notes[note.code, note.detail] = note

    def tallies(self) -> list[Tally]:
        return list(self.by_slot.values())

    def _unpriced(self, dimension: Dimension, slots: tuple[Slot, ...]) -> None:
        why = "no element matched" if slots else "the tariff has no price for it"
        self._note(NoteCode.DIMENSION_UNPRICED, f"{dimension} is free: {why}")

    def _note(self, code: NoteCode, detail: str) -> None:
        self.notes[code, detail] = Note(code=code, detail=detail)


def _volumes(
    usage: Usage, table: PriceTable
) -> Iterator[tuple[Dimension, Fraction, tuple[Slot, ...]]]:
    if usage.energy is not None:
        yield Dimension.ENERGY, usage.energy, table.session.energy
    if usage.time is not None:
        yield Dimension.TIME, usage.time, table.session.time
    if usage.parking is not None:
        yield Dimension.PARKING_TIME, usage.parking, table.session.parking


def _seconds(span: timedelta) -> Fraction | int:
    if span.microseconds:
        return Fraction(span // timedelta(microseconds=1), 1_000_000)
    return span.days * 86_400 + span.seconds
