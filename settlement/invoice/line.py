"""The lines of an order as lines of its document, fitted to the VAT rows that were posted."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from settlement.invoice.compose import Item
from settlement.invoice.errors import DocumentError
from settlement.invoice.label import keys, label
from settlement.invoice.model import Unit
from settlement.ledger.order import DocumentOrder, OrderLine
from settlement.tax.leg import Category, Supply

LIMIT: Final = "limit"
"""The line that a minimum or maximum price adds or takes away."""

_Group = tuple[Category, Decimal]


def fit(order: DocumentOrder, sign: int, language: str) -> tuple[Item, ...]:
    """One item for each line; `sign` -1 turns a credit's negative amounts positive.

    Lines were rounded by the tariff, VAT bases by the tax: a minor unit between them goes to the
    largest line. What a price limit changed is told apart by VAT row (BR-S-08).

    Raises:
        DocumentError: a line names no VAT row or no unit that stands on documents.
    """
    limits = [line for line in order.lines if line.code == LIMIT]
    items = [_item(order, line, sign, language) for line in order.lines if line.code != LIMIT]
    for group, basis in _bases(order).items():
        own = [n for n, item in enumerate(items) if (item.category, item.rate) == group]
        rest = sign * basis - sum(items[n].net_minor for n in own)
        if rest and limits:
            items.append(_limit(limits[0], group, rest, language))
        elif rest and abs(rest) <= len(own):
            largest = max(own, key=lambda n: abs(items[n].net_minor))
            fitted = items[largest].net_minor + rest
            items[largest] = msgspec.structs.replace(items[largest], net_minor=fitted)
    return tuple(items) or (_free(order, language),)


def _item(order: DocumentOrder, line: OrderLine, sign: int, language: str) -> Item:
    category, rate = _row(order, line)
    is_receipt = order.leg.supply is Supply.ELECTRICITY
    return Item(
        name=label(language, line.code) if line.code in keys() else line.code,
        quantity=abs(line.quantity),
        unit=_unit(line),
        net_minor=sign * line.net_minor,
        category=category,
        rate=rate,
        price=abs(line.unit_price),
        description=line.why if is_receipt else order.cdr_key,
    )


def _limit(line: OrderLine, group: _Group, rest: int, language: str) -> Item:
    category, rate = group
    return Item(
        name=label(language, LIMIT),
        quantity=Decimal(1),
        unit=Unit.PIECE,
        net_minor=rest,
        category=category,
        rate=rate,
        description=line.why,
    )


def _free(order: DocumentOrder, language: str) -> Item:
    """What was supplied for nothing still stands on the document (BR-16)."""
    if not order.leg.subtotals:
        raise DocumentError(f"{order.cdr_key}: neither lines nor VAT rows")
    first = order.leg.subtotals[0]
    return Item(
        name=label(language, "energy"),
        quantity=order.energy_kwh,
        unit=Unit.KILOWATT_HOUR,
        net_minor=0,
        category=first.category,
        rate=first.rate,
        price=Decimal(0),
    )


def _unit(line: OrderLine) -> Unit:
    try:
        return Unit(line.unit)
    except ValueError:
        raise DocumentError(f"line {line.code} is measured in {line.unit!r}") from None


def _row(order: DocumentOrder, line: OrderLine) -> _Group:
    """The VAT row that the line names, or the only one there is."""
    subtotals = order.leg.subtotals
    for subtotal in subtotals:
        if line.vat_row_id and subtotal.row_id == line.vat_row_id:
            return subtotal.category, subtotal.rate
    if len(subtotals) == 1:
        return subtotals[0].category, subtotals[0].rate
    raise DocumentError(f"{order.cdr_key}: line {line.code} does not say which VAT row is its own")


def _bases(order: DocumentOrder) -> dict[_Group, int]:
    found: dict[_Group, int] = {}
    for subtotal in order.leg.subtotals:
        group = (subtotal.category, subtotal.rate)
        found[group] = found.get(group, 0) + subtotal.base_minor
    return found
