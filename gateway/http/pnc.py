"""`POST /pnc/v1/authorize`: Plug & Charge authorisation in one call.

CPOs call it with their OCPI credentials token. A refusal is a 200 with its reason; 400: the request
is not understood; 401: who are you; 422: a certificate that is not one.
"""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec
from aiohttp import web
from cryptography import x509

from gateway.http import caller as who
from gateway.http import limit
from gateway.hub.authorise import Place, render
from gateway.hub.authorise.tariff import Tariffs
from gateway.hub.context import Hub
from gateway.hub.contract import (
    HASH_DATA_MAX,
    PROFILE_OF,
    HashDataText,
    PlugAndCharge,
    PlugAnswer,
    PlugRequest,
)
from gateway.hub.credentials import Caller
from gateway.store.exchange import Exchange
from ocpi import header
from ocpi.errors import OcpiError
from ocpi.model.party import PartyId, Role
from pnc import emaid, pem
from pnc.errors import PncError

PATH: Final = "/pnc/v1/authorize"
MODULE: Final = "tokens"
ID_CHARS_MAX: Final = 36
EMAID_CHARS_MAX: Final = 64
CERTIFICATES_MAX: Final = 8
PROBLEM: Final = "application/problem+json"
HASH_CHARS_MAX: Final = 128
_NULL: Final = msgspec.Raw(b"null")


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    emaid: str
    certificate: str | None = None
    certificate_hash_data: list[HashDataText] | None = None
    location_id: str | None = None
    evse_uid: str | None = None
    iso15118_version: str | None = None


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    allowed: str
    id_token_status: str
    certificate_status: str
    emaid: str
    issuer: PartyId | None
    authorization_reference: str | None
    token: msgspec.Raw
    tariff: msgspec.Raw
    checks: list[Any]
    reason: str
    info: str | None


class Refused(Exception):  # noqa: N818 - an answer, nobody's fault
    """400, 401 or 422, with the field."""

    def __init__(self, status: int, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field


_decode = msgspec.json.Decoder(_Body).decode


def add(app: web.Application, plug: PlugAndCharge) -> None:
    """The routes of Plug & Charge."""
    tariffs = Tariffs(plug.authoriser.hub)

    async def handle(request: web.Request) -> web.Response:
        started = time.perf_counter()
        hub = plug.authoriser.hub
        body, platform_id, party = b"", None, None
        try:
            limit.check_head(request)
            ids = header.read_ids(request.headers)
            caller = await who.authenticate(hub, request, MODULE)
            platform_id = caller.platform.platform_id
            party = _speaker(caller, header.read_routing(request.headers).from_)
            body = await limit.read_body(request)
            question = read(body, party, hub.wire.preferred, ids.correlation_id)
            answer = await plug.authorise(question)
            tariff = await tariffs.of(party, question.place)
            response = web.Response(
                body=encode(hub, question, answer, tariff), content_type="application/json"
            )
            response.headers.update(header.write_ids(ids))
        except Refused as refused:
            response = _problem(refused.status, refused.detail, refused.field)
        except OcpiError as error:
            status = max(error.http_status, 400)
            response = _problem(status, error.message, error.field)
        said = _exchange(hub, response, started)
        speaker = str(party) if party is not None else None
        hub.record(
            msgspec.structs.replace(
                said, platform_id=platform_id, from_party=speaker, request=body or None
            )
        )
        return response

    app.router.add_post(PATH, handle)


def read(raw: bytes, party: PartyId, version: str, correlation_id: str | None) -> PlugRequest:
    """The question; Refused names the field that is wrong."""
    try:
        body = _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Refused(400, f"the body is not understood: {error}") from None
    named = emaid.normalise(body.emaid) if len(body.emaid) <= EMAID_CHARS_MAX else None
    if named is None:
        raise Refused(400, "emaid: a contract id like DE-8AA-C12345678-4 is expected", "emaid")
    hash_data = tuple(body.certificate_hash_data or ())
    _check_hash_data(hash_data)
    if body.iso15118_version not in (None, *PROFILE_OF):
        raise Refused(400, 'iso15118_version: "2" or "20" is expected', "iso15118_version")
    return PlugRequest(
        emaid=named,
        text=body.emaid,
        requester=party,
        version=version,
        chain=_chain(body.certificate),
        hash_data=hash_data,
        place=_place(body),
        iso15118_version=body.iso15118_version or "2",
        correlation_id=correlation_id,
    )


def _check_hash_data(hash_data: tuple[HashDataText, ...]) -> None:
    field = "certificate_hash_data"
    if len(hash_data) > HASH_DATA_MAX:
        raise Refused(400, f"{field}: at most {HASH_DATA_MAX} are read", field)
    for one in hash_data:
        texts = (one.hash_algorithm, one.issuer_name_hash, one.issuer_key_hash, one.serial_number)
        if any(len(text) > HASH_CHARS_MAX or not text.isascii() for text in texts):
            raise Refused(400, f"{field}: longer than OCPP allows, or not ASCII", field)


def _place(body: _Body) -> Place | None:
    for name, text in (("location_id", body.location_id), ("evse_uid", body.evse_uid)):
        if text is not None and not (0 < len(text) <= ID_CHARS_MAX and text.isprintable()):
            raise Refused(400, f"{name}: 1 to {ID_CHARS_MAX} printable characters", name)
    if body.location_id is None:
        return None
    return Place(body.location_id, (body.evse_uid,) if body.evse_uid is not None else ())


def _chain(text: str | None) -> tuple[bytes, ...]:
    """DER of each certificate; what is no certificate at all is 422, a bad one is judged."""
    if not text:
        return ()
    try:
        ders = tuple(pem.split(text, blocks_max=CERTIFICATES_MAX))
    except PncError as error:
        raise Refused(422, f"certificate: {error}", "certificate") from None
    for number, der in enumerate(ders, 1):
        try:
            x509.load_der_x509_certificate(der)
        except ValueError:
            raise Refused(422, f"certificate: number {number} is not one", "certificate") from None
    return ders


def _speaker(caller: Caller, named: PartyId | None) -> PartyId:
    platform = caller.platform
    if named is not None:
        if not platform.owns(named):
            raise Refused(400, "OCPI-from-party-id: not a party of these credentials")
        return named
    cpo = next((m.party for m in platform.members if m.role == Role.CPO), None)
    party = cpo or next(iter(platform.parties), None)
    if party is None:
        raise Refused(401, "this platform has no party")
    return party


def encode(hub: Hub, question: PlugRequest, answer: PlugAnswer, tariff: bytes | None) -> bytes:
    """The answer as INTERFACE writes it."""
    result = answer.authorisation
    decision = result.decision
    token = _NULL
    if answer.verdict.is_accepted and decision.discloses:
        data = render(hub.wire, hub.party, answer.request, result, hub.clock.now())
        if data is not None:
            token = msgspec.json.decode(data, type=dict[str, msgspec.Raw])["token"]
    key = question.emaid.key
    return msgspec.json.encode(
        _Answer(
            allowed=answer.allowed,
            id_token_status=answer.id_token_status,
            certificate_status=answer.certificate_status,
            emaid=key,
            issuer=result.issuer,
            authorization_reference=result.reference,
            token=token,
            tariff=msgspec.Raw(tariff) if tariff is not None else _NULL,
            checks=list(answer.verdict.checks),
            reason=decision.reason,
            info=decision.text or None,
        )
    )


def _problem(status: int, detail: str, field: str | None = None) -> web.Response:
    body = {"type": "about:blank", "title": "refused", "status": status, "detail": detail}
    if field is not None:
        body["field"] = field
    headers = {"WWW-Authenticate": "Token"} if status == 401 else {}
    return web.Response(
        status=status, body=msgspec.json.encode(body), content_type=PROBLEM, headers=headers
    )


def _exchange(hub: Hub, response: web.Response, started: float) -> Exchange:
    return Exchange(
        at=hub.clock.now(),
        direction="IN",
        method="POST",
        path=PATH,
        module="pnc",
        http_status=response.status,
        duration_us=int((time.perf_counter() - started) * 1_000_000),
        response=response.body if isinstance(response.body, bytes) else None,
    )
