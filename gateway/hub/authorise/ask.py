"""The real-time request: `POST tokens/{uid}/authorize` at the issuer, with a deadline.

One issuer is asked alone; for a token that nobody published everybody who might have issued it is
asked at once, the first ALLOWED wins, and who has not answered by then costs nothing more
(ocpi.md §3 rule 4, §14 `ocpi/ocpi#420`, `#571`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import msgspec

from gateway.hub import peer
from gateway.hub.authorise.request import AuthoriseRequest, Place
from gateway.hub.authorise.standing import MODULE, SENDER, Issuer
from gateway.hub.authorise.verdict import Allowed, Reply
from gateway.hub.context import Failure, Hub, Wire
from gateway.hub.peer import Answer
from gateway.hub.seal import SealBroken
from ocpi import envelope
from ocpi.errors import NOT_ENOUGH_INFORMATION, UNKNOWN_LOCATION, UNKNOWN_TOKEN, OcpiError
from ocpi.header import Routing
from ocpi.model.token import Token, TokenType

ASKED_AT_ONCE_MAX: Final = 64
HTTP_NOT_FOUND: Final = 404
REFERENCE_CHARS_MAX: Final = 36


class IssuerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one issuer said. `info` is its AuthorizationInfo, in the version it speaks."""

    issuer: Issuer
    reply: Reply
    allowed: str | None = None
    info: bytes | None = None
    reference: str | None = None


class _Info(msgspec.Struct):
    """As little as must be understood; the rest travels as it came."""

    allowed: str
    authorization_reference: str | None = None


_decode_info = msgspec.json.Decoder(_Info).decode
_encode = msgspec.json.encode

# A definite "no" from an issuer that knows the token weighs more than one that needs more to say.
_RANK: Final = {
    Reply.ANSWERED: 0, Reply.LOCATION_NEEDED: 1, Reply.LOCATION_UNKNOWN: 2, Reply.UNKNOWN_TOKEN: 3,
    Reply.BROKEN: 4, Reply.UNREACHABLE: 5, Reply.SILENT: 6,
}  # fmt: skip


_REFUSALS: Final = {
    UNKNOWN_TOKEN: Reply.UNKNOWN_TOKEN,
    NOT_ENOUGH_INFORMATION: Reply.LOCATION_NEEDED,
    UNKNOWN_LOCATION: Reply.LOCATION_UNKNOWN,
}


async def ask_issuer(
    hub: Hub, issuer: Issuer, request: AuthoriseRequest, *, uid: str, token_type: str
) -> IssuerAnswer:
    """The issuer's answer, or in what way there is none; never later than its deadline."""
    platform = issuer.platform
    url = platform.endpoint(MODULE, SENDER) if platform is not None else None
    if platform is None or url is None:
        return IssuerAnswer(issuer=issuer, reply=Reply.UNREACHABLE)
    call = peer.Request(
        method="POST",
        url=_address(url, uid, type_for(hub.wire, issuer, token_type)),
        body=_references(request.place),
        routing=Routing(issuer.party, request.requester),
        correlation_id=request.correlation_id,
        module=MODULE,
        timeout_s=issuer.policy.deadline_s,
    )
    try:
        async with asyncio.timeout(issuer.policy.deadline_s):
            answer = await peer.ask(hub, platform, call)
    except TimeoutError:
        return IssuerAnswer(issuer=issuer, reply=Reply.SILENT)
    except SealBroken:
        return IssuerAnswer(issuer=issuer, reply=Reply.UNREACHABLE)
    return read_answer(issuer, answer)


async def ask_all(
    hub: Hub, issuers: Sequence[Issuer], request: AuthoriseRequest
) -> tuple[IssuerAnswer | None, int]:
    """(the answer that counts, how many were cut off); None when nobody was there to be asked."""
    tasks = [
        asyncio.create_task(
            ask_issuer(hub, issuer, request, uid=request.uid, token_type=request.type)
        )
        for issuer in issuers[:ASKED_AT_ONCE_MAX]
    ]
    answers: list[IssuerAnswer] = []
    try:
        for done in asyncio.as_completed(tasks):
            answer = await done
            answers.append(answer)
            if answer.reply is Reply.ANSWERED and answer.allowed == Allowed.ALLOWED:
                return answer, len(tasks) - len(answers)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return min(answers, key=lambda a: _RANK[a.reply], default=None), 0


def read_answer(issuer: Issuer, answer: Answer) -> IssuerAnswer:
    """What an answer means, with the tolerance of ocpi.md §9 and §10."""
    if answer.failure is not None:
        silent = answer.failure is Failure.TIMEOUT
        reply = Reply.SILENT if silent else Reply.UNREACHABLE
        return IssuerAnswer(issuer=issuer, reply=reply)
    found = answer.envelope
    if found is not None and found.is_success and answer.http_status < 300:
        return _read_info(issuer, found.data)
    # Some say 404 without an envelope when they do not know a token.
    plain = Reply.UNKNOWN_TOKEN if answer.http_status == HTTP_NOT_FOUND else Reply.BROKEN
    reply = _REFUSALS.get(found.status_code, plain) if found is not None else plain
    return IssuerAnswer(issuer=issuer, reply=reply)


def _read_info(issuer: Issuer, data: bytes | None) -> IssuerAnswer:
    try:
        info = envelope.single(data)
        read = _decode_info(info) if info is not None else None
    except (OcpiError, msgspec.MsgspecError, ValueError, RecursionError):
        read = None
    if read is None:
        return IssuerAnswer(issuer=issuer, reply=Reply.BROKEN)
    return IssuerAnswer(
        issuer=issuer,
        reply=Reply.ANSWERED,
        allowed=read.allowed,
        info=envelope.restamped(info) if info is not None else None,
        reference=_usable(read.authorization_reference),
    )


def _usable(reference: str | None) -> str | None:
    """A reference goes into headers, logs and a text column: printable ASCII of OCPI's length."""
    if reference and len(reference) <= REFERENCE_CHARS_MAX and reference.isascii():
        return reference if reference.isprintable() else None
    return None


def _address(endpoint: str, uid: str, token_type: str) -> str:
    """OCPI tokens module, POST method. Partners read `type` or `token_type`: both are sent."""
    word = quote(token_type, safe="")
    path = f"{endpoint.rstrip('/')}/{quote(uid, safe='')}/authorize"
    return f"{path}?type={word}&token_type={word}"


def type_for(wire: Wire, issuer: Issuer, token_type: str) -> str:
    """EMAID exists in the newest version only; an older partner may choose its word for it."""
    if token_type != TokenType.EMAID or issuer.platform is None:
        return token_type
    return issuer.policy.emaid_as or _type_in(wire, issuer.platform.version or wire.preferred)


def _type_in(wire: Wire, version: str) -> str:
    """What the codec makes of an EMAID token in that version."""
    body, _ = wire.encode(version, _EMAID_TOKEN)
    return msgspec.json.decode(body, type=_Typed).type


class _Typed(msgspec.Struct):
    type: str


_EMAID_TOKEN: Final = Token(
    country_code="NL",
    party_id="NCO",
    uid="-",
    type=TokenType.EMAID,
    contract_id="-",
    issuer="-",
    valid=False,
    whitelist="NEVER",
    last_updated=datetime(2000, 1, 1, tzinfo=UTC),
)


def _references(place: Place | None) -> bytes | None:
    return None if place is None else _encode(place)
