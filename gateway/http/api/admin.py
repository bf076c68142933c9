"""What administrators do over HTTP; the command line does the same through the same use cases."""

from __future__ import annotations

from gateway.http.api import shape
from gateway.http.api.operation import Answer, Call
from gateway.http.api.problem import Refusal
from gateway.hub.admission import Letterhead, admit, describe
from gateway.hub.partner import InvalidPartyError, NewParty, PartnerError, invite
from ocpi.model.party import party


async def add_partner(call: Call) -> Answer:
    """`POST /admin/partners`: an OCPI invitation with TOKEN_A, or a bearer token for the API."""
    body: shape.InviteRequest = call.body
    if body.kind == "api" and body.role != "EMSP":
        raise Refusal(422, "invalid-field", "role: partners of the plain API are EMSPs", "role")
    new = NewParty(
        party=party(body.country_code, body.party_id),
        role=body.role,
        name=body.name,
        vat_id=body.vat_id,
        iban=body.iban,
        currency=body.currency,
    )
    try:
        answer = await _invite(call, body, new)
    except InvalidPartyError as error:
        raise Refusal(422, "invalid-field", str(error), error.field) from error
    except PartnerError as error:
        raise Refusal(409, "not-possible", str(error), "party_id") from error
    address = body.address
    head = Letterhead(
        street=address.street,
        city=address.city,
        postal_code=address.postal_code,
        country=address.country,
        language=body.language,
    )
    await describe(call.hub, new.party, head)
    return Answer(value=answer, status=201)


async def _invite(call: Call, body: shape.InviteRequest, new: NewParty) -> shape.Invitation:
    if body.kind == "api":
        token = await admit(call.hub, new)
        return shape.Invitation(
            country_code=new.party.country_code,
            party_id=new.party.party_id,
            role="EMSP",
            api_token=token,
        )
    invited = await invite(call.hub, new)
    return shape.Invitation(
        country_code=invited.country_code,
        party_id=invited.party_id,
        role=invited.role,
        versions_url=invited.versions_url,
        token_a=invited.token_a,
    )
