"""Who the simulated partners are: names, numbers and prices of the sample network."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One organisation as it introduces itself, with what its invoices need."""

    country_code: str
    party_id: str
    role: str
    name: str
    currency: str
    vat_id: str
    iban: str
    street: str
    city: str
    postal_code: str
    language: str = "en"
    bic: str = ""

    def __str__(self) -> str:
        """The party as people write it."""
        return f"{self.country_code}-{self.party_id}"


class Station(msgspec.Struct, frozen=True, kw_only=True):
    """One charging location of a CPO: where it is and how strong."""

    location_id: str
    name: str
    address: str
    city: str
    postal_code: str
    country: str
    latitude: str
    longitude: str
    time_zone: str
    power_w: int
    evses: int = 2


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A CPO's public price: a start fee and a price per kWh, both without VAT."""

    tariff_id: str
    currency: str
    start_fee: Decimal
    per_kwh: Decimal
    vat_percent: Decimal


RHEINSTROM: Final = Profile(
    country_code="DE", party_id="RHE", role="CPO", name="Rheinstrom Ladenetz GmbH", currency="EUR",
    vat_id="DE136695976", iban="DE89370400440532013000", street="Rheinuferstrasse 12",
    city="Koeln", postal_code="50667", language="de",
)  # fmt: skip
FJORDLADE: Final = Profile(
    country_code="NO", party_id="FJO", role="CPO", name="Fjordlade AS", currency="NOK",
    vat_id="NO995525828MVA", iban="NO9386011117947", street="Bryggen 7",
    city="Bergen", postal_code="5003", language="nb",
)  # fmt: skip
VOLTARIS: Final = Profile(
    country_code="NL", party_id="VLT", role="EMSP", name="Voltaris Mobility B.V.", currency="EUR",
    vat_id="NL004495445B01", iban="NL91ABNA0417164300", street="Keizersgracht 241",
    city="Amsterdam", postal_code="1016 EA", language="nl",
)  # fmt: skip
BLEUZEN: Final = Profile(
    country_code="FR", party_id="BLZ", role="EMSP", name="Bleuzen Wallet SAS", currency="EUR",
    vat_id="FR40303265045", iban="FR1420041010050500013M02606", street="14 rue de Rivoli",
    city="Paris", postal_code="75004", language="fr",
)  # fmt: skip

GERMAN_STATIONS: Final = (
    Station(location_id="KOELN-DOM", name="Ladepark am Dom", address="Trankgasse 11", city="Koeln",
            postal_code="50667", country="DEU", latitude="50.941357", longitude="6.958307",
            time_zone="Europe/Berlin", power_w=150_000),
    Station(location_id="BONN-HBF", name="Schnelllader Bonn Hauptbahnhof",
            address="Am Hauptbahnhof 1", city="Bonn", postal_code="53111", country="DEU",
            latitude="50.732009",
            longitude="7.096820", time_zone="Europe/Berlin", power_w=300_000),
)  # fmt: skip
NORWEGIAN_STATIONS: Final = (
    Station(location_id="BERGEN-BRYGGEN", name="Bryggen ladestasjon", address="Bryggen 7",
            city="Bergen", postal_code="5003", country="NOR", latitude="60.397076",
            longitude="5.324383", time_zone="Europe/Oslo", power_w=150_000),
    Station(location_id="VOSS-STASJON", name="Voss stasjon", address="Evangervegen 3", city="Voss",
            postal_code="5704", country="NOR", latitude="60.629167", longitude="6.410833",
            time_zone="Europe/Oslo", power_w=300_000),
)  # fmt: skip

GERMAN_PRICE: Final = Price(
    tariff_id="RHE-DC-2026", currency="EUR", start_fee=Decimal("0.35"), per_kwh=Decimal("0.49"),
    vat_percent=Decimal(19),
)  # fmt: skip
NORWEGIAN_PRICE: Final = Price(
    tariff_id="FJO-LYN-2026", currency="NOK", start_fee=Decimal("4.00"), per_kwh=Decimal("5.20"),
    vat_percent=Decimal(25),
)  # fmt: skip
