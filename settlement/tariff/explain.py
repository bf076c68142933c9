"""A price as people and other systems read it: a sentence per line, one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from ocpi.model.cdr import Cdr
from ocpi.model.tariff import Tariff
from settlement.errors import Held, MoneyError, Reason
from settlement.tariff.adapt import request
from settlement.tariff.compare import Difference, differences
from settlement.tariff.engine import price
from settlement.tariff.number import decimal_text
from settlement.tariff.table import (
    NOTHING,
    Amounts,
    Dimension,
    Group,
    Line,
    Priced,
    PricePolicy,
    VatMissing,
)

_UNITS = {
    Dimension.ENERGY: ("kWh", "Wh", 1000),
    Dimension.TIME: ("h", "s", 3600),
    Dimension.PARKING_TIME: ("h", "s", 3600),
    Dimension.RESERVATION_TIME: ("h", "s", 3600),
}


class AmountsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    before_taxes: str | None
    after_taxes: str | None


_ZERO = AmountsAnswer(before_taxes="0", after_taxes="0")


class LineAnswer(msgspec.Struct, frozen=True, kw_only=True):
    dimension: str
    tariff_id: str
    element: int
    quantity: str
    billed_quantity: str
    unit_price: str
    amount: str
    before_taxes: str | None
    after_taxes: str | None
    why: str


class PriceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What `networkcore price` prints; numbers are decimal strings."""

    currency: str
    total: AmountsAnswer
    fixed: AmountsAnswer
    energy: AmountsAnswer
    time: AmountsAnswer
    parking: AmountsAnswer
    reservation: AmountsAnswer
    lines: tuple[LineAnswer, ...]
    matches_cdr: bool
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]


def explain(
    cdr: Cdr,
    tariffs: Sequence[Tariff],
    zone: str,
    policy: PricePolicy | None = None,
    *,
    vat_missing: VatMissing = VatMissing.UNKNOWN,
    is_forced: bool = False,
) -> PriceAnswer | Held:
    """The documented answer for one CDR. `is_forced` prices with the one tariff that was given."""
    made = request(cdr, tariffs, zone, policy, vat_missing=vat_missing, is_forced=is_forced)
    if isinstance(made, Held):
        return made
    priced = price(made)
    if isinstance(priced, Held):
        return priced
    try:
        found = differences(cdr, priced)
    except MoneyError as wrong:
        return Held(reason=Reason.CDR_OUT_OF_BOUNDS, detail=str(wrong), field="total_cost")
    return answer(priced, found)


def answer(priced: Priced, found: tuple[Difference, ...]) -> PriceAnswer:
    return PriceAnswer(
        currency=priced.currency,
        total=_amounts(priced.total),
        fixed=_amounts(priced.group(Group.FIXED)),
        energy=_amounts(priced.group(Group.ENERGY)),
        time=_amounts(priced.group(Group.TIME)),
        parking=_amounts(priced.group(Group.PARKING)),
        reservation=_amounts(priced.group(Group.RESERVATION)),
        lines=tuple(_line(line, priced.currency) for line in priced.lines),
        matches_cdr=not found,
        differences=found,
        warnings=tuple(f"{note.code}: {note.detail}" for note in priced.notes),
    )


def why(line: Line, currency: str) -> str:
    """One sentence: which element, on which condition, how much at which price."""
    condition = f"holds because {line.condition}" if line.condition else "has no restriction"
    price_text = f"{decimal_text(line.unit_price)} {currency}"
    if line.dimension is Dimension.FLAT:
        kind = "reservation" if line.group is Group.RESERVATION else "session"
        return f"element {line.element} {condition}: {price_text} once per {kind}"
    unit, step_unit, per_unit = _UNITS[line.dimension]
    text = f"element {line.element} is the first with a price for {line.dimension} and {condition}"
    text += f": {decimal_text(line.billed)} {unit} at {price_text} per {unit}"
    if line.billed == line.quantity:
        return text
    surplus = decimal_text((line.billed - line.quantity) * per_unit)
    return (
        f"{text}; the session's total was rounded up by {surplus} {step_unit}"
        f" to a whole step of {line.step_size} {step_unit}"
    )


def _line(line: Line, currency: str) -> LineAnswer:
    return LineAnswer(
        dimension=line.dimension,
        tariff_id=line.tariff_id,
        element=line.element,
        quantity=decimal_text(line.quantity),
        billed_quantity=decimal_text(line.billed),
        unit_price=decimal_text(line.unit_price),
        amount=decimal_text(line.amount),
        before_taxes=_text(line.net),
        after_taxes=_text(line.gross),
        why=why(line, currency),
    )


def _amounts(amounts: Amounts) -> AmountsAnswer:
    if amounts is NOTHING:
        return _ZERO
    return AmountsAnswer(
        before_taxes=_text(amounts.before_taxes), after_taxes=_text(amounts.after_taxes)
    )


def _text(value: Fraction | None) -> str | None:
    return None if value is None else decimal_text(value)
