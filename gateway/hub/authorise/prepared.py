"""A decision kept for as long as everything it was made from stays the same.

A prepared decision belongs to one reading of the network, one asking party and one entry of the
hot set, and whoever uses it holds all three against what is true at that moment: the entry by its
identity, because a new word about a token is a new object, and the time against its two ends.
"""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.hub.authorise.answer import REFERENCE_END, frame_of
from gateway.hub.authorise.record import decode_tokens
from gateway.hub.authorise.request import AuthoriseRequest
from gateway.hub.authorise.verdict import Decision
from gateway.store.authorisation import line_end
from ocpi.model.party import PartyId

FOR_EVER: Final = float("inf")


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What to say, from `since_s` until just before `until_s`, while the entry is still `raw`.

    Where it is ALLOWED the location and the reference stand between `before` and `after`.
    """

    key: str
    raw: bytes
    since_s: float
    until_s: float
    is_allowed: bool
    before: bytes
    after: bytes
    tally: tuple[str, str]
    row: bytes


def prepare(
    request: AuthoriseRequest,
    key: str,
    raw: bytes,
    decision: Decision,
    now_s: float,
    *,
    body: bytes,
    issuer: PartyId,
    uid: str,
    contract_id: str,
) -> Prepared:
    before, after = frame_of(decision, body)
    if decision.is_allowed:
        after = REFERENCE_END + after
    return Prepared(
        key=key,
        raw=raw,
        since_s=now_s,
        until_s=_next_expiry(raw, now_s),
        is_allowed=decision.is_allowed,
        before=before,
        after=after,
        tally=(decision.allowed.value, decision.reason),
        row=row_end(request, decision, issuer, uid, contract_id),
    )


def row_end(
    request: AuthoriseRequest,
    decision: Decision,
    issuer: PartyId | None,
    uid: str,
    contract_id: str | None,
) -> bytes:
    """The part of an answer's row that the same decision writes every time."""
    return line_end(
        decision.allowed.value,
        decision.reason,
        decision.source,
        issuer.country_code if issuer is not None else None,
        issuer.party_id if issuer is not None else None,
        uid,
        request.type,
        contract_id,
        request.requester.country_code,
        request.requester.party_id,
    )


def _next_expiry(raw: bytes, now_s: float) -> float:
    """Any of the tokens under this uid may have had a say, so the first to expire ends it."""
    return min((t.expires_s for t in decode_tokens(raw) if t.expires_s > now_s), default=FOR_EVER)
