"""What goes on in the sample network by itself: cars come, charge and leave, in real time."""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal

import msgspec
from aiohttp import ClientError

from gateway.sim.cpo import ChargePointOperator, energy_at
from gateway.sim.network import CAR_EMAID, CARD, WALLET_CONTRACT, Network
from gateway.sim.objects import Charge
from gateway.sim.partner import RefusedError
from gateway.sim.profile import Station

OVERCHARGE = Decimal("1.20")
TAPER = Decimal("0.55")  # a battery takes less than the station could give
BEGIN_S = 10.0
LOOK_S = 0.2
CLOSING_S = 5.0
KEPT_MAX = 500  # what a partner remembers of its past; the hub remembers all of it
TROUBLE = (RefusedError, ClientError, TimeoutError, OSError, ValueError, LookupError)
Way = Callable[[ChargePointOperator, Station, int], Awaitable[None]]


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How busy it is, in real seconds."""

    arrival_s: float = 6.0
    meter_s: float = 8.0
    stay_min_s: float = 45.0
    stay_max_s: float = 180.0
    stranger_share: float = 0.08
    overcharge_share: float = 0.07
    trouble_s: float = 1.0


class Life:
    """Runs until it is cancelled; one trouble never stops the rest."""

    def __init__(self, network: Network, seed: int, pace: Pace | None = None) -> None:
        self._network = network
        self._random = random.Random(seed)  # noqa: S311 - whims of drivers, not secrets
        self._pace = pace or Pace()
        self._busy: set[str] = set()
        self.visits = 0
        self.troubles = 0

    async def run(self) -> None:
        """Arrivals until cancelled; then the cars that still charge leave and are billed."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._arrive(group)
                    await asyncio.sleep(self._random.expovariate(1 / self._pace.arrival_s))
        finally:
            await self._close()

    def _arrive(self, group: asyncio.TaskGroup) -> None:
        cpo = self._random.choice((self._network.rhein, self._network.fjord))
        station = self._random.choice(cpo.stations)
        evse_no = self._random.randint(1, station.evses)
        evse = f"{station.location_id}-{evse_no}"
        if evse in self._busy:
            return
        if self._random.random() < self._pace.stranger_share:
            group.create_task(self._safely(self._by_stranger, cpo, station, evse_no))
            return
        ways: tuple[Way, ...] = (self._by_card, self._by_card, self._by_app, self._by_car,
                                 self._by_wallet)  # fmt: skip
        self._busy.add(evse)
        task = group.create_task(self._safely(self._random.choice(ways), cpo, station, evse_no))
        task.add_done_callback(lambda _: self._busy.discard(evse))

    async def _safely(
        self, way: Way, cpo: ChargePointOperator, station: Station, evse_no: int
    ) -> None:
        try:
            await way(cpo, station, evse_no)
            self.visits += 1
        except TROUBLE:
            self.troubles += 1
            await asyncio.sleep(self._pace.trouble_s)
        finally:
            self._forget(cpo)

    def _forget(self, cpo: ChargePointOperator) -> None:
        """A network that lives for weeks must not grow in memory."""
        for key in [k for k, c in cpo.charges.items() if c.is_billed]:
            del cpo.charges[key]
        for key in list(cpo.charges)[:-KEPT_MAX]:
            del cpo.charges[key]
        del cpo.cdrs[:-KEPT_MAX]
        for seen in (self._network.voltaris.sessions, self._network.voltaris.cdrs):
            for key in list(seen)[:-KEPT_MAX]:
                del seen[key]
        del self._network.voltaris.asked[:-KEPT_MAX]

    async def _close(self) -> None:
        """Nobody is left charging for ever in the hub's books."""
        with contextlib.suppress(*TROUBLE):
            async with asyncio.timeout(CLOSING_S):
                for cpo in (self._network.rhein, self._network.fjord):
                    await cpo.obeyed()
                    for charge in [c for c in cpo.charges.values() if not c.is_billed]:
                        if charge.status == "ACTIVE":
                            await cpo.end(charge)
                        await cpo.bill(charge)

    async def _by_stranger(self, cpo: ChargePointOperator, station: Station, _evse_no: int) -> None:
        await cpo.authorise(uuid.uuid4().hex[:14].upper(), station)

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
        for _ in range(int(BEGIN_S / LOOK_S)):
            if (await wallet.status(begun.body["id"])).body["status"] != "PENDING":
                break
            await asyncio.sleep(LOOK_S)
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
        left = self._random.uniform(self._pace.stay_min_s, self._pace.stay_max_s)
        while left > 0 and charge.status == "ACTIVE":
            pause = min(self._pace.meter_s, left)
            await asyncio.sleep(pause)
            left -= pause
            elapsed = cpo.now() - charge.started_at
            energy = energy_at(charge.station, max(elapsed, timedelta(0))) * TAPER
            await cpo.meter(charge, energy.quantize(Decimal("0.001")))

    async def _leave(self, cpo: ChargePointOperator, charge: Charge) -> None:
        await cpo.end(charge)
        is_dear = self._random.random() < self._pace.overcharge_share
        await cpo.bill(charge, overcharge=OVERCHARGE if is_dear else Decimal(0))
