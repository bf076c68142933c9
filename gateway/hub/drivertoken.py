"""Tokens of demand partners that have no OCPI platform: the hub speaks in their name."""

from __future__ import annotations

import uuid

import msgspec

from gateway.hub.context import Hub
from gateway.hub.object import Push, put
from gateway.store.object import TOKENS, Key
from ocpi.model.party import PartyId, fold
from ocpi.model.token import Token, TokenType, WhitelistType


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What the demand partner says about one token."""

    uid: str
    contract_id: str
    issuer: str
    type: str = TokenType.RFID
    valid: bool = True
    whitelist: str = WhitelistType.ALWAYS
    visual_number: str | None = None
    language: str | None = None


def build(hub: Hub, owner: PartyId, card: Card) -> Token:
    """The OCPI token (mod_tokens Token) as of now."""
    return Token(
        country_code=owner.country_code,
        party_id=owner.party_id,
        uid=card.uid,
        type=card.type,
        contract_id=card.contract_id,
        visual_number=card.visual_number,
        issuer=card.issuer,
        valid=card.valid,
        whitelist=card.whitelist,
        language=card.language,
        last_updated=hub.clock.now(),
    )


async def publish(hub: Hub, owner: PartyId, card: Card) -> Token:
    """Durable first, then in force everywhere, then told to every operator."""
    token = build(hub, owner, card)
    version = hub.wire.preferred
    raw, _ = hub.wire.encode(version, token)
    push = Push(
        kind=TOKENS,
        key=Key(owner, fold(card.uid), card.type),
        version=version,
        raw=raw,
        origin=owner,
        correlation_id=str(uuid.uuid4()),
    )
    await put(hub, push)
    return token
