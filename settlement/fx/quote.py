"""A dealable price for one currency in another, kept with the result it produced."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """One `base` costs `mid` of `counter`; `spread` is the fraction a deal costs on top (0.004)."""

    provider: str
    quote_id: str
    base: str
    counter: str
    mid: Decimal
    spread: Decimal
    quoted_at: datetime
    valid_until: datetime
