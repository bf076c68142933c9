"""What the pipeline asks for besides postings: documents to write and amounts to pay out."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import msgspec

from settlement.tax.leg import DocumentKind, TaxLeg


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a document; the `net_minor` of all lines sum to the leg's net amount."""

    code: str  # "energy", "time", "parking", "fixed", "reservation", "commission", "referral"
    quantity: Decimal
    unit: str  # UN/ECE rec. 20: KWH, HUR, C62
    unit_price: Decimal  # net, up to 4 decimals
    net_minor: int
    vat_row_id: str = ""
    why: str = ""  # the sentence that explains the amount


class DocumentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a document needs except its number, which is drawn when it is posted.

    `idem` is stable over retries. Orders with equal `group_key` may share one document
    (a CPO's commissions of a day); a receipt never shares.
    """

    idem: bytes
    group_key: str
    kind: DocumentKind
    leg: TaxLeg
    lines: tuple[OrderLine, ...]
    currency: str
    supply_start: datetime
    supply_end: datetime
    tax_point: date
    cdr_key: str  # "NL-ABC/CDR-1"
    session_id: str = ""
    evse_id: str = ""
    location_name: str = ""
    location_country: str = ""
    contract_id: str = ""  # of the driver, printed on the receipt
    energy_kwh: Decimal = Decimal(0)
    corrects: bytes | None = None  # idem of the order that this one credits


class Payable(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry changed in a partner's favour (positive) or against it (negative)."""

    party: str
    account: str
    currency: str
    amount_minor: int
    due_at: datetime
    reference: str  # end-to-end id on the payout
