"""What goes on in the sample network by itself: cars come, charge and leave, in real time."""

from __future__ import annotations

import asyncio
import random
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

from aiohttp import ClientError

from gateway.sim.cpo import ChargePointOperator, energy_at
from gateway.sim.network import CAR_EMAID, CARD, WALLET_CONTRACT, Network
from gateway.sim.objects import Charge
from gateway.sim.partner import RefusedError
from gateway.sim.profile import Station

ARRIVAL_S = 6.0
METER_S = 8.0
STAY_S = (45, 180)
STRANGER_SHARE = 0.08
OVERCHARGE_SHARE = 0.07
OVERCHARGE = Decimal("1.20")
TAPER = Decimal("0.55")  # a battery takes less than the station could give
TROUBLE = (RefusedError, ClientError, TimeoutError, OSError)


class Life:
    """Runs until it is cancelled; one trouble never stops the rest."""

    def __init__(self, network: Network, seed: int) -> None:
        self._network = network
        self._random = random.Random(seed)  # noqa: S311 - whims of drivers, not secrets
        self._busy: set[str] = set()

    async def run(self) -> None:
        """Arrivals until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                visit = self._visit()
                if visit is not None:
                    group.create_task(visit)
                await asyncio.sleep(self._random.expovariate(1 / ARRIVAL_S))

    def _visit(self) -> Any:
        cpo = self._random.choice((self._network.rhein, self._network.fjord))
        station = self._random.choice(cpo.stations)
        evse_no = self._random.randint(1, station.evses)
        if f"{station.location_id}-{evse_no}" in self._busy:
            return None
        if self._random.random() < STRANGER_SHARE:
            return self._safely(cpo.authorise(uuid.uuid4().hex[:14].upper(), station))
        way = self._random.choice((self._by_card, self._by_card, self._by_app, self._by_car,
                                   self._by_wallet))  # fmt: skip
        return self._safely(self._occupy(way(cpo, station, evse_no), station, evse_no))

    async def _occupy(self, visit: Any, station: Station, evse_no: int) -> None:
        evse = f"{station.location_id}-{evse_no}"
        self._busy.add(evse)
        try:
            await visit
        finally:
            self._busy.discard(evse)

    async def _safely(self, work: Any) -> None:
        try:
            await work
        except TROUBLE:
            await asyncio.sleep(1)

    async def _by_card(self, cpo: ChargePointOperator, station: Station, evse_no: int) -> None:
        reply = await cpo.authorise(CARD, station)
        if not reply.is_success or reply.data["allowed"] != "ALLOWED":
            return
        token = self._network.voltaris.tokens[CARD]
        charge = await cpo.begin(
            token, station, evse_no=evse_no, auth_method="AUTH_REQUEST",
            authorization_reference=reply.data.get("authorization_reference"),
        )  # fmt: skip
        await self._stay(cpo, charge)
        await self._leave(cpo, charge)

    async def _by_car(self, cpo: ChargePointOperator, station: Station, evse_no: int) -> None:
        car = self._network.car
        answer, _ = await cpo.authorise_car(car.emaid, car.chain_pem, station)
        if answer.get("allowed") != "ALLOWED":
            return
        token = self._network.voltaris.tokens[CAR_EMAID]
        charge = await cpo.begin(
            token, station, evse_no=evse_no, auth_method="AUTH_REQUEST",
            authorization_reference=answer.get("authorization_reference"),
        )  # fmt: skip
        await self._stay(cpo, charge)
        await self._leave(cpo, charge)

    async def _by_app(self, cpo: ChargePointOperator, station: Station, evse_no: int) -> None:
        voltaris = self._network.voltaris
        place = {
            "id": station.location_id, "country_code": cpo.profile.country_code,
            "party_id": cpo.profile.party_id,
        }  # fmt: skip
        evse = f"{station.location_id}-{evse_no}"
        known = set(cpo.charges)
        await voltaris.start_session(CARD, place, evse)
        charge = self._started(cpo, known, evse)
        if charge is None:
            return
        await self._stay(cpo, charge)
        session = {
            "id": charge.session_id, "country_code": cpo.profile.country_code,
            "party_id": cpo.profile.party_id,
        }  # fmt: skip
        await voltaris.stop_session(session)

    async def _by_wallet(self, cpo: ChargePointOperator, station: Station, evse_no: int) -> None:
        evse = f"{station.location_id}-{evse_no}"
        at = {
            "country_code": cpo.profile.country_code, "party_id": cpo.profile.party_id,
            "location_id": station.location_id, "evse_uid": evse,
        }  # fmt: skip
        wallet = self._network.wallet
        await wallet.quote(at, "20")
        known = set(cpo.charges)
        begun = await wallet.begin(at, WALLET_CONTRACT, key=uuid.uuid4().hex)
        if begun.status != 202 or begun.body["status"] == "REJECTED":
            return
        await asyncio.sleep(1)
        charge = self._started(cpo, known, evse)
        if charge is None:
            return
        await self._stay(cpo, charge)
        await wallet.end(begun.body["id"])

    @staticmethod
    def _started(cpo: ChargePointOperator, known: set[str], evse: str) -> Charge | None:
        new = [c for key, c in cpo.charges.items() if key not in known and c.evse_uid == evse]
        return new[-1] if new else None

    async def _stay(self, cpo: ChargePointOperator, charge: Charge) -> None:
        """The meter moves every few seconds until the driver has enough."""
        left = self._random.randint(*STAY_S)
        while left > 0 and charge.status == "ACTIVE":
            await asyncio.sleep(min(METER_S, left))
            left -= int(METER_S)
            elapsed = cpo.now() - charge.started_at
            energy = energy_at(charge.station, max(elapsed, timedelta(0))) * TAPER
            await cpo.meter(charge, energy.quantize(Decimal("0.001")))

    async def _leave(self, cpo: ChargePointOperator, charge: Charge) -> None:
        await cpo.end(charge)
        is_dear = self._random.random() < OVERCHARGE_SHARE
        await cpo.bill(charge, overcharge=OVERCHARGE if is_dear else Decimal(0))
        cpo.charges.pop(charge.session_id, None)
