"""`settle(item, reference, now)`: one CDR into postings, documents and payables, or held."""

from settlement.pipeline.item import (
    Collection,
    MeterProof,
    MeterState,
    Original,
    PublishedTariff,
    Reference,
    SettlementItem,
    SettlementPolicy,
)
from settlement.pipeline.result import Settled, Used, cdr_key
from settlement.pipeline.settle import settle

__all__ = [
    "Collection",
    "MeterProof",
    "MeterState",
    "Original",
    "PublishedTariff",
    "Reference",
    "Settled",
    "SettlementItem",
    "SettlementPolicy",
    "Used",
    "cdr_key",
    "settle",
]
