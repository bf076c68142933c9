"""Open routing: whom a message is for, found in what it is about (OCPI transport)."""

from __future__ import annotations

from gateway.hub.context import Hub
from gateway.store import object as store
from gateway.store.sql import load
from ocpi import command as commands
from ocpi.errors import INVALID_PARAMETERS, UNKNOWN_LOCATION, OcpiError, invalid
from ocpi.model.command import Command
from ocpi.model.party import PartyId, fold

COMMAND_SQL = load("gateway.store", "command.sql")


async def owner_of_location(hub: Hub, location_id: str) -> PartyId:
    """The CPO that publishes a location of this id; 2003 when none does, 2001 when two do."""
    rows = await hub.db.fetch(store.LOCATIONS.sql["by_id"], fold(location_id))
    if not rows:
        raise OcpiError(UNKNOWN_LOCATION, 200, "location_id: no such location")
    if len(rows) > 1:
        raise invalid("location_id", "two CPOs use this id: name one in OCPI-to-party-id")
    return PartyId(rows[0]["country_code"], rows[0]["party_id"])


async def other_side_of_session(hub: Hub, session_id: str, asker: PartyId) -> PartyId:
    """The CPO of a session for the driver's side, the driver's side for the CPO; else 404."""
    rows = await hub.db.fetch(
        store.SESSIONS.sql["by_id"], fold(session_id), asker.country_code, asker.party_id
    )
    if not rows:
        raise OcpiError(INVALID_PARAMETERS, 404, "session_id: no such session")
    if len(rows) > 1:
        raise invalid("session_id", "two CPOs use this id: name one in OCPI-to-party-id")
    owner = PartyId(rows[0]["country_code"], rows[0]["party_id"])
    issuer = PartyId(rows[0]["token_country"], rows[0]["token_party"])
    return issuer if owner == asker else owner


async def issuer_of_session(hub: Hub, owner: PartyId, session_id: str) -> PartyId | None:
    """Whose token a CPO's own session was started with."""
    row = await hub.db.fetchrow(
        store.SESSIONS.sql["other_side"], owner.country_code, owner.party_id, fold(session_id)
    )
    return None if row is None else PartyId(row["token_country"], row["token_party"])


async def refuse_foreign_session(hub: Hub, owner: PartyId, session_id: str, asker: PartyId) -> None:
    """404 for a session that the hub knows to be somebody else's; who does not know it, may ask."""
    issuer = await issuer_of_session(hub, owner, session_id)
    if issuer is not None and issuer != asker:
        raise OcpiError(INVALID_PARAMETERS, 404, "session_id: no such session")


async def receiver_of_command(hub: Hub, command: Command, asker: PartyId) -> PartyId:
    """The CPO that owns what the command is about."""
    target = commands.target(command)
    if target.location_id is not None:
        return await owner_of_location(hub, target.location_id)
    if target.session_id is not None:
        return await other_side_of_session(hub, target.session_id, asker)
    row = await hub.db.fetchrow(
        COMMAND_SQL["reserved_by"],
        asker.country_code,
        asker.party_id,
        target.reservation_id,
    )
    if row is None:
        raise invalid("reservation_id", "no such reservation of this party")
    return PartyId(row["to_country"], row["to_party"])
