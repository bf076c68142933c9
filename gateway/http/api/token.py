"""Drivers' tokens of demand partners without OCPI."""

from __future__ import annotations

from gateway.http.api import shape
from gateway.http.api.operation import Answer, Call
from gateway.http.api.problem import Refusal
from gateway.hub.drivertoken import Card, publish

UID_CHARS_MAX = 36


async def put(call: Call) -> Answer:
    """`PUT /tokens/{uid}`: in force everywhere when this answers."""
    body: shape.TokenRequest = call.body
    uid = call.path["uid"]
    if len(uid) > UID_CHARS_MAX or not uid.isascii():
        detail = f"uid: at most {UID_CHARS_MAX} ASCII characters"
        raise Refusal(422, "invalid-field", detail, "uid")
    caller = call.partner
    card = Card(
        uid=uid,
        contract_id=body.contract_id,
        issuer=caller.platform.name,
        type=body.type,
        valid=body.valid,
        whitelist=body.whitelist,
        visual_number=body.visual_number,
        language=body.language,
    )
    token = await publish(call.hub, caller.party, card)
    answer = shape.Token(
        uid=uid,
        country_code=caller.party.country_code,
        party_id=caller.party.party_id,
        contract_id=body.contract_id,
        type=body.type,
        valid=body.valid,
        whitelist=body.whitelist,
        visual_number=body.visual_number,
        language=body.language,
        last_updated=token.last_updated,
    )
    return Answer(value=answer)
