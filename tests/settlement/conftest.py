"""Sessions and tariffs as small as a test can say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ocpi.model.cdr import Cdr, CdrDimension, CdrLocation, CdrToken, ChargingPeriod
from ocpi.model.location import GeoLocation
from ocpi.model.price import Price, PriceLimit, TaxAmount
from ocpi.model.tariff import PriceComponent, Tariff, TariffElement, TariffRestrictions

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday


def _component(kind, price, vat=None, step=1):
    return PriceComponent(
        type=kind,
        price=Decimal(price),
        vat=None if vat is None else Decimal(vat),
        step_size=step,
    )


def _element(*components, **restrictions):
    return TariffElement(
        price_components=tuple(_component(*c) for c in components),
        restrictions=TariffRestrictions(**restrictions) if restrictions else None,
    )


def _tariff(*elements, name="T1", currency="EUR", tax_included="NO", **more):
    for limit in ("min_price", "max_price"):
        if limit in more:
            before, after = more[limit]
            more[limit] = PriceLimit(
                before_taxes=Decimal(before), after_taxes=None if after is None else Decimal(after)
            )
    return Tariff(
        country_code="DE",
        party_id="ALL",
        id=name,
        currency=currency,
        tax_included=tax_included,
        elements=elements,
        last_updated=START - timedelta(days=30),
        **more,
    )


def _price(before, after=None):
    taxes = ()
    if after is not None:
        taxes = (TaxAmount(name="VAT", amount=Decimal(after) - Decimal(before)),)
    return Price(before_taxes=Decimal(before), taxes=taxes)


def _cdr(*periods, tariffs=(), total=("0", None), start=START, end=None, country="DEU", **more):
    """Periods are (minutes after start, {dimension: volume}[, tariff id])."""
    made, sums = [], {}
    for minutes, volumes, *tariff_id in periods:
        dimensions = tuple(
            CdrDimension(type=kind, volume=Decimal(value)) for kind, value in volumes.items()
        )
        for kind, value in volumes.items():
            sums[kind] = sums.get(kind, Decimal(0)) + Decimal(value)
        made.append(
            ChargingPeriod(
                start_date_time=start + timedelta(minutes=minutes),
                dimensions=dimensions,
                tariff_id=tariff_id[0] if tariff_id else None,
            )
        )
    stated = {
        "country_code": "DE",
        "party_id": "ALL",
        "id": "CDR1",
        "start_date_time": start,
        "end_date_time": end or start + timedelta(hours=2),
        "cdr_token": CdrToken(
            country_code="NL", party_id="TNM", uid="U1", type="RFID", contract_id="NL-TNM-C1"
        ),
        "auth_method": "WHITELIST",
        "cdr_location": CdrLocation(
            id="LOC1",
            name="Harbour",
            address="Quay 1",
            city="Hamburg",
            country=country,
            coordinates=GeoLocation(latitude="53.5", longitude="9.9"),
            evse_uid="E1",
            evse_id="DE*ALL*E1",
            connector_id="1",
            connector_standard="IEC_62196_T2",
            connector_format="SOCKET",
            connector_power_type="AC_3_PHASE",
        ),
        "currency": tariffs[0].currency if tariffs else "EUR",
        "tariffs": tuple(tariffs),
        "charging_periods": tuple(made),
        "total_cost": _price(*total),
        "total_energy": sums.get("ENERGY", Decimal(0)),
        "total_time": sums.get("TIME", Decimal(0)) + sums.get("PARKING_TIME", Decimal(0)),
        "last_updated": start + timedelta(hours=3),
    }
    return Cdr(**{**stated, **more})


@pytest.fixture(scope="session")
def element():
    return _element


@pytest.fixture(scope="session")
def tariff():
    return _tariff


@pytest.fixture(scope="session")
def cdr():
    return _cdr


@pytest.fixture(scope="session")
def cost():
    return _price


@pytest.fixture(scope="session")
def shared_data():
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.exists():
        pytest.skip("the folder of shared examples does not exist here")
    return folder
