"""Which tariff prices a period (settlement reference §1.3)."""

from __future__ import annotations

import msgspec

from settlement.errors import Held, Reason
from settlement.tariff.table import Note, NoteCode, PriceRequest, PriceTable

PROFILES = frozenset({"PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN"})
AD_HOC = "AD_HOC_PAYMENT"
REGULAR = "REGULAR"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A table per period, in order; `None` = this period names none and others do."""

    tables: tuple[PriceTable | None, ...]
    notes: tuple[Note, ...] = ()
    is_ambiguous: bool = False


def choose(request: PriceRequest) -> Choice | Held:
    """The table for every period; the version in force at the session's start stays."""
    if not request.tables:
        return Held(reason=Reason.TARIFF_MISSING, detail="no tariff is known", field="tariffs")
    if request.is_forced:
        return _forced(request)
    if any(usage.tariff_key for usage in request.usages):
        return _named(request)
    if len(request.tables) == 1:
        return _only(request, request.tables[0])
    return _fitting(request)


def _forced(request: PriceRequest) -> Choice:
    table = request.tables[0]
    named = {usage.tariff_key for usage in request.usages if usage.tariff_key}
    notes: tuple[Note, ...] = ()
    if named - {table.tariff_key}:
        detail = f"periods name {', '.join(sorted(named))}, priced with {table.tariff_id}"
        notes = (Note(code=NoteCode.TARIFF_ID_DIFFERS, detail=detail),)
    return _same(request, table, notes + _activity(request, table))


def _named(request: PriceRequest) -> Choice | Held:
    known = {table.tariff_key: table for table in request.tables}
    tables: list[PriceTable | None] = []
    bare = 0
    for usage in request.usages:
        if not usage.tariff_key:
            bare += 1
            tables.append(None)
            continue
        table = known.get(usage.tariff_key)
        if table is None:
            return Held(
                reason=Reason.TARIFF_MISSING,
                detail=f"a period names tariff {usage.tariff_key}, which was not given",
                field="charging_periods.tariff_id",
            )
        tables.append(table)
    notes: tuple[Note, ...] = ()
    if bare:
        detail = f"{bare} of {len(tables)} periods name no tariff and are free"
        notes = (Note(code=NoteCode.PERIOD_WITHOUT_TARIFF, detail=detail),)
    return Choice(tables=tuple(tables), notes=notes)


def _only(request: PriceRequest, table: PriceTable) -> Choice:
    return _same(request, table, _activity(request, table))


def _fitting(request: PriceRequest) -> Choice | Held:
    fitting = [
        table
        for table in request.tables
        if is_active(request, table) and fits_type(request, table.type)
    ]
    if not fitting:
        return Held(
            reason=Reason.TARIFF_MISSING,
            detail="no given tariff was active at the session's start and fits its kind",
            field="tariffs",
        )
    if len(fitting) == 1:
        return _same(request, fitting[0], ())
    ids = ", ".join(table.tariff_id for table in fitting)
    note = Note(code=NoteCode.AMBIGUOUS_TARIFF, detail=f"{ids} all fit; the first was taken")
    return Choice(tables=(fitting[0],) * len(request.usages), notes=(note,), is_ambiguous=True)


def is_active(request: PriceRequest, table: PriceTable) -> bool:
    """start_date_time ≤ session start < end_date_time."""
    begun = table.starts is None or table.starts <= request.start
    return begun and (table.ends is None or request.start < table.ends)


def fits_type(request: PriceRequest, kind: str | None) -> bool:
    if kind is None or kind == REGULAR:
        return True
    if kind == AD_HOC:
        return request.at_terminal
    return kind in PROFILES and kind == request.preference


def _activity(request: PriceRequest, table: PriceTable) -> tuple[Note, ...]:
    if is_active(request, table):
        return ()
    detail = f"tariff {table.tariff_id} was not active when the session started"
    return (Note(code=NoteCode.TARIFF_NOT_ACTIVE, detail=detail),)


def _same(request: PriceRequest, table: PriceTable, notes: tuple[Note, ...]) -> Choice:
    return Choice(tables=(table,) * len(request.usages), notes=notes)
