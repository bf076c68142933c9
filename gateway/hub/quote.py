"""The price before the start: the operator's public tariff, the same engine that will bill."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from gateway.hub import nearby
from gateway.hub.context import Hub
from gateway.store.sql import load
from ocpi.errors import invalid
from ocpi.model.party import PartyId, fold
from ocpi.model.tariff import Tariff
from settlement.errors import Held
from settlement.tariff import estimate
from settlement.tariff.estimate import Plan
from settlement.tariff.table import Priced

SQL = load("gateway.store", "charge.sql")
REGULAR = frozenset({None, "REGULAR"})


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Where, how much, how long."""

    asker: PartyId
    owner: PartyId
    location_id: str
    evse_uid: str
    connector_id: str | None
    energy_kwh: Decimal
    charging_s: int
    parking_s: int
    start: datetime


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The priced plan and the tariff version that it rests on."""

    tariff: Tariff
    content_hash: bytes
    priced: Priced


async def quote(hub: Hub, wish: Wish) -> Estimate:
    """The estimate; refuses with the reason where no public tariff can be applied."""
    found = await nearby.one(hub, wish.asker, wish.owner, wish.location_id)
    if found.time_zone is None:
        raise invalid("location_id", "the operator gave this location no time zone")
    evse = nearby.evse_of(found.location, wish.evse_uid)
    wanted = nearby.connector_of(evse, wish.connector_id).tariff_ids
    tariff, content_hash = await _regular(hub, wish, wanted)
    plan = Plan(
        start=wish.start,
        zone=found.time_zone,
        energy_kwh=wish.energy_kwh,
        charging_s=wish.charging_s,
        parking_s=wish.parking_s,
    )
    priced = estimate.quote(tariff, plan)
    if isinstance(priced, Held):
        detail = f"its tariff cannot be quoted: {priced.reason}: {priced.detail}"
        raise invalid("connector_id", detail)
    return Estimate(tariff=tariff, content_hash=content_hash, priced=priced)


async def _regular(hub: Hub, wish: Wish, wanted: tuple[str, ...]) -> tuple[Tariff, bytes]:
    """The first of the connector's tariffs that is for everyone and in force."""
    owner = (wish.owner.country_code, wish.owner.party_id)
    rows = await hub.db.fetch(SQL["tariffs"], *owner, [fold(t) for t in wanted])
    by_key = {row["id_key"]: row for row in rows}
    for tariff_id in wanted:
        row = by_key.get(fold(tariff_id))
        if row is None:
            continue
        tariff: Tariff = hub.wire.decode(row["version"], "tariff", row["body"])
        if tariff.type in REGULAR and _is_in_force(tariff, wish.start):
            return tariff, row["body_hash"]
    raise invalid("connector_id", "no public tariff is in force at this connector")


def _is_in_force(tariff: Tariff, at: datetime) -> bool:
    has_begun = tariff.start_date_time is None or tariff.start_date_time <= at
    return has_begun and (tariff.end_date_time is None or at < tariff.end_date_time)
