"""What is asked, and what was answered."""

from __future__ import annotations

import msgspec

from gateway.hub.authorise.record import TokenRecord
from gateway.hub.authorise.verdict import Contract, Decision
from ocpi.model.party import PartyId


class Place(msgspec.Struct, frozen=True, gc=False):
    """LocationReferences as they came (OCPI tokens module)."""

    location_id: str
    evse_uids: tuple[str, ...] = ()


class AuthoriseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One question. `to` narrows it to one issuer; `contract_key` is a normalised contract id."""

    uid: str
    type: str
    requester: PartyId
    to: PartyId | None = None
    place: Place | None = None
    version: str
    correlation_id: str | None = None
    contract_key: str | None = None
    contract: Contract = Contract.NONE


class Authorisation(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `info` is the issuer's own AuthorizationInfo, in `version`, when it gave one."""

    decision: Decision
    requester: PartyId
    token: TokenRecord | None = None
    issuer: PartyId | None = None
    reference: str | None = None
    place: Place | None = None
    info: bytes | None = None
    version: str = ""
    duration_us: int = 0
    contract_id: str | None = None
