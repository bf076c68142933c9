"""What the pipeline is given: the item to settle and the state of knowledge it is judged by."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from ocpi.model.cdr import Cdr
from ocpi.model.tariff import Tariff
from settlement.fx.quote import Quote
from settlement.ledger.entry import JournalEntry
from settlement.ledger.order import DocumentOrder
from settlement.ledger.split import CommissionContract
from settlement.money import Rounding
from settlement.tax.party import MoneyParty
from settlement.tax.row import TaxTable


class PublishedTariff(msgspec.Struct, frozen=True, kw_only=True):
    """One archived version of a tariff; `content_hash` is that of its bytes as published."""

    content_hash: bytes
    tariff: Tariff
    published_at: datetime
    withdrawn_at: datetime | None = None


class MeterState(StrEnum):
    NOT_SIGNED = "not_signed"
    PROVEN = "proven"
    SIGNATURE_INVALID = "signature_invalid"
    KEY_UNKNOWN = "key_unknown"
    ENERGY_DIFFERS = "energy_differs"


class MeterProof(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on the signed meter values of the CDR; made before the pipeline runs."""

    state: MeterState = MeterState.NOT_SIGNED
    detail: str = ""


class Collection(StrEnum):
    PSP = "psp"  # the hub's payment provider collects from the driver
    PARTY = "party"  # the demand partner collects and owes the hub


class Original(msgspec.Struct, frozen=True, kw_only=True):
    """What a credit CDR takes back: everything the original CDR led to."""

    cdr: Cdr
    entries: tuple[JournalEntry, ...]
    orders: tuple[DocumentOrder, ...]


class SettlementItem(msgspec.Struct, frozen=True, kw_only=True):
    """One CDR with everything that is known about it. `None` where the store found nothing."""

    cdr: Cdr
    cdr_hash: bytes  # SHA-256 of the body as received
    received_at: datetime
    published: tuple[PublishedTariff, ...]  # in force at the session's start for this connector
    zone: str | None  # IANA name of the location
    cpo: MoneyParty | None
    demand: MoneyParty | None  # the party whose token started the session
    contract: CommissionContract | None
    collection: Collection = Collection.PARTY
    meter: MeterProof = MeterProof()
    original: Original | None = None  # for a credit CDR
    has_conflict: bool = False  # the same CDR id arrived with other content
    overlaps: tuple[str, ...] = ()  # ids of other CDRs of the same EVSE that overlap in time
    taxes_unknown: bool = False  # the wire version of the CDR carries no taxes at all
    jurisdiction: str | None = None  # ISO 3166-2 where it differs from the country: PT-20


class SettlementPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How one CPO's items are judged; every value is recorded in the result by `name`."""

    name: str = "default"
    rounding: Rounding = Rounding.HALF_UP
    tolerance_minor: int = 0  # a CDR total within this of ours stands as the CDR says it
    step_tolerance: bool = False  # half a unit of the last transmitted decimal on step borders
    min_price_on_reservation_only: bool = True
    energy_kwh_max: Decimal = Decimal(1000)
    days_max: int = 31
    age_days_max: int = 90
    future_s_max: int = 300
    allow_negative_energy: bool = False
    allow_home_charging: bool = False
    require_published_tariff: bool = True
    require_payee_bank: bool = False  # else only the payout waits for an account
    meter_required_in: tuple[str, ...] = ()  # countries where kWh are billed on signatures only
    payout_hours: int = 48


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """The state of knowledge: changes slowly, shared by all items of a batch."""

    hub: MoneyParty
    taxes: TaxTable
    quotes: tuple[Quote, ...] = ()
    policy: SettlementPolicy = SettlementPolicy()
    cpo_policies: tuple[tuple[str, SettlementPolicy], ...] = ()  # by party key
    route: str = "disclosed_agent"
