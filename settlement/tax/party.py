"""The money facts of a party: who it is to a tax authority and to a bank."""

from __future__ import annotations

import msgspec

DRIVER_KEY = "driver"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    street: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""  # ISO 3166-1 alpha-2


class MoneyParty(msgspec.Struct, frozen=True, kw_only=True):
    """`key` is "NL-ABC" as in OCPI; `country` is where it is established for VAT (alpha-2)."""

    key: str
    name: str
    country: str
    currency: str
    vat_id: str = ""
    address: Address = Address()
    language: str = "en"
    iban: str = ""
    bic: str = ""
    legal_id: str = ""
    electronic_address: str = ""
    email: str = ""


def driver(country: str, currency: str) -> MoneyParty:
    """The driver, whose name the hub never learns: the token stands on the receipt instead."""
    return MoneyParty(key=DRIVER_KEY, name="", country=country, currency=currency)
