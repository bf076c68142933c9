"""Tariffs (OCPI 2.3.0 mod_tariffs)."""

from __future__ import annotations

from typing import Final

from ocpi.model.location import EnergyMix
from ocpi.model.price import PriceLimit
from ocpi.model.scalar import (
    CountryCode,
    Currency,
    DisplayText,
    Id,
    Moment,
    Number,
    PartyCode,
    Url,
    Value,
    Whole,
)


class TaxIncluded:
    """Whether a tariff's prices contain tax (OCPI 2.3.0 TaxIncluded)."""

    YES: Final = "YES"
    NO: Final = "NO"
    NOT_APPLICABLE: Final = "N/A"


class TariffDimensionType:
    """What a price component prices."""

    ENERGY: Final = "ENERGY"
    FLAT: Final = "FLAT"
    PARKING_TIME: Final = "PARKING_TIME"
    TIME: Final = "TIME"


class TariffType:
    """For which sessions a tariff holds."""

    AD_HOC_PAYMENT: Final = "AD_HOC_PAYMENT"
    PROFILE_CHEAP: Final = "PROFILE_CHEAP"
    PROFILE_FAST: Final = "PROFILE_FAST"
    PROFILE_GREEN: Final = "PROFILE_GREEN"
    REGULAR: Final = "REGULAR"


class ReservationRestrictionType:
    """Elements that price a reservation."""

    RESERVATION: Final = "RESERVATION"
    RESERVATION_EXPIRES: Final = "RESERVATION_EXPIRES"


class DayOfWeek:
    """Days as tariffs spell them."""

    MONDAY: Final = "MONDAY"
    TUESDAY: Final = "TUESDAY"
    WEDNESDAY: Final = "WEDNESDAY"
    THURSDAY: Final = "THURSDAY"
    FRIDAY: Final = "FRIDAY"
    SATURDAY: Final = "SATURDAY"
    SUNDAY: Final = "SUNDAY"


class PriceComponent(Value, frozen=True, kw_only=True):
    """The price of one unit of a dimension; ``vat`` absent and ``vat`` 0 do not mean the same."""

    type: str
    price: Number
    vat: Number | None = None
    step_size: Whole


class TariffRestrictions(Value, frozen=True, kw_only=True):
    """When an element applies; all given restrictions together."""

    start_time: str | None = None
    end_time: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    min_kwh: Number | None = None
    max_kwh: Number | None = None
    min_current: Number | None = None
    max_current: Number | None = None
    min_power: Number | None = None
    max_power: Number | None = None
    min_duration: Whole | None = None
    max_duration: Whole | None = None
    day_of_week: tuple[str, ...] = ()
    reservation: str | None = None


class TariffElement(Value, frozen=True, kw_only=True):
    """Price components and when they apply."""

    price_components: tuple[PriceComponent, ...]
    restrictions: TariffRestrictions | None = None


class Tariff(Value, frozen=True, kw_only=True):
    """What charging costs at the connectors that name this tariff."""

    country_code: CountryCode
    party_id: PartyCode
    id: Id
    currency: Currency
    type: str | None = None
    tariff_alt_text: tuple[DisplayText, ...] = ()
    tariff_alt_url: Url | None = None
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    preauthorize_amount: Number | None = None
    elements: tuple[TariffElement, ...]
    tax_included: str
    start_date_time: Moment | None = None
    end_date_time: Moment | None = None
    energy_mix: EnergyMix | None = None
    last_updated: Moment
