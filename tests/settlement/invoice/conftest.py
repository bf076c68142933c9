"""The documents that the hub really writes, one of each kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from settlement.invoice.compose import Draft, Item, compose
from settlement.invoice.model import (
    Invoice,
    Occasion,
    Payment,
    PaymentCode,
    TypeCode,
    Unit,
)
from settlement.invoice.party import Address, Contact, Delivery, Party
from settlement.tax.leg import Category

ISSUED = date(2026, 11, 20)

HUB = Party(
    name="NetworkCore B.V.",
    address=Address(
        street="Keizersgracht 1", postal_code="1015 CJ", city="Amsterdam", country="NL"
    ),
    legal_id="12345678",
    legal_scheme="0106",
    vat_id="NL001234567B01",
    endpoint="12345678",
    endpoint_scheme="0106",
    contact=Contact(name="Finance", phone="+31 20 123 4567", email="finance@networkcore.example"),
)
CPO_NL = Party(
    name="Laadpunt Nederland B.V.",
    address=Address(street="Stationsweg 8", postal_code="3511 ED", city="Utrecht", country="NL"),
    legal_id="87654321",
    legal_scheme="0106",
    vat_id="NL009876543B01",
    endpoint="87654321",
    endpoint_scheme="0106",
)
CPO_DE = Party(
    name="Ladewerk GmbH",
    address=Address(street="Hafenstraße 12", postal_code="20457", city="Hamburg", country="DE"),
    legal_id="HRB 98765",
    vat_id="DE123456789",
    endpoint="DE123456789",
    endpoint_scheme="9930",
    contact=Contact(name="Buchhaltung", phone="+49 40 1234567", email="rechnung@ladewerk.example"),
)
CPO_NO = Party(
    name="Fjordlading AS",
    address=Address(street="Bryggen 3", postal_code="5003", city="Bergen", country="NO"),
    legal_id="987654325",
    legal_scheme="0192",
    vat_id="NO987654325MVA",
)
DP = Party(
    name="Roam & Go SAS",
    address=Address(street="12 rue de la Paix", postal_code="75002", city="Paris", country="FR"),
    legal_id="552100554",
    legal_scheme="0002",
    vat_id="FR03552100554",
)
TRANSFER = Payment(
    code=PaymentCode.SEPA_CREDIT_TRANSFER,
    iban="NL91ABNA0417164300",
    bic="ABNANL2A",
    account_name="NetworkCore B.V.",
    remittance="NCO-2026-000042",
    due_on=date(2026, 12, 4),
)
NETTED = Payment(code=PaymentCode.NETTED, terms="Netted against your payout")
CARD = Payment(code=PaymentCode.CARD, terms="Paid by card")


def commission(buyer: Party, category: Category, rate: str) -> Draft:
    items = tuple(
        Item(
            name=f"Commission on charging sessions, {day} November 2026",
            quantity=Decimal(1),
            unit=Unit.PIECE,
            net_minor=net,
            category=category,
            rate=Decimal(rate),
        )
        for day, net in ((17, 1234), (18, 99), (19, 4001))
    )
    return Draft(
        number="NCO-2026-000042",
        issued_on=ISSUED,
        type_code=TypeCode.INVOICE,
        currency="EUR",
        seller=HUB,
        buyer=buyer,
        items=items,
        payment=TRANSFER,
        buyer_reference="agreement 7",
        period_start=date(2026, 11, 17),
        period_end=date(2026, 11, 19),
    )


def session(currency: str, cpo: Party, rate: str, zone: str, language: str) -> Draft:
    vat = Decimal(rate)

    def item(name: str, quantity: str, unit: Unit, net: int) -> Item:
        return Item(
            name=name,
            quantity=Decimal(quantity),
            unit=unit,
            net_minor=net,
            category=Category.STANDARD,
            rate=vat,
        )

    occasion = Occasion(
        session_id="S-2026-11-19-0815",
        cdr_id="CDR-77120",
        evse_id=f"{cpo.address.country}*LDW*E1234*2",
        started_at=datetime(2026, 11, 19, 17, 4, 10, tzinfo=UTC),
        ended_at=datetime(2026, 11, 19, 18, 31, 55, tzinfo=UTC),
        time_zone=zone,
        energy_kwh=Decimal("41.386"),
        location_name="Harbour car park, level 2",
        tariff_id="AC-22-DAY",
    )
    return Draft(
        number="LDW-NC-2026-000311",
        issued_on=ISSUED,
        type_code=TypeCode.INVOICE,
        currency=currency,
        seller=cpo,
        buyer=Party(name="Private customer", address=Address(country=cpo.address.country)),
        items=(
            item("Energy", "41.386", Unit.KILOWATT_HOUR, 2032),
            item("Parking time", "0.4625", Unit.HOUR, 93),
            item("Start fee", "1", Unit.PIECE, 50),
        ),
        payment=CARD,
        is_paid=True,
        delivery=Delivery(
            address=cpo.address, name=occasion.location_name, location_id=occasion.evse_id
        ),
        delivered_on=date(2026, 11, 19),
        occasion=occasion,
        issued_by=HUB.name,
        language=language,
    )


def self_billed() -> Draft:
    return Draft(
        number="SB-2026-000007",
        issued_on=ISSUED,
        type_code=TypeCode.SELF_BILLED,
        currency="EUR",
        seller=DP,
        buyer=HUB,
        items=(
            Item(
                name="Revenue share for referred charging sessions",
                quantity=Decimal(1),
                unit=Unit.PIECE,
                net_minor=2667,
                category=Category.REVERSE_CHARGE,
                rate=Decimal(0),
            ),
        ),
        payment=NETTED,
        is_paid=True,
        language="fr",
    )


@pytest.fixture
def documents() -> dict[str, Invoice]:
    """Every kind of document, by the name of what is special about it."""
    from settlement.invoice.compose import credit

    domestic = compose(commission(CPO_NL, Category.STANDARD, "21"))
    return {
        "commission_domestic": domestic,
        "commission_cross_border": compose(commission(CPO_DE, Category.REVERSE_CHARGE, "0")),
        "self_billed_share": compose(self_billed()),
        "credit_note": credit(domestic, number="NCO-2026-000043", issued_on=ISSUED),
        "driver_de": compose(session("EUR", CPO_DE, "19", "Europe/Berlin", "de")),
        "driver_no": compose(session("NOK", CPO_NO, "25", "Europe/Oslo", "nb")),
    }


@pytest.fixture
def draft_session() -> Callable[[], Draft]:
    return lambda: session("EUR", CPO_DE, "19", "Europe/Berlin", "de")
