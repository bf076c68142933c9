"""The tariff a driver who plugs in will pay: what the CPO publishes for that EVSE.

It is shown, not charged: the price of a session is made from the tariff as published at its start.
"""

from __future__ import annotations

import time
from typing import Final

import msgspec

from gateway.hub.authorise.request import Place
from gateway.hub.context import Hub
from gateway.store.authorisation import read_location, read_tariff
from gateway.store.database import StoreUnavailable
from ocpi.errors import OcpiError
from ocpi.model.location import Location
from ocpi.model.party import PartyId, fold, same

AGE_MAX_S: Final = 30.0
KEPT_MAX: Final = 4096


class Tariffs:
    """One per process."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._kept: dict[tuple[PartyId, Place], tuple[float, bytes | None]] = {}

    async def of(self, cpo: PartyId, place: Place | None) -> bytes | None:
        """The tariff's JSON as its owner wrote it, in the version it wrote; None: not known."""
        if place is None or not place.evse_uids:
            return None
        kept = self._kept.get((cpo, place))
        if kept is not None and time.monotonic() - kept[0] < AGE_MAX_S:
            return kept[1]
        try:
            found = await self._look_up(cpo, place)
        except StoreUnavailable:
            return None
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[cpo, place] = (time.monotonic(), found)
        return found

    async def _look_up(self, cpo: PartyId, place: Place) -> bytes | None:
        where = (cpo.country_code, cpo.party_id)
        row = await read_location(self._hub.db, *where, fold(place.location_id))
        if row is None:
            return None
        try:
            location = self._hub.wire.decode(row[0], "location", row[1])
        except (OcpiError, msgspec.MsgspecError):
            return None
        tariff_id = first_tariff(location, place.evse_uids[0])
        if tariff_id is None:
            return None
        return await read_tariff(self._hub.db, *where, fold(tariff_id))


def first_tariff(location: Location, evse_uid: str) -> str | None:
    """The first tariff of the EVSE's first connector that has one."""
    for evse in location.evses:
        if same(evse.uid, evse_uid):
            return next((i for c in evse.connectors for i in c.tariff_ids), None)
    return None
