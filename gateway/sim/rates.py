"""VAT rows for the sample network, reviewed by nobody: production refuses the reviewer `sample`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from settlement.tax.row import Kind, TaxRow, Verified

SAMPLE: Final = "sample"
REVIEWED: Final = date(2026, 1, 1)
# The shipped rows for these are unverified, so that real money waits for a named reviewer.
UNREVIEWED: Final = {"NO": Decimal(25), "NL": Decimal(21), "FR": Decimal(20)}


def rows() -> tuple[TaxRow, ...]:
    """Charging at the standard rate, where the shipped rows say unverified."""
    return tuple(
        TaxRow(
            jurisdiction=country,
            kind=Kind.EV_CHARGING,
            rate=rate,
            valid_from=REVIEWED,
            source="sample network: standard rate, not tax advice",
            verified=Verified.SECONDARY,
            reviewer=SAMPLE,
            reviewed_at=REVIEWED,
        )
        for country, rate in UNREVIEWED.items()
    )
