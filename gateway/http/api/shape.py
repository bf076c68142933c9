"""What the plain API takes and gives. Money and energy: decimal strings; times: RFC 3339 UTC."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

# A pattern's `$` lets a line feed follow it; max_length does not.
CountryCode = Annotated[
    str, Meta(pattern="^[A-Za-z]{2}$", max_length=2, description="ISO 3166-1 alpha-2")
]
PartyCode = Annotated[
    str, Meta(pattern="^[A-Za-z0-9]{3}$", max_length=3, description="OCPI party_id")
]
Id = Annotated[
    str, Meta(pattern="^[ -~]*[!-~][ -~]*$", max_length=36, description="OCPI CiString(36)")
]
Language = Annotated[str, Meta(pattern="^[a-z]{2}$", max_length=2, description="ISO 639-1")]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", max_length=3, description="ISO 4217")]
Role = Literal["CPO", "EMSP", "NAP", "NSP", "OTHER", "SCSP"]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Kwh = Annotated[str, Meta(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4})?$", description="kWh, decimal")]

PLAN_S_MAX = 7 * 86_400

Shape = msgspec.Struct


class Near(Shape, frozen=True, kw_only=True):
    """Query of `GET /locations`."""

    latitude: Latitude
    longitude: Longitude
    radius_m: Annotated[int, Meta(ge=1, le=100_000)] = 5000
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Coordinates(Shape, frozen=True, kw_only=True):
    """WGS 84 degrees, as the operator wrote them."""

    latitude: str
    longitude: str


class Connector(Shape, frozen=True, kw_only=True):
    """One plug or cable."""

    id: str
    standard: str
    power_type: str
    max_electric_power_w: int | None
    tariff_ids: tuple[str, ...]


class Evse(Shape, frozen=True, kw_only=True):
    """One place to charge one car."""

    uid: str
    evse_id: str | None
    status: str
    connectors: tuple[Connector, ...]


class Place(Shape, frozen=True, kw_only=True):
    """A charging location near the asked point."""

    country_code: str
    party_id: str
    operator: str
    location_id: str
    name: str | None
    address: str
    city: str
    country: str
    coordinates: Coordinates
    distance_m: int
    time_zone: str | None
    evses: tuple[Evse, ...]


class Places(Shape, frozen=True, kw_only=True):
    """Nearest first."""

    locations: tuple[Place, ...]


class At(Shape, frozen=True, kw_only=True):
    """Where to charge."""

    country_code: CountryCode
    party_id: PartyCode
    location_id: Id
    evse_uid: Id
    connector_id: Id | None = None


class QuoteRequest(At, frozen=True, kw_only=True):
    """How much energy, and for how long (seconds, a week at most), from now or from `start` on."""

    energy_kwh: Kwh
    duration_s: Annotated[int, Meta(ge=1, le=PLAN_S_MAX)] = 3600
    parking_s: Annotated[int, Meta(ge=0, le=PLAN_S_MAX)] = 0
    start: Annotated[datetime, Meta(tz=True)] | None = None


class QuoteLine(Shape, frozen=True, kw_only=True):
    """One line of the estimate, with the reason in words."""

    dimension: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    why: str


class Component(Shape, frozen=True, kw_only=True):
    """One price component of the operator's public tariff."""

    type: str
    price: Decimal
    vat_percent: Decimal | None
    step_size: int


class Total(Shape, frozen=True, kw_only=True):
    """`after_taxes` is null where the operator does not say which tax applies."""

    before_taxes: Decimal
    after_taxes: Decimal | None


class Quote(Shape, frozen=True, kw_only=True):
    """What the session would cost at the operator's public tariff; nothing is added to it."""

    currency: str
    tariff_id: str
    tariff_hash: str
    total: Total
    lines: tuple[QuoteLine, ...]
    components: tuple[Component, ...]
    notes: tuple[str, ...]


class StartRequest(At, frozen=True, kw_only=True):
    """Who charges: `contract_id` is your own contract with the driver."""

    contract_id: Id
    language: Language | None = None


Status = Literal["PENDING", "ACTIVE", "STOPPING", "COMPLETED", "INVALID", "REJECTED", "SETTLED"]


class Charge(Shape, frozen=True, kw_only=True):
    """A session that you started. `kwh` and `cost` are the operator's latest word, not the bill."""

    id: str
    status: Status
    country_code: str
    party_id: str
    location_id: str
    evse_uid: str
    contract_id: str
    requested_at: datetime
    reason: str | None = None
    session_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    kwh: Decimal | None = None
    currency: str | None = None
    cost: Total | None = None
    last_updated: datetime | None = None


class Receipt(Shape, frozen=True, kw_only=True):
    """The bill, priced again by the hub from the tariff that was public when the session began."""

    id: str
    session_id: str | None
    cdr_id: str
    currency: str
    total: Total
    vat: Decimal
    energy_kwh: Decimal
    started_at: datetime
    ended_at: datetime
    documents: tuple[str, ...]
    price: Any


class TokenRequest(Shape, frozen=True, kw_only=True):
    """A driver's card. The hub tells every operator."""

    contract_id: Id
    type: Literal["RFID", "APP_USER", "AD_HOC_USER", "OTHER"] = "RFID"
    valid: bool = True
    whitelist: Literal["ALWAYS", "ALLOWED", "ALLOWED_OFFLINE"] = "ALWAYS"
    visual_number: Annotated[str, Meta(max_length=64)] | None = None
    language: Language | None = None


class Token(TokenRequest, frozen=True, kw_only=True):
    """The card as the network knows it."""

    uid: str
    country_code: str
    party_id: str
    last_updated: datetime


class Address(Shape, frozen=True, kw_only=True):
    """Where invoices go; the country is alpha-2."""

    street: Annotated[str, Meta(max_length=200)] = ""
    city: Annotated[str, Meta(max_length=100)] = ""
    postal_code: Annotated[str, Meta(max_length=20)] = ""
    country: Annotated[str, Meta(pattern="^([A-Z]{2})?$", max_length=2)] = ""


class InviteRequest(Shape, frozen=True, kw_only=True):
    """A new partner, by an administrator. `api` partners get a bearer token instead of TOKEN_A."""

    role: Role
    country_code: CountryCode
    party_id: PartyCode
    name: Annotated[str, Meta(pattern=r"\S", max_length=100)]
    kind: Literal["ocpi", "api"] = "ocpi"
    currency: Currency = "EUR"
    vat_id: Annotated[str, Meta(max_length=32)] | None = None
    iban: Annotated[str, Meta(max_length=34)] | None = None
    language: Language = "en"
    address: Address = Address()


class Invitation(Shape, frozen=True, kw_only=True):
    """Shown once: the token is stored only as its hash."""

    country_code: str
    party_id: str
    role: str
    versions_url: str | None = None
    token_a: str | None = None
    api_token: str | None = None


class Problem(Shape, frozen=True, kw_only=True):
    """RFC 9457. `field` names what was wrong in the request."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
