"""What the pipeline answers: postings, documents and payables, with the versions they rest on."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import msgspec

from ocpi.model.cdr import Cdr
from ocpi.model.party import fold
from settlement.ledger.entry import JournalEntry
from settlement.ledger.order import DocumentOrder, Payable
from settlement.ledger.split import Split
from settlement.tax.leg import TaxLeg

PIPELINE = "1"  # raised whenever the same input may give another result


def cdr_key(cdr: Cdr) -> str:
    """The name of a CDR in the whole network, upper case."""
    return f"{fold(cdr.country_code)}-{fold(cdr.party_id)}/{fold(cdr.id)}"


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """Versions of everything a result rests on, so that it can be explained and replayed."""

    pipeline: str
    cdr_hash: str
    tariff_hash: str  # canonical hash of the tariff that priced the CDR
    published_hash: str  # content hash of the archived version in force at the start
    zone: str
    policy: str
    route: str
    contract: str  # "id/version" of the commission contract
    vat_rows: tuple[str, ...]
    quotes: tuple[str, ...]


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one transaction writes for this CDR."""

    cdr_key: str  # "NL-ABC/CDR-1", ids upper-cased
    kind: str  # "settlement" or "credit"
    occurred_at: datetime
    tax_point: date
    currency: str
    net_minor: int
    vat_minor: int
    gross_minor: int
    energy_kwh: Decimal
    entries: tuple[JournalEntry, ...]
    legs: tuple[TaxLeg, ...]
    orders: tuple[DocumentOrder, ...]
    payables: tuple[Payable, ...]
    split: Split | None
    due_at: datetime  # when everyone must have been paid
    price_json: bytes  # the explained price, as `networkcore price` shows it
    notes: tuple[str, ...]
    used: Used
