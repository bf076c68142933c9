"""Lines, sums per group, taxes and the price limits of a session (settlement reference §1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from settlement.money import round_to_decimals
from settlement.tariff.choice import Choice
from settlement.tariff.number import decimal_text, exact_sum
from settlement.tariff.step import Tally
from settlement.tariff.table import (
    Amounts,
    Component,
    Dimension,
    Group,
    Limit,
    Line,
    Note,
    NoteCode,
    Priced,
    PricePolicy,
    PriceRequest,
    PriceTable,
    ReservationState,
    TaxMode,
)

ZERO = Fraction(0)
GROUPS = {
    Dimension.ENERGY: Group.ENERGY,
    Dimension.TIME: Group.TIME,
    Dimension.PARKING_TIME: Group.PARKING,
    Dimension.FLAT: Group.FIXED,
    Dimension.RESERVATION_TIME: Group.RESERVATION,
}


def sum_up(
    request: PriceRequest, choice: Choice, tallies: Sequence[Tally], notes: tuple[Note, ...]
) -> Priced:
    lines = tuple(_line(tally) for tally in tallies)
    grouped: dict[Group, list[Line]] = {}
    for line in lines:
        grouped.setdefault(line.group, []).append(line)
    groups = tuple((name, sum_lines(some)) for name, some in grouped.items())
    whole = sum_lines(lines)
    tables = tuple(dict.fromkeys(table for table in choice.tables if table is not None))
    limited, more = _limits(request, tables, whole)
    if whole.before_taxes is None or whole.after_taxes is None:
        more = (*more, Note(code=NoteCode.TAXES_UNKNOWN, detail="the tariff names no VAT"))
    return Priced(
        currency=tables[0].currency if tables else request.tables[0].currency,
        total=_rounded(limited, request.policy),
        groups=groups,
        lines=lines,
        adjustment=None if limited is whole else subtract(limited, whole),
        tariff_ids=tuple(table.tariff_id for table in tables),
        notes=(*notes, *more),
        is_ambiguous=choice.is_ambiguous,
    )


def sum_lines(lines: Sequence[Line]) -> Amounts:
    """Net and gross of some lines; one unknown makes the sum unknown."""
    if len(lines) == 1:
        return Amounts(before_taxes=lines[0].net, after_taxes=lines[0].gross)
    nets = [line.net for line in lines if line.net is not None]
    grosses = [line.gross for line in lines if line.gross is not None]
    return Amounts(
        before_taxes=exact_sum(nets) if len(nets) == len(lines) else None,
        after_taxes=exact_sum(grosses) if len(grosses) == len(lines) else None,
    )


def subtract(one: Amounts, other: Amounts) -> Amounts:
    return Amounts(
        before_taxes=_subtract(one.before_taxes, other.before_taxes),
        after_taxes=_subtract(one.after_taxes, other.after_taxes),
    )


def _subtract(one: Fraction | None, other: Fraction | None) -> Fraction | None:
    return None if one is None or other is None else one - other


def _line(tally: Tally) -> Line:
    slot, table = tally.slot, tally.table
    component = slot.component
    amount = tally.billed * component.price
    net, gross = taxed(table, component, amount)
    return Line(
        dimension=tally.dimension,
        group=Group.RESERVATION if tally.is_reservation else GROUPS[tally.dimension],
        tariff_id=table.tariff_id,
        element=slot.element,
        quantity=tally.quantity,
        billed=tally.billed,
        unit_price=component.price,
        amount=amount,
        net=net,
        gross=gross,
        vat=component.vat,
        step_size=component.step_size,
        periods=len(tally.volumes),
        condition=slot.restriction.text if slot.restriction else "",
    )


def taxed(
    table: PriceTable, component: Component, amount: Fraction
) -> tuple[Fraction | None, Fraction | None]:
    """Net and gross of an amount as the tariff states it; `None` where the tax is not known."""
    factor = component.tax_factor
    if not amount or table.tax is TaxMode.NOT_APPLICABLE:
        return amount, amount
    if table.tax is TaxMode.YES:
        return (None if factor is None else amount / factor), amount
    return amount, (None if factor is None else amount * factor)


def _limits(
    request: PriceRequest, tables: tuple[PriceTable, ...], whole: Amounts
) -> tuple[Amounts, tuple[Note, ...]]:
    bounded = [table for table in tables if table.min_price or table.max_price]
    if not bounded:
        return whole, ()
    if len(tables) > 1:
        detail = "price limits count for a whole session; this one has several tariffs"
        note = Note(code=NoteCode.PRICE_LIMITS_OF_SEVERAL_TARIFFS, detail=detail)
        return whole, (note,)
    table, notes = bounded[0], list[Note]()
    reservation_only = request.reservation is ReservationState.EXPIRED
    if table.min_price and (not reservation_only or request.policy.min_price_on_reservation_only):
        raised = _clamp(whole, table.min_price, is_minimum=True)
        if raised is not whole:
            detail = f"below the minimum of {decimal_text(table.min_price.before_taxes)}"
            notes.append(Note(code=NoteCode.MIN_PRICE_APPLIED, detail=detail))
            whole = raised
    if table.max_price:
        cut = _clamp(whole, table.max_price, is_minimum=False)
        if cut is not whole:
            detail = f"above the maximum of {decimal_text(table.max_price.before_taxes)}"
            notes.append(Note(code=NoteCode.MAX_PRICE_APPLIED, detail=detail))
            whole = cut
    return whole, tuple(notes)


def _clamp(whole: Amounts, limit: Limit, *, is_minimum: bool) -> Amounts:
    """Both limits on their own; without an `after_taxes` limit the tax keeps its proportion."""
    before = _bound(whole.before_taxes, limit.before_taxes, is_minimum=is_minimum)
    after = whole.after_taxes
    if limit.after_taxes is not None:
        after = _bound(after, limit.after_taxes, is_minimum=is_minimum)
    elif before != whole.before_taxes:
        after = _in_proportion(whole, before)
    if before == whole.before_taxes and after == whole.after_taxes:
        return whole
    return Amounts(before_taxes=before, after_taxes=after)


def _in_proportion(whole: Amounts, before: Fraction | None) -> Fraction | None:
    if whole.after_taxes is None or before is None or not whole.before_taxes:
        return None
    return whole.after_taxes * before / whole.before_taxes


def _bound(value: Fraction | None, limit: Fraction, *, is_minimum: bool) -> Fraction | None:
    if value is None:
        return None
    return max(value, limit) if is_minimum else min(value, limit)


def _rounded(amounts: Amounts, policy: PricePolicy) -> Amounts:
    decimals = policy.total_decimals
    if decimals is None:
        return amounts
    return Amounts(
        before_taxes=_round(amounts.before_taxes, decimals, policy),
        after_taxes=_round(amounts.after_taxes, decimals, policy),
    )


def _round(value: Fraction | None, decimals: int, policy: PricePolicy) -> Fraction | None:
    if value is None:
        return None
    return Fraction(round_to_decimals(value, decimals, policy.rounding))
