"""Charging sessions that demand partners start over the plain API.

The partner's own contract stands behind the token that the hub sends with START_SESSION. What joins
request, session and CDR is the `authorization_reference` that the hub mints here.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import Any

import msgspec

from gateway.hub import command, nearby
from gateway.hub.context import Hub
from gateway.hub.drivertoken import Card, build
from gateway.hub.peer import Answer
from gateway.store.sql import load
from ocpi import envelope
from ocpi.errors import OcpiError
from ocpi.model.command import (
    CommandResponse,
    CommandResponseType,
    CommandResultType,
    CommandType,
    StartSession,
    StopSession,
)
from ocpi.model.location import EVSE
from ocpi.model.party import PartyId
from ocpi.model.session import Session, SessionStatus
from ocpi.model.token import TokenType

SQL = load("gateway.store", "charge.sql")
UID_CHARS = 24
OVER = frozenset({SessionStatus.COMPLETED, SessionStatus.INVALID})


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to charge where."""

    platform_id: int
    asker: PartyId
    issuer: str
    owner: PartyId
    location_id: str
    evse_uid: str
    connector_id: str | None
    contract_id: str
    correlation_id: str
    language: str | None = None


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants which charge to end."""

    platform_id: int
    asker: PartyId
    charge_id: str
    correlation_id: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One command on its way from a demand partner to an operator."""

    platform_id: int
    asker: PartyId
    owner: PartyId
    correlation_id: str


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands. `session` is the operator's latest word, None before its first."""

    charge_id: str
    owner: PartyId
    location_id: str
    evse_uid: str
    contract_id: str
    requested_at: datetime
    refused: str | None
    command_result: str | None
    is_stopping: bool
    session: Session | None
    cdr_no: int | None
    cdr_key: str | None


async def start(hub: Hub, charge_id: str, wanted: Wanted) -> str:
    """Asks the operator to start; returns the charge's id. A refusal is kept with its reason.

    Under one `charge_id` the operator is asked once, even if the process that asked has died since.
    """
    evse = await _evse(hub, wanted)
    reference = uuid.uuid4().hex
    uid = _uid(wanted)
    begun = await hub.db.fetchval(
        SQL["insert"],
        charge_id,
        wanted.platform_id,
        wanted.asker.country_code,
        wanted.asker.party_id,
        wanted.owner.country_code,
        wanted.owner.party_id,
        wanted.location_id,
        evse.uid,
        wanted.connector_id,
        wanted.contract_id,
        uid,
        reference,
        hub.clock.now(),
    )
    if begun is None:
        return charge_id
    body = StartSession(
        response_url=hub.versions_url,
        token=build(hub, wanted.asker, _card(wanted, uid)),
        location_id=wanted.location_id,
        evse_uid=evse.uid,
        connector_id=wanted.connector_id,
        authorization_reference=reference,
    )
    order = Order(
        platform_id=wanted.platform_id,
        asker=wanted.asker,
        owner=wanted.owner,
        correlation_id=wanted.correlation_id,
    )
    key, refused = await _send(hub, order, CommandType.START_SESSION, body)
    if key is not None:
        await hub.db.execute(SQL["commanded"], charge_id, key)
    if refused is not None:
        await hub.db.execute(SQL["refused"], charge_id, refused)
    return charge_id


async def stop(hub: Hub, asked: Stop) -> Charge | None:
    """Asks the operator to stop; None when there is no such charge of this partner."""
    charge = await status(hub, asked.platform_id, asked.charge_id)
    if charge is None or charge.session is None or charge.session.status in OVER:
        return charge
    order = Order(
        platform_id=asked.platform_id,
        asker=asked.asker,
        owner=charge.owner,
        correlation_id=asked.correlation_id,
    )
    body = StopSession(response_url=hub.versions_url, session_id=charge.session.id)
    key, refused = await _send(hub, order, CommandType.STOP_SESSION, body)
    if refused is not None:
        raise OcpiError(3000, 200, f"the operator did not stop the session: {refused}", field="id")
    await hub.db.execute(SQL["stopping"], asked.charge_id, key)
    return await status(hub, asked.platform_id, asked.charge_id)


async def status(hub: Hub, platform_id: int, charge_id: str) -> Charge | None:
    """The charge as it stands now, or None when it is not this partner's."""
    row = await hub.db.fetchrow(SQL["get"], charge_id, platform_id, hub.clock.now())
    return None if row is None else _charge(hub, row)


def _charge(hub: Hub, row: Any) -> Charge:
    session = None
    if row["session_body"] is not None:
        session = hub.wire.decode(row["session_version"], "session", row["session_body"])
    result = row["command_result"]
    if result is None and row["is_late"] and session is None:
        result = CommandResultType.TIMEOUT
    return Charge(
        charge_id=row["charge_id"],
        owner=PartyId(row["cpo_country"], row["cpo_party"]),
        location_id=row["location_id"],
        evse_uid=row["evse_uid"],
        contract_id=row["contract_id"],
        requested_at=row["requested_at"],
        refused=row["refused"],
        command_result=result,
        is_stopping=row["is_stopping"],
        session=session,
        cdr_no=row["cdr_no"],
        cdr_key=row["cdr_key"],
    )


async def _evse(hub: Hub, wanted: Wanted) -> EVSE:
    """Where to charge, as the asker may know it."""
    found = await nearby.one(hub, wanted.asker, wanted.owner, wanted.location_id)
    evse = nearby.evse_of(found.location, wanted.evse_uid)
    if wanted.connector_id is not None:
        nearby.connector_of(evse, wanted.connector_id)
    return evse


async def _send(
    hub: Hub, order: Order, name: str, body: StartSession | StopSession
) -> tuple[str | None, str | None]:
    """(key of the command, why it was refused)."""
    version = hub.wire.preferred
    raw, _ = hub.wire.encode(version, body)
    try:
        relayed = await command.send_command(
            hub,
            name=name,
            raw=raw,
            version=version,
            origin=order.asker,
            platform_id=order.platform_id,
            correlation_id=order.correlation_id,
            to=order.owner,
            is_from_api=True,
        )
    except OcpiError as error:
        return None, error.message
    return relayed.key, _refusal(hub, version, relayed.answer)


def _refusal(hub: Hub, version: str, answer: Answer) -> str | None:
    """Why the operator's first answer means no; None when it accepted."""
    if answer.envelope is None:
        return "the operator's answer could not be understood"
    data = envelope.single(answer.envelope.data)
    if data is None:
        return f"the operator answered {answer.envelope.status_code}"
    try:
        response: CommandResponse = hub.wire.decode(version, "command_response", data)
    except OcpiError:
        return "the operator's answer could not be understood"
    return None if response.result == CommandResponseType.ACCEPTED else response.result


def _uid(wanted: Wanted) -> str:
    """The same contract always gets the same token uid, which says nothing about the contract."""
    text = f"{wanted.asker}/{wanted.contract_id}"
    return "APP-" + hashlib.sha256(text.encode()).hexdigest()[:UID_CHARS].upper()


def _card(wanted: Wanted, uid: str) -> Card:
    return Card(
        uid=uid,
        contract_id=wanted.contract_id,
        issuer=wanted.issuer,
        type=TokenType.APP_USER,
        language=wanted.language,
    )
