"""Where one can charge around a point, as a demand partner without OCPI sees it."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from gateway.hub.context import Hub
from gateway.store.sql import load
from ocpi.model.location import Location
from ocpi.model.party import PartyId, fold

SQL = load("gateway.store", "charge.sql")
METRES_PER_DEGREE = 111_320
POLE_COSINE_MIN = 0.01


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
    box = radius_m / METRES_PER_DEGREE
    wide = box / max(POLE_COSINE_MIN, math.cos(math.radians(latitude)))
    rows = await hub.db.fetch(
        SQL["near"], latitude, longitude, float(radius_m), box, wide, hidden, limit
    )
    return [_found(hub, row) for row in rows]


async def one(hub: Hub, owner: PartyId, location_id: str) -> Found | None:
    """A single location, whether published or not."""
    key = (owner.country_code, owner.party_id, fold(location_id))
    row = await hub.db.fetchrow(SQL["location"], *key)
    if row is None:
        return None
    location = hub.wire.decode(row["version"], "location", row["body"])
    return Found(owner=owner, location=location, distance_m=0, time_zone=row["time_zone"])


def _found(hub: Hub, row: Any) -> Found:
    return Found(
        owner=PartyId(row["country_code"], row["party_id"]),
        location=hub.wire.decode(row["version"], "location", row["body"]),
        distance_m=round(row["distance_m"]),
        time_zone=row["time_zone"],
    )
