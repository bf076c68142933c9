"""A tariff made ready for pricing: exact rationals, slots per dimension in the tariff's order."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction

import msgspec

from settlement.money import Rounding


class Dimension(StrEnum):
    ENERGY = "ENERGY"
    TIME = "TIME"
    PARKING_TIME = "PARKING_TIME"
    FLAT = "FLAT"
    RESERVATION_TIME = "RESERVATION_TIME"


class Group(StrEnum):
    """The cost fields of a CDR (OCPI 2.2.1 mod_cdrs `total_*_cost`)."""

    FIXED = "fixed"
    ENERGY = "energy"
    TIME = "time"
    PARKING = "parking"
    RESERVATION = "reservation"
    LIMIT = "limit"  # what min_price adds or max_price takes away


class TaxMode(StrEnum):
    """`tax_included` of OCPI 2.3.0; older versions are always NO."""

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


class VatMissing(StrEnum):
    """What it means that no component of a tariff names a VAT percentage (reference §1.2)."""

    UNKNOWN = "unknown"  # no field for it, or left open: never print net = gross
    NONE = "none"  # the text says: if omitted, no VAT is applicable


class NoteCode(StrEnum):
    DIMENSION_UNPRICED = "dimension_unpriced"
    DIMENSION_UNKNOWN = "dimension_unknown"
    RESTRICTION_UNKNOWN = "restriction_unknown"
    TIME_WINDOW_UNDEFINED = "time_window_undefined"
    MEASURE_MISSING = "measure_missing"
    PERIOD_WITHOUT_TARIFF = "period_without_tariff"
    PERIOD_SPANS_PRICE_CHANGE = "period_spans_price_change"
    TARIFF_NOT_ACTIVE = "tariff_not_active"
    TARIFF_ID_DIFFERS = "tariff_id_differs"
    AMBIGUOUS_TARIFF = "ambiguous_tariff"
    STEP_BOUNDARY_WITHIN_ROUNDING = "step_boundary_within_rounding"
    STEP_TOLERANCE_APPLIED = "step_tolerance_applied"
    STEP_OF_LAST_TARIFF_ONLY = "step_of_last_tariff_only"
    TAXES_UNKNOWN = "taxes_unknown"
    VAT_MISSING_ON_SOME = "vat_missing_on_some"
    PRICE_LIMITS_OF_SEVERAL_TARIFFS = "price_limits_of_several_tariffs"
    MIN_PRICE_APPLIED = "min_price_applied"
    MAX_PRICE_APPLIED = "max_price_applied"
    NEGATIVE_ENERGY = "negative_energy"
    RESERVATION_EXPIRED = "reservation_expired"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person should know about a price that stands nevertheless."""

    code: NoteCode
    detail: str


class Component(msgspec.Struct, frozen=True, kw_only=True):
    dimension: Dimension
    price: Fraction
    step_size: int
    vat: Fraction | None  # percent; None = not named
    tax_factor: Fraction | None  # gross is net times factor; None = unknown


class Restriction(msgspec.Struct, frozen=True, kw_only=True):
    """All given bounds together (OCPI 2.2.1 TariffRestrictions); seconds, kWh, A, kW."""

    text: str
    start_time_s: int | None = None
    end_time_s: int | None = None
    start_date: date | None = None
    end_date: date | None = None
    days: frozenset[int] | None = None  # Monday = 0
    min_kwh: Fraction | None = None
    max_kwh: Fraction | None = None
    min_current: Fraction | None = None
    max_current: Fraction | None = None
    min_power: Fraction | None = None
    max_power: Fraction | None = None
    min_duration_s: int | None = None
    max_duration_s: int | None = None
    never: bool = False  # carries a word we do not know: the element prices nothing

    is_local: bool = False  # looks at the wall clock
    is_metered: bool = False  # looks at the energy so far
    is_timed: bool = False  # looks at the time since the session's start
    is_measured: bool = False  # looks at current or power
    is_moving: bool = False  # the answer may change within one period


class Slot(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One component with the element it stands in; compared by identity."""

    element: int
    component: Component
    restriction: Restriction | None


class Slots(msgspec.Struct, frozen=True, kw_only=True):
    """Per dimension, in the order of the tariff's elements: the first that matches prices."""

    energy: tuple[Slot, ...] = ()
    time: tuple[Slot, ...] = ()
    parking: tuple[Slot, ...] = ()
    flat: tuple[Slot, ...] = ()


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    before_taxes: Fraction
    after_taxes: Fraction | None = None


class PriceTable(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    tariff_id: str
    tariff_key: str  # ASCII upper-cased id
    currency: str
    type: str | None
    tax: TaxMode
    session: Slots
    reservation: Slots  # elements restricted to RESERVATION
    expiry: Slots  # elements restricted to RESERVATION_EXPIRES
    min_price: Limit | None = None
    max_price: Limit | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    is_moving: bool = False  # some restriction may change its answer within a period
    is_local: bool = False  # some restriction needs the wall clock of the location
    is_metered: bool = False  # some restriction looks at the energy so far
    notes: tuple[Note, ...] = ()


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What one charging period measured; hours, kWh, A, kW. `None` = not stated."""

    start: datetime
    end: datetime
    energy: Fraction | None = None
    time: Fraction | None = None
    parking: Fraction | None = None
    reservation: Fraction | None = None
    min_current: Fraction | None = None
    max_current: Fraction | None = None
    min_power: Fraction | None = None
    max_power: Fraction | None = None
    tariff_key: str = ""


class ReservationState(StrEnum):
    NONE = "NONE"
    USED = "USED"
    EXPIRED = "EXPIRED"


class PricePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """OCPI names no rounding on purpose: totals stay exact unless a policy says otherwise."""

    rounding: Rounding = Rounding.HALF_UP
    total_decimals: int | None = None
    step_tolerance: bool = False  # half a unit of the last transmitted decimal per period
    min_price_on_reservation_only: bool = True


class PriceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a price depends on. Build it from a CDR with `settlement.tariff.adapt.request`."""

    start: datetime
    end: datetime
    usages: tuple[Usage, ...]
    tables: tuple[PriceTable, ...]
    zone: str = "UTC"
    policy: PricePolicy = PricePolicy()
    reservation: ReservationState = ReservationState.NONE
    preference: str | None = None  # PROFILE_CHEAP, PROFILE_FAST, PROFILE_GREEN
    at_terminal: bool = False  # ad hoc payment
    is_forced: bool = False  # price with the one given tariff whatever the periods name


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What one component of one element made of its part of the session."""

    dimension: Dimension
    group: Group
    tariff_id: str
    element: int
    quantity: Fraction  # measured: kWh, hours, or 1
    billed: Fraction  # after step_size
    unit_price: Fraction
    amount: Fraction  # billed times unit_price, net or gross as the tariff states it
    net: Fraction | None
    gross: Fraction | None
    vat: Fraction | None
    step_size: int
    periods: int
    condition: str  # the restrictions that matched, empty = none


class Amounts(msgspec.Struct, frozen=True, kw_only=True):
    before_taxes: Fraction | None
    after_taxes: Fraction | None


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """A session's price with every step that led to it; exact unless the policy rounds totals."""

    currency: str
    total: Amounts
    groups: tuple[tuple[Group, Amounts], ...]
    lines: tuple[Line, ...]
    adjustment: Amounts | None  # total minus Σ lines, where a price limit applied
    tariff_ids: tuple[str, ...]
    notes: tuple[Note, ...]
    is_ambiguous: bool

    def group(self, name: Group) -> Amounts:
        for found, amounts in self.groups:
            if found is name:
                return amounts
        return NOTHING


NOTHING = Amounts(before_taxes=Fraction(0), after_taxes=Fraction(0))
