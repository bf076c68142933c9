"""OCPI 2.3.0 on the wire: the model itself, as it is written there.

Read are also the fields of the payments and bookings branches that the model has.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import asdict, replace

from ocpi.model.cdr import Cdr
from ocpi.model.session import Session
from ocpi.model.tariff import Tariff, TaxIncluded
from ocpi.wire import v221
from ocpi.wire.loss import Loss
from ocpi.wire.shape import Kind, variant

KINDS: Final[dict[str, Kind]] = v221.KINDS | {
    "tariff": Kind(Tariff),
    "session": Kind(Session),
    "cdr": Kind(Cdr),
}

_TariffWire: Final[Any] = variant(
    Tariff, {"tax_included": str | None}, absent=frozenset({"tax_included"})
)
_CdrWire: Final[Any] = variant(Cdr, {"tariffs": tuple[_TariffWire, ...]})


def _tariff_to_model(wire: Any) -> Tariff:
    """Give the tariff; prices that do not say whether they contain tax are read as without.

    Not as untaxed: without a rate the taxes stay unknown.
    """
    return Tariff(**asdict(wire) | {"tax_included": wire.tax_included or TaxIncluded.NO})


def _cdr_to_model(wire: Any) -> Cdr:
    return Cdr(**asdict(wire) | {"tariffs": tuple(map(_tariff_to_model, wire.tariffs))})


TOLERANT: Final[dict[str, Kind]] = {
    "tariff": Kind(_TariffWire, _tariff_to_model),
    "cdr": Kind(_CdrWire, _cdr_to_model),
}
"""Tariffs without ``tax_included``: the specification's own example of a CDR has one."""

NEWER_FIELDS: Final[frozenset[str]] = frozenset()
PATCH_REQUIRED: Final = v221.PATCH_REQUIRED


def from_model(value: Any, **_: Any) -> tuple[Any, tuple[Loss, ...]]:
    """Give the value as this version writes it; only FLAT, of 2.1.1, has no place here."""
    if not isinstance(value, Cdr | Session):
        return value, ()
    losses: list[Loss] = []
    periods = v221.without_flat(value.charging_periods, losses)
    return (replace(value, charging_periods=periods) if losses else value), tuple(losses)
