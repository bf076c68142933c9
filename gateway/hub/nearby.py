"""Where one can charge around a point, as a demand partner without OCPI sees it."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from gateway.hub.context import Hub
from gateway.store.sql import load
from ocpi.errors import invalid
from ocpi.model.location import EVSE, Connector, Location
from ocpi.model.party import PartyId, fold, same

SQL = load("gateway.store", "charge.sql")
EARTH_RADIUS_M = 6_371_000
ROUNDING_DEGREES = 1e-6
REMOVED = "REMOVED"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One location with its owner and its distance."""

    owner: PartyId
    location: Location
    distance_m: int
    time_zone: str | None


async def near(
    hub: Hub, asker: PartyId, *, latitude: float, longitude: float, radius_m: int, limit: int
) -> list[Found]:
    """Published locations within the radius, nearest first, of everybody whom the asker may see."""
    network = await hub.directory.current()
    hidden = list(network.hidden_from(asker, "locations"))
    high, wide = box(latitude, radius_m)
    rows = await hub.db.fetch(
        SQL["near"], latitude, longitude, float(radius_m), high, wide, hidden, limit
    )
    return [_found(hub, row) for row in rows]


def box(latitude: float, radius_m: int) -> tuple[float, float]:
    """Half height and half width, in degrees, of the box around a circle on the sphere."""
    angle = radius_m / EARTH_RADIUS_M
    reach = math.cos(math.radians(latitude))
    high = math.degrees(angle) + ROUNDING_DEGREES
    if abs(latitude) + high >= 90 or math.sin(angle) >= reach:
        return high, 360.0  # the circle goes around a pole
    return high, math.degrees(math.asin(math.sin(angle) / reach)) + ROUNDING_DEGREES


async def one(hub: Hub, asker: PartyId, owner: PartyId, location_id: str) -> Found:
    """A single location, published or not, of an operator whose places the asker may know."""
    network = await hub.directory.current()
    key = (owner.country_code, owner.party_id, fold(location_id))
    row = await hub.db.fetchrow(SQL["location"], *key)
    if row is None or not network.allows(owner, asker, "locations"):
        raise invalid("location_id", "no such location of this operator")
    location = hub.wire.decode(row["version"], "location", row["body"])
    return Found(owner=owner, location=location, distance_m=0, time_zone=row["time_zone"])


def evses_of(location: Location) -> tuple[EVSE, ...]:
    """Those that are still there: OCPI never deletes an EVSE, it says REMOVED."""
    return tuple(evse for evse in location.evses if evse.status != REMOVED)


def evse_of(location: Location, evse_uid: str) -> EVSE:
    """The EVSE of this uid."""
    for evse in evses_of(location):
        if same(evse.uid, evse_uid):
            return evse
    raise invalid("evse_uid", "no such EVSE at this location")


def connector_of(evse: EVSE, connector_id: str | None) -> Connector:
    """The connector of this id, the first one when none is named."""
    for connector in evse.connectors:
        if connector_id is None or same(connector.id, connector_id):
            return connector
    raise invalid("connector_id", "no such connector at this EVSE")


def _found(hub: Hub, row: Any) -> Found:
    return Found(
        owner=PartyId(row["country_code"], row["party_id"]),
        location=hub.wire.decode(row["version"], "location", row["body"]),
        distance_m=round(row["distance_m"]),
        time_zone=row["time_zone"],
    )
