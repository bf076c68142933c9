"""Who is connected to the hub (OCPI 2.3.0 mod_hub_client_info)."""

from __future__ import annotations

from typing import Final

from ocpi.model.scalar import CountryCode, Moment, PartyCode, Value


class ConnectionStatus:
    """A party's connection to the hub."""

    CONNECTED: Final = "CONNECTED"
    OFFLINE: Final = "OFFLINE"
    PLANNED: Final = "PLANNED"
    SUSPENDED: Final = "SUSPENDED"


class ClientInfo(Value, frozen=True, kw_only=True):
    """One party in one role, and whether it can be reached."""

    party_id: PartyCode
    country_code: CountryCode
    role: str
    status: str
    last_updated: Moment
