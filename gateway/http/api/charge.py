"""Start, stop and follow a charging session; the receipt when it is settled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from decimal import Decimal

import msgspec

from gateway.http.api import caller as callers
from gateway.http.api import shape
from gateway.http.api.accept import prefers
from gateway.http.api.operation import EVENTS, Answer, Call
from gateway.http.api.problem import Refusal, not_found
from gateway.hub import charge as charges
from gateway.hub import receipt as receipts
from gateway.hub.charge import Charge, Wanted
from gateway.hub.context import Hub
from gateway.hub.receipt import Receipt
from ocpi.model.command import CommandResultType
from ocpi.model.party import party
from ocpi.model.session import SessionStatus
from settlement.money import Money, to_decimal

STATUS_OF_SESSION: dict[str, shape.Status] = {
    SessionStatus.ACTIVE: "ACTIVE",
    SessionStatus.COMPLETED: "COMPLETED",
    SessionStatus.INVALID: "INVALID",
}
ENDED = frozenset({"REJECTED", "SETTLED", "INVALID"})
LOOK_EVERY_S = 0.5
STREAM_S_MAX = 3600.0
PDF = "application/pdf"
DRIVER_DOCUMENTS = frozenset({"receipt", "receipt_credit"})
KWH = Decimal("0.001")


async def start(call: Call) -> Answer:
    """`POST /sessions`: the operator is asked; the answer says how it stands right after that."""
    body: shape.StartRequest = call.body
    caller = call.partner
    wanted = Wanted(
        platform_id=caller.platform.platform_id,
        asker=caller.party,
        issuer=caller.platform.name,
        owner=party(body.country_code, body.party_id),
        location_id=body.location_id,
        evse_uid=body.evse_uid,
        connector_id=body.connector_id,
        contract_id=body.contract_id,
        language=body.language,
        correlation_id=call.correlation_id,
    )
    charge_id = await charges.start(call.hub, call.effect_id, wanted)
    found = await charges.status(call.hub, caller.platform.platform_id, charge_id)
    if found is None:
        raise _unknown()
    value = await _shape(call.hub, found)
    return Answer(value=value, status=202, location=f"/api/v1/sessions/{charge_id}")


async def status(call: Call) -> Answer:
    """`GET /sessions/{id}`."""
    return Answer(value=await _shape(call.hub, await _found(call)))


async def stop(call: Call) -> Answer:
    """`POST /sessions/{id}/stop`."""
    caller = call.partner
    asked = charges.Stop(
        platform_id=caller.platform.platform_id,
        asker=caller.party,
        charge_id=call.path["id"],
        correlation_id=call.correlation_id,
    )
    found = await charges.stop(call.hub, asked)
    if found is None:
        raise _unknown()
    if found.session is None:
        raise Refusal(409, "not-started", "the operator has not started this session", "id")
    return Answer(value=await _shape(call.hub, found), status=202)


async def receipt(call: Call) -> Answer:
    """`GET /sessions/{id}/receipt`: JSON, or the driver's PDF with `Accept: application/pdf`."""
    found = await _found(call)
    settled = None if found.cdr_no is None else await receipts.find(call.hub, found.cdr_no)
    if settled is None:
        raise Refusal(409, "not-settled", "the receipt is there once the session is settled", "id")
    if prefers(call.accept, PDF, "application/json"):
        return await _pdf(call.hub, settled)
    return Answer(value=_receipt(found, settled))


async def events(call: Call) -> Answer:
    """`GET /sessions/{id}/events`: the state now, then each change, until the session is over."""
    await _found(call)
    return Answer(events=_changes(call), content_type=EVENTS)


async def _changes(call: Call) -> AsyncGenerator[bytes, None]:
    """Server-sent events; b"" whenever a look found nothing new."""
    last = b""
    ends_at = time.monotonic() + STREAM_S_MAX
    while time.monotonic() < ends_at and await callers.is_still(call.hub, call.partner):
        value = await _shape(call.hub, await _found(call))
        data = msgspec.json.encode(value)
        yield b"event: session\ndata: " + data + b"\n\n" if data != last else b""
        last = data
        if value.status in ENDED:
            return
        await asyncio.sleep(LOOK_EVERY_S)


async def _found(call: Call) -> Charge:
    """The charge of this path, or 404: also where it is another partner's."""
    found = await charges.status(call.hub, call.partner.platform.platform_id, call.path["id"])
    if found is None:
        raise _unknown()
    return found


def _unknown() -> Refusal:
    return not_found("this session", "id")


async def _shape(hub: Hub, found: Charge) -> shape.Charge:
    name, reason = await _status(hub, found)
    session = found.session
    cost = session.total_cost if session is not None else None
    total = None
    if cost is not None:
        total = shape.Total(before_taxes=cost.before_taxes, after_taxes=cost.after_taxes)
    return shape.Charge(
        id=found.charge_id,
        status=name,
        country_code=found.owner.country_code,
        party_id=found.owner.party_id,
        location_id=found.location_id,
        evse_uid=found.evse_uid,
        contract_id=found.contract_id,
        requested_at=found.requested_at,
        reason=reason,
        session_id=session.id if session else None,
        started_at=session.start_date_time if session else None,
        ended_at=session.end_date_time if session else None,
        kwh=session.kwh if session else None,
        currency=session.currency if session else None,
        cost=total,
        last_updated=session.last_updated if session else None,
    )


async def _status(hub: Hub, found: Charge) -> tuple[shape.Status, str | None]:
    if found.session is None:  # else it runs, whatever was said, or not said in time, before
        is_open = found.command_result in {None, CommandResultType.ACCEPTED}
        reason = found.refused or (None if is_open else found.command_result)
        return ("PENDING", None) if reason is None else ("REJECTED", reason)
    if found.cdr_no is not None and await receipts.find(hub, found.cdr_no) is not None:
        return "SETTLED", None
    name = STATUS_OF_SESSION.get(found.session.status, "PENDING")
    return ("STOPPING" if name == "ACTIVE" and found.is_stopping else name), None


def _receipt(found: Charge, settled: Receipt) -> shape.Receipt:
    line = settled.settlement.line
    net, vat, gross = (
        to_decimal(Money(amount_minor=amount or 0, currency=line.currency))
        for amount in (line.net_minor, line.vat_minor, line.gross_minor)
    )
    return shape.Receipt(
        id=found.charge_id,
        session_id=found.session.id if found.session else None,
        cdr_id=line.cdr_key,
        currency=line.currency,
        total=shape.Total(before_taxes=net, after_taxes=gross),
        vat=vat,
        energy_kwh=(Decimal(line.energy_wh or 0) / 1000).quantize(KWH),
        started_at=settled.settlement.started_at,
        ended_at=line.ended_at,
        documents=tuple(d.number for d in settled.documents if d.kind in DRIVER_DOCUMENTS),
        price=settled.settlement.price,
    )


async def _pdf(hub: Hub, settled: Receipt) -> Answer:
    mine = [d for d in settled.documents if d.kind in DRIVER_DOCUMENTS]
    if not mine:
        raise Refusal(
            409, "not-issued", "the document is issued with the next clearing run", "Accept"
        )
    raw = await receipts.render(hub, mine[-1].document_id, "pdf")
    return Answer(raw=raw, content_type=PDF)
