"""Numbers and moments as text: exact, bounded before any arithmetic, always aware UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

NUMBER_CHARS_MAX: Final = 34
MAGNITUDE_MAX: Final = 30
"""The power of ten of a number's first digit lies between minus and plus this."""
MOMENT_CHARS_MAX: Final = 40

NOT_A_NUMBER: Final = Decimal("NaN")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(?:\.[0-9]{1,12})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?\Z"
)


def number_from_text(text: str) -> Decimal:
    """Give the exact number, or NaN for one that is longer or larger than any real quantity."""
    if len(text) > NUMBER_CHARS_MAX:
        return NOT_A_NUMBER
    try:
        value = Decimal(text)
    except InvalidOperation:
        return NOT_A_NUMBER
    if not value.is_finite():
        return NOT_A_NUMBER
    return value if -MAGNITUDE_MAX <= value.adjusted() <= MAGNITUDE_MAX else NOT_A_NUMBER


def moment_from_text(text: str) -> datetime:
    """Give the aware UTC moment; no designator means UTC (OCPI 2.2.1 types DateTime)."""
    if len(text) > MOMENT_CHARS_MAX or _MOMENT.match(text) is None:
        raise ValueError("a timestamp like 2015-06-29T20:39:09Z is expected")
    try:
        moment = datetime.fromisoformat(text.upper() if text[-1] == "z" else text)
        if moment.tzinfo is UTC:
            return moment
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError("this moment does not exist in the calendar") from None
