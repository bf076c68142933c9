"""Tokens and real-time authorisation (OCPI 2.3.0 mod_tokens)."""

from __future__ import annotations

from typing import Final

from ocpi.model.scalar import CountryCode, DisplayText, Id, Moment, PartyCode, Value


class TokenType:
    """Kinds of tokens; EMAID from 2.3.0."""

    AD_HOC_USER: Final = "AD_HOC_USER"
    APP_USER: Final = "APP_USER"
    EMAID: Final = "EMAID"
    OTHER: Final = "OTHER"
    RFID: Final = "RFID"


class WhitelistType:
    """Whether a CPO may, must or must not decide without asking."""

    ALWAYS: Final = "ALWAYS"
    ALLOWED: Final = "ALLOWED"
    ALLOWED_OFFLINE: Final = "ALLOWED_OFFLINE"
    NEVER: Final = "NEVER"


class AllowedType:
    """Answers to an authorisation request; all of them travel in HTTP 200."""

    ALLOWED: Final = "ALLOWED"
    BLOCKED: Final = "BLOCKED"
    EXPIRED: Final = "EXPIRED"
    NO_CREDIT: Final = "NO_CREDIT"
    NOT_ALLOWED: Final = "NOT_ALLOWED"


class EnergyContract(Value, frozen=True, kw_only=True):
    """The driver's own energy contract."""

    supplier_name: str
    contract_id: str | None = None


class Token(Value, frozen=True, kw_only=True):
    """What a driver identifies with; unique by owner, uid and type."""

    country_code: CountryCode
    party_id: PartyCode
    uid: Id
    type: str
    contract_id: Id
    visual_number: str | None = None
    issuer: str
    group_id: Id | None = None
    valid: bool
    whitelist: str
    language: str | None = None
    default_profile_type: str | None = None
    energy_contract: EnergyContract | None = None
    last_updated: Moment


class LocationReferences(Value, frozen=True, kw_only=True):
    """Where a token is to be used."""

    location_id: Id
    evse_uids: tuple[Id, ...] = ()


class AuthorizationInfo(Value, frozen=True, kw_only=True):
    """The answer to an authorisation request."""

    allowed: str
    token: Token
    location: LocationReferences | None = None
    authorization_reference: Id | None = None
    info: DisplayText | None = None
