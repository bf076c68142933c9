"""Which version a CDR or tariff is written in: each version renamed something both must have."""

from __future__ import annotations

from typing import Final

import msgspec

from ocpi import guard
from ocpi.errors import invalid, not_json
from ocpi.wire.catalog import V221
from ocpi.wire.codec import V211, V230

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ONLY_211: Final = frozenset({"stop_date_time", "auth_id", "location"})
_FAULTS: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def cdr_version(raw: bytes) -> str:
    """Give the version of a CDR by its names for time, token and price."""
    fields = _fields(raw)
    total = bytes(fields.get("total_cost", b"")).lstrip()
    is_object = total.startswith(b"{")
    if "end_date_time" not in fields and (_ONLY_211 & fields.keys() or (total and not is_object)):
        return V211
    return V230 if is_object and "before_taxes" in _fields(total) else V221


def tariff_version(raw: bytes, beside: str) -> str:
    """Give the version of a tariff; one that shows none is as what it came with, ``beside``."""
    fields = _fields(raw)
    if "country_code" not in fields and "party_id" not in fields:
        return V211
    if "tax_included" in fields or _has(fields, "before_taxes"):
        return V230
    if _has(fields, "excl_vat") or beside == V211:
        return V221
    return beside


def _has(fields: dict[str, msgspec.Raw], name: str) -> bool:
    limits = (bytes(fields.get(limit, b"")) for limit in ("min_price", "max_price"))
    return any(limit.lstrip().startswith(b"{") and name in _fields(limit) for limit in limits)


def _fields(raw: bytes) -> dict[str, msgspec.Raw]:
    guard.check(raw)
    try:
        return _FIELDS.decode(raw)
    except msgspec.ValidationError:
        raise invalid("body", "a JSON object is expected") from None
    except _FAULTS as error:
        raise not_json(str(error)) from None
