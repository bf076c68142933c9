"""What a party brings so that it can be paid and taxed, checked before anything is written."""

from __future__ import annotations

import re
from typing import Final

from settlement.errors import MoneyError
from settlement.money import exponent
from settlement.payout.account import read_iban

_VAT_ID: Final = re.compile(r"(?=[A-Z0-9+*]*[0-9])[A-Z]{2}[A-Z0-9+*]{2,16}")
_BLANKS: Final = re.compile(r"[ .\-]")


class MeansError(ValueError):
    """One of them is wrong; `field` names it as the API does."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field


def checked_iban(text: str | None) -> str | None:
    """The account without blanks; None when none is given."""
    if text is None or not text.strip():
        return None
    try:
        return read_iban(text)
    except MoneyError as error:
        raise MeansError("iban", str(error)) from None


def checked_vat_id(text: str | None) -> str | None:
    """The number, country first, without blanks; whether it is in use only VIES knows."""
    if text is None or not text.strip():
        return None
    bare = _BLANKS.sub("", text.upper())
    if _VAT_ID.fullmatch(bare) is None:
        raise MeansError("vat_id", f"{text[:32]!r} is not like DE136695976, country first")
    return bare


def checked_currency(text: str) -> str:
    """A currency that money comes in (ISO 4217)."""
    code = text.strip().upper()
    try:
        exponent(code)
    except MoneyError as error:
        raise MeansError("currency", str(error)) from None
    return code
