"""Tariffs: what a session costs at the CPO's own price, exactly and with its reasons."""

from settlement.tariff.adapt import compile_tariff, request
from settlement.tariff.compare import Difference, differences, total_differences
from settlement.tariff.engine import price
from settlement.tariff.estimate import Plan, quote
from settlement.tariff.explain import PriceAnswer, answer, explain, why
from settlement.tariff.table import (
    Amounts,
    Group,
    Line,
    Note,
    NoteCode,
    Priced,
    PricePolicy,
    PriceRequest,
    ReservationState,
    VatMissing,
)

__all__ = [
    "Amounts",
    "Difference",
    "Group",
    "Line",
    "Note",
    "NoteCode",
    "Plan",
    "PriceAnswer",
    "PricePolicy",
    "PriceRequest",
    "Priced",
    "ReservationState",
    "VatMissing",
    "answer",
    "compile_tariff",
    "differences",
    "explain",
    "price",
    "quote",
    "request",
    "total_differences",
    "why",
]
