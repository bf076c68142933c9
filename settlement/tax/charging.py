"""VAT on charging: goods supplied at the charge point (art. 39), each fee by its own dated row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

import msgspec

from settlement.errors import Held, Reason
from settlement.money import Rounding, round_to_decimals, round_to_int, split
from settlement.tax.agency import series, vat_on
from settlement.tax.leg import Category, Liable, TaxLeg, VatSubtotal
from settlement.tax.model import LegRule
from settlement.tax.party import MoneyParty
from settlement.tax.row import Kind, TaxRow, TaxTable


class Fee(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a session's price, exact, in major units; `None` = the tariff does not say."""

    kind: Kind
    net: Fraction | None
    gross: Fraction | None
    vat: Fraction | None  # percent the CPO's tariff names


class Charging(msgspec.Struct, frozen=True, kw_only=True):
    """A session to be taxed. Totals are minor units, at least one of them known."""

    rule: LegRule
    cpo: MoneyParty
    driver: MoneyParty
    issuer: MoneyParty
    jurisdiction: str
    tax_point: date
    currency: str
    fees: tuple[Fee, ...]
    net_minor: int | None
    gross_minor: int | None


def charging_leg(charging: Charging, table: TaxTable) -> TaxLeg | Held:
    """The leg from CPO to driver at the rows in force on the local day."""
    country = charging.jurisdiction.partition("-")[0]
    if charging.cpo.country != country:
        return Held(
            reason=Reason.VAT_TREATMENT_MISSING,
            detail=f"{charging.cpo.key} is established in {charging.cpo.country or 'no country'} "
            f"and sells in {country}: its registration there has to be entered",
        )
    rows = find_rows(charging, table)
    if isinstance(rows, Held):
        return rows
    weights = [_weight(charging.fees, kind, row) for kind, row in rows.items()]
    net, gross = _totals(charging, list(rows.values()), weights)
    subtotals = _subtotals(list(rows.values()), weights, net, gross)
    return TaxLeg(
        supply=charging.rule.supply,
        supplier=charging.cpo,
        customer=charging.driver,
        place_rule=charging.rule.place_rule,
        place=charging.jurisdiction,
        liable=Liable.SUPPLIER,
        issuer=charging.issuer.key,
        series=series(charging.rule, charging.cpo, charging.driver),
        document=charging.rule.document,
        tax_point=charging.tax_point,
        currency=charging.currency,
        net_minor=net,
        vat_minor=gross - net,
        gross_minor=gross,
        subtotals=subtotals,
    )


def find_rows(charging: Charging, table: TaxTable) -> dict[Kind, TaxRow] | Held:
    """A row per kind of fee; the CPO's own percentage must agree with it."""
    rows: dict[Kind, TaxRow] = {}
    for fee in charging.fees:
        if not fee.net and not fee.gross:
            continue
        row = rows.get(fee.kind) or table.find(charging.jurisdiction, fee.kind, charging.tax_point)
        if isinstance(row, Held):
            return row
        rows[fee.kind] = row
        if (fee.vat is not None and fee.vat != row.rate) or (
            fee.vat is None and fee.net is not None and fee.net == fee.gross and row.rate
        ):
            return Held(
                reason=Reason.VAT_DIFFERS_FROM_TARIFF,
                detail=f"the tariff says {_percent(fee.vat)} % for {fee.kind}, "
                f"row {row.row_id} says {row.rate} %",
                field="vat",
            )
    if rows:
        return rows
    row = table.find(charging.jurisdiction, Kind.EV_CHARGING, charging.tax_point)
    return row if isinstance(row, Held) else {Kind.EV_CHARGING: row}


def _percent(vat: Fraction | None) -> str:
    return "no" if vat is None else str(round_to_decimals(vat, 2, Rounding.HALF_UP))


def net_of(fee: Fee, row: TaxRow) -> Fraction:
    """The fee before tax, from its gross where only that is known."""
    if fee.net is not None:
        return fee.net
    return (fee.gross or Fraction(0)) / (1 + Fraction(row.rate) / 100)


def _weight(fees: Sequence[Fee], kind: Kind, row: TaxRow) -> Fraction:
    return max(sum((net_of(f, row) for f in fees if f.kind is kind), Fraction(0)), Fraction(0))


def _totals(
    charging: Charging, rows: Sequence[TaxRow], weights: Sequence[Fraction]
) -> tuple[int, int]:
    """Net and gross; the one that is missing follows from the rows."""
    net, gross = charging.net_minor, charging.gross_minor
    if net is None:
        whole = sum(weights, Fraction(0))
        taxed = sum(
            (w * (1 + Fraction(row.rate) / 100) for w, row in zip(weights, rows, strict=True)),
            Fraction(0),
        )
        known = gross or 0
        net = round_to_int(known * whole / taxed, Rounding.HALF_UP) if taxed else known
    if gross is None:
        parts = _parts(net, weights)
        gross = net + sum(vat_on(p, row.rate) for p, row in zip(parts, rows, strict=True))
    return net, gross


def _parts(net: int, weights: Sequence[Fraction]) -> tuple[int, ...]:
    return split(net, weights if any(weights) else [1] * len(weights))


def _subtotals(
    rows: Sequence[TaxRow], weights: Sequence[Fraction], net: int, gross: int
) -> tuple[VatSubtotal, ...]:
    """Per row; the last takes the cent that rounding leaves, so that they sum to the total."""
    parts = _parts(net, weights)
    vats = [vat_on(part, row.rate) for part, row in zip(parts, rows, strict=True)]
    vats[-1] += gross - net - sum(vats)
    return tuple(
        VatSubtotal(
            category=Category.STANDARD if row.rate else Category.ZERO,
            rate=row.rate,
            base_minor=part,
            vat_minor=vat,
            row_id=row.row_id,
            reviewer=row.reviewer or row.verified,
        )
        for row, part, vat in zip(rows, parts, vats, strict=True)
    )
