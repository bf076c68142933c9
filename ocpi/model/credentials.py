"""Credentials, versions and endpoints (OCPI 2.3.0 credentials, version_information_endpoint)."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from ocpi.model.location import BusinessDetails
from ocpi.model.scalar import CountryCode, PartyCode, Url, Value

CredentialsToken = Annotated[str, Meta(pattern=r"^[!-~]{1,64}\Z", max_length=64)]


class ModuleID:
    """Module identifiers."""

    CDRS: Final = "cdrs"
    CHARGING_PROFILES: Final = "chargingprofiles"
    COMMANDS: Final = "commands"
    CREDENTIALS: Final = "credentials"
    HUB_CLIENT_INFO: Final = "hubclientinfo"
    LOCATIONS: Final = "locations"
    SESSIONS: Final = "sessions"
    TARIFFS: Final = "tariffs"
    TOKENS: Final = "tokens"
    VERSIONS: Final = "versions"


class InterfaceRole:
    """The two sides of a module."""

    RECEIVER: Final = "RECEIVER"
    SENDER: Final = "SENDER"


class CredentialsRole(Value, frozen=True, kw_only=True):
    """One role of one party on a platform."""

    role: str
    business_details: BusinessDetails
    party_id: PartyCode
    country_code: CountryCode


class Credentials(Value, frozen=True, kw_only=True):
    """How to reach a platform, and which parties live on it."""

    token: CredentialsToken
    url: Url
    hub_party_id: str | None = None
    roles: Annotated[tuple[CredentialsRole, ...], Meta(min_length=1)]


class Version(Value, frozen=True, kw_only=True):
    """A version a platform speaks."""

    version: str
    url: Url


class Endpoint(Value, frozen=True, kw_only=True):
    """Where one side of a module is served."""

    identifier: str
    role: str
    url: Url


class VersionDetails(Value, frozen=True, kw_only=True):
    """The endpoints of one version."""

    version: str
    endpoints: tuple[Endpoint, ...]
