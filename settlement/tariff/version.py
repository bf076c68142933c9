"""Whether two statements of a tariff price alike: a fingerprint of what matters for the price."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from functools import lru_cache

import msgspec

from ocpi.model.party import fold
from ocpi.model.tariff import Tariff

# Texts for people, the energy mix and the time of the last push do not change a price.
PRICED_FIELDS = (
    "currency",
    "type",
    "min_price",
    "max_price",
    "elements",
    "tax_included",
    "start_date_time",
    "end_date_time",
)


@lru_cache(maxsize=4096)
def fingerprint(tariff: Tariff) -> str:
    """SHA-256 over the tariff's prices and conditions; 0.50 and 0.5 are the same number."""
    stated = [fold(tariff.id), *(getattr(tariff, name) for name in PRICED_FIELDS)]
    plain = msgspec.to_builtins(stated, builtin_types=(Decimal,), str_keys=True)
    return hashlib.sha256(msgspec.json.encode(_normal(plain))).hexdigest()


def _normal(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, dict):
        return {name: _normal(inner) for name, inner in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_normal(inner) for inner in value]
    return value
