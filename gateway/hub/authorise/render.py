"""An authorisation as AuthorizationInfo in the version of whoever asked (OCPI tokens module)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from gateway.hub.authorise.answer import authorization_info
from gateway.hub.authorise.request import Authorisation, AuthoriseRequest
from gateway.hub.context import Wire
from ocpi.errors import SUCCESS, OcpiError
from ocpi.model.party import PartyId
from ocpi.model.token import Token

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
HIDDEN_ISSUER = "-"


def render(
    wire: Wire, hub: PartyId, request: AuthoriseRequest, result: Authorisation, now: datetime
) -> bytes | None:
    """The `data` of the answer; None where the answer is an error and has none."""
    if result.decision.ocpi_status != SUCCESS:
        return None
    if result.info is not None:
        return _issuers_own(wire, hub, request, result, now)
    token = _token(wire, hub, request, result, now)
    return authorization_info(result.decision, token, result.place, result.reference)


def _issuers_own(
    wire: Wire, hub: PartyId, request: AuthoriseRequest, result: Authorisation, now: datetime
) -> bytes:
    """The issuer's answer as it came, completed with what OCPI requires and the hub knows."""
    assert result.info is not None
    info = _converted(wire, "authorization_info", result.info, result.version, request.version)
    if info is None:  # what cannot be carried over is said in the hub's own words
        token = _token(wire, hub, request, result, now)
        return authorization_info(result.decision, token, result.place, result.reference)
    fields = _FIELDS.decode(info)
    before = dict(fields)
    if fields.get("token", msgspec.Raw(b"null")) == msgspec.Raw(b"null"):
        fields["token"] = msgspec.Raw(_token(wire, hub, request, result, now))
    if result.reference is not None:
        fields["authorization_reference"] = msgspec.Raw(msgspec.json.encode(result.reference))
    fields["allowed"] = msgspec.Raw(msgspec.json.encode(result.decision.allowed))
    return info if fields == before else msgspec.json.encode(fields)


def _token(
    wire: Wire, hub: PartyId, request: AuthoriseRequest, result: Authorisation, now: datetime
) -> bytes:
    """The token's own JSON; without one, or where it may not be seen, only what was asked about."""
    token = result.token
    if token is not None and result.decision.discloses:
        body = _converted(wire, "token", token.body, token.version, request.version)
        if body is not None:
            return body
    owner = result.issuer if result.issuer is not None and result.decision.discloses else hub
    stand_in = Token(
        country_code=owner.country_code,
        party_id=owner.party_id,
        uid=request.uid,
        type=request.type,
        contract_id=request.contract_key or request.uid,
        issuer=HIDDEN_ISSUER,
        valid=result.decision.is_allowed,
        whitelist="NEVER",
        last_updated=now.replace(microsecond=0),
    )
    return wire.encode(request.version, stand_in)[0]


def _converted(wire: Wire, kind: str, body: bytes, spoken: str, wanted: str) -> bytes | None:
    """Same version on both sides: the body stays as it is."""
    if spoken == wanted:
        return body
    try:
        return wire.encode(wanted, wire.decode(spoken, kind, body))[0]
    except OcpiError:
        return None
