"""Who stands on a document: seller (BG-4), buyer (BG-7) and where it was delivered (BG-15)."""

from __future__ import annotations

import msgspec


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Postal address: BG-5 of the seller, BG-8 of the buyer, BG-15 of the delivery."""

    country: str
    """ISO 3166-1 alpha-2 (BT-40, BT-55, BT-80)."""
    street: str = ""
    extra: str = ""
    postal_code: str = ""
    city: str = ""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask: BG-6 of the seller, BG-9 of the buyer."""

    name: str = ""
    phone: str = ""
    email: str = ""


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """Seller (BG-4) or buyer (BG-7)."""

    name: str
    """Legal name (BT-27, BT-44)."""
    address: Address
    trading_name: str = ""
    """BT-28, BT-45."""
    legal_id: str = ""
    """Registration number (BT-30, BT-47)."""
    legal_scheme: str = ""
    """ISO 6523 code of the register, `0106` = NL KvK (BT-30-1)."""
    vat_id: str = ""
    """BT-31, BT-48, with its country prefix."""
    endpoint: str = ""
    """Electronic address (BT-34, BT-49)."""
    endpoint_scheme: str = ""
    """EAS code, `9930` = DE VAT (BT-34-1)."""
    contact: Contact | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when it was supplied (BG-13): for a charge, the charge point."""

    address: Address
    name: str = ""
    """BT-70."""
    location_id: str = ""
    """BT-71: the EVSE id."""
