"""Dated, sourced VAT rows: the only place a rate comes from (settlement reference §4.4).

No row, or a row nobody stood behind, means held. Never a default rate.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from importlib import resources

import msgspec

from settlement.errors import Held, MoneyError, Reason
from settlement.money import parse_amount

ROWS_MAX = 20_000
SAMPLE_REVIEWER = "sample"


class Kind(StrEnum):
    """What a row is about; fee types that need their own decision (§4.3) have their own kind."""

    STANDARD = "standard"  # services: commission, referral
    EV_CHARGING = (
        "ev_charging"  # the single supply: energy, time while charging, start fee, minimum
    )
    EV_OCCUPANCY = "ev_occupancy"  # standing after charging
    EV_RESERVATION = "ev_reservation"  # a reservation that was used
    EV_RESERVATION_EXPIRED = "ev_reservation_expired"  # compensation or service: per country


class Verified(StrEnum):
    YES = "yes"  # primary source seen
    SECONDARY = "secondary"
    UNVERIFIED = "unverified"


class TaxRow(msgspec.Struct, frozen=True, kw_only=True):
    """One rate in one place for some time; both dates are inclusive, empty = open or not known."""

    jurisdiction: str  # ISO 3166-1 alpha-2, or 3166-2 such as PT-20
    kind: Kind
    rate: Decimal  # percent
    valid_from: date | None = None
    valid_to: date | None = None
    source: str
    verified: Verified
    reviewer: str = ""  # a named person; "sample" in demonstrations; empty for the shipped rows
    reviewed_at: date | None = None
    supersedes: str = ""  # row_id of a row this one replaces

    @property
    def row_id(self) -> str:
        """Stable name of the row: place, kind, first day, and a digest of what it says."""
        said = f"{self.rate}|{self.valid_to}|{self.source}|{self.verified}|{self.reviewer}"
        digest = hashlib.sha256(said.encode()).hexdigest()[:8]
        return f"{self.jurisdiction}/{self.kind}/{self.valid_from or 'open'}/{digest}"

    def covers(self, day: date) -> bool:
        after = self.valid_from is None or self.valid_from <= day
        return after and (self.valid_to is None or day <= self.valid_to)


class TaxTable(msgspec.Struct, frozen=True, kw_only=True):
    """All rows of one state of knowledge. Rows an operator entered win over shipped ones."""

    rows: tuple[TaxRow, ...]
    accept_sample: bool = False  # production refuses rows reviewed by "sample"

    def find(self, jurisdiction: str, kind: Kind, day: date) -> TaxRow | Held:
        """The row in force on the local tax point date, or why there is none to be used."""
        gone = {row.supersedes for row in self.rows if row.supersedes}
        there = [
            row
            for row in self.rows
            if row.jurisdiction == jurisdiction
            and row.kind == kind
            and row.covers(day)
            and row.row_id not in gone
        ]
        where = f"{jurisdiction} {kind} on {day.isoformat()}"
        if not there:
            return Held(reason=Reason.VAT_ROW_MISSING, detail=f"no VAT row for {where}")
        best = max(there, key=_authority)
        if not self._usable(best):
            return Held(
                reason=Reason.VAT_ROW_UNREVIEWED,
                detail=f"the VAT row for {where} ({best.rate} %) awaits a reviewer: {best.source}",
            )
        return best

    def _usable(self, row: TaxRow) -> bool:
        if row.reviewer == SAMPLE_REVIEWER:
            return self.accept_sample
        return bool(row.reviewer) or row.verified is not Verified.UNVERIFIED

    def with_rows(self, rows: Iterable[TaxRow]) -> TaxTable:
        """This table and what an operator entered."""
        return TaxTable(rows=(*self.rows, *rows), accept_sample=self.accept_sample)


def _authority(row: TaxRow) -> tuple[bool, date, date]:
    entered = bool(row.reviewer)
    return entered, row.valid_from or date.min, row.reviewed_at or date.min


def load(text: str) -> tuple[TaxRow, ...]:
    """Rows of a CSV with the columns country, kind, rate, valid_from, valid_to, source, verified.

    The columns reviewer, reviewed_at and supersedes are optional.
    """
    rows = []
    for number, record in enumerate(csv.DictReader(io.StringIO(text), restval=""), start=2):
        if number > ROWS_MAX:
            raise MoneyError(f"more than {ROWS_MAX} VAT rows")
        rows.append(_row(number, record))
    return tuple(rows)


def shipped(*, accept_sample: bool = False) -> TaxTable:
    """The rows that travel with the project, each with its source."""
    text = resources.files(__package__).joinpath("rates.csv").read_text(encoding="utf-8")
    return TaxTable(rows=load(text), accept_sample=accept_sample)


def _row(number: int, record: dict[str, str]) -> TaxRow:
    try:
        rate = parse_amount(record["rate"])
        if not 0 <= rate <= 100:
            raise MoneyError("a rate is 0 to 100 percent")
        if not record["source"]:
            raise MoneyError("a row needs a source")
        return TaxRow(
            jurisdiction=record["country"],
            kind=Kind(record["kind"]),
            rate=rate,
            valid_from=_day(record["valid_from"]),
            valid_to=_day(record["valid_to"]),
            source=record["source"],
            verified=Verified(record["verified"]),
            reviewer=record.get("reviewer") or "",
            reviewed_at=_day(record.get("reviewed_at") or ""),
            supersedes=record.get("supersedes") or "",
        )
    except (KeyError, TypeError, ValueError) as wrong:
        raise MoneyError(f"VAT row in line {number}: {wrong}") from wrong


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
