"""Locations near a point."""

from __future__ import annotations

from typing import Any

from gateway.http.api import shape
from gateway.http.api.operation import Answer, Call
from gateway.hub import nearby
from gateway.hub.nearby import Found
from ocpi.model import location as model


async def near(call: Call) -> Answer:
    """`GET /locations`: nearest first."""
    query: shape.Near = call.query
    found = await nearby.near(
        call.hub,
        call.partner.party,
        latitude=query.latitude,
        longitude=query.longitude,
        radius_m=query.radius_m,
        limit=query.limit,
    )
    network = await call.hub.directory.current()
    names = {party: members[0].name for party, members in network.by_party.items() if members}
    return Answer(value=shape.Places(locations=tuple(_place(f, names) for f in found)))


def _place(found: Found, names: dict[Any, str]) -> shape.Place:
    location = found.location
    return shape.Place(
        country_code=found.owner.country_code,
        party_id=found.owner.party_id,
        operator=names.get(found.owner, str(found.owner)),
        location_id=location.id,
        name=location.name,
        address=location.address,
        city=location.city,
        country=location.country,
        coordinates=shape.Coordinates(
            latitude=location.coordinates.latitude, longitude=location.coordinates.longitude
        ),
        distance_m=found.distance_m,
        time_zone=found.time_zone,
        evses=tuple(_evse(e) for e in nearby.evses_of(location)),
    )


def _evse(evse: model.EVSE) -> shape.Evse:
    return shape.Evse(
        uid=evse.uid,
        evse_id=evse.evse_id,
        status=evse.status,
        connectors=tuple(_connector(c) for c in evse.connectors),
    )


def _connector(connector: model.Connector) -> shape.Connector:
    return shape.Connector(
        id=connector.id,
        standard=connector.standard,
        power_type=connector.power_type,
        max_electric_power_w=connector.max_electric_power,
        tariff_ids=connector.tariff_ids,
    )
