"""A charge point operator: publishes places and prices, asks, charges, and bills afterwards."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from gateway.sim import objects
from gateway.sim.objects import Charge, Object
from gateway.sim.partner import Handler, Now, Partner, RefusedError, Reply, decode, envelope, stamp
from gateway.sim.profile import Price, Profile, Station

WATT_HOURS_PER_KWH = 1000
COMMAND_TIMEOUT_S = 30
PUBLIC_FOR = timedelta(days=30)  # the price did not change when this operator joined


class ChargePointOperator(Partner):
    """A CPO platform with its stations, its one public tariff and its running sessions."""

    def __init__(
        self, profile: Profile, stations: tuple[Station, ...], price: Price, now: Now
    ) -> None:
        super().__init__(profile, now)
        self.stations = stations
        self.price = price
        self.tokens: dict[str, Object] = {}
        self.charges: dict[str, Charge] = {}
        self.cdrs: list[Object] = []
        self.published_tariff: Object = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def endpoints(self) -> list[tuple[str, str]]:
        """What a CPO offers (OCPI 2.2.1, version information)."""
        senders = [(m, "SENDER") for m in ("locations", "tariffs", "sessions", "cdrs")]
        return [*senders, ("tokens", "RECEIVER"), ("commands", "RECEIVER")]

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Lists to pull, tokens to receive, commands to obey."""
        key = "/tokens/{country_code}/{party_id}/{uid}"
        return [
            ("GET", "/locations", self._list_locations),
            ("GET", "/tariffs", self._list_tariffs),
            ("GET", "/sessions", self._list_sessions),
            ("GET", "/cdrs", self._list_cdrs),
            ("PUT", key, self._put_token),
            ("PATCH", key, self._patch_token),
            ("GET", key, self._get_token),
            ("POST", "/commands/{command}", self._command),
        ]

    async def stop(self) -> None:
        """Ends what commands began, then both directions."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().stop()

    async def obeyed(self) -> None:
        """Returns when every command that was accepted has been carried out."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- publishing

    def locations(self) -> list[Object]:
        """Everything this CPO publishes."""
        return [objects.location(self.profile, s, self.price, self.now()) for s in self.stations]

    async def publish(self) -> int:
        """Pushes the tariff, then the locations that name it, to everybody; returns how many."""
        public_since = self.now() - PUBLIC_FOR
        self.published_tariff = objects.tariff(self.profile, self.price, public_since)
        await self._push("tariffs", self.price.tariff_id, self.published_tariff)
        for body in self.locations():
            await self._push("locations", body["id"], body)
        return len(self.stations) + 1

    async def _push(self, module: str, key: str, body: Object, to: str | None = None) -> Reply:
        path = f"/{self.profile.country_code}/{self.profile.party_id}/{key}"
        reply = await self.call("PUT", module, "RECEIVER", path, body=body, to=to)
        if not reply.is_success:
            raise RefusedError(f"{module} {key}: {reply.status_code} {reply.status_message}")
        return reply

    async def set_status(self, station: Station, evse_no: int, status: str) -> Reply:
        """Tells everybody that an EVSE is now AVAILABLE, CHARGING, …"""
        uid = f"{station.location_id}-{evse_no}"
        path = f"/{self.profile.country_code}/{self.profile.party_id}/{station.location_id}/{uid}"
        patch = {"status": status, "last_updated": stamp(self.now())}
        return await self.call("PATCH", "locations", "RECEIVER", path, body=patch)

    # -- authorising

    async def authorise(self, uid: str, station: Station, kind: str = "RFID") -> Reply:
        """Real-time authorisation of a token at one station (OCPI mod_tokens §11.2.2)."""
        body = {"location_id": station.location_id, "evse_uids": [f"{station.location_id}-1"]}
        path = f"/{uid}/authorize?type={kind}"
        return await self.call("POST", "tokens", "SENDER", path, body=body)

    async def authorise_car(
        self, emaid: str, chain_pem: str, station: Station
    ) -> tuple[dict[str, Any], float]:
        """Plug & Charge: the chain that the car showed; the hub's answer and the milliseconds."""
        versions_url = self.hub_endpoints["credentials", "RECEIVER"]
        url = versions_url.split("/ocpi/", 1)[0] + "/pnc/v1/authorize"
        body = {
            "emaid": emaid, "certificate": chain_pem, "location_id": station.location_id,
            "evse_uid": f"{station.location_id}-1", "iso15118_version": "2",
        }  # fmt: skip
        return await self.ask_plain("POST", url, body)

    # -- charging

    async def begin(
        self, token: Object, station: Station, *, evse_no: int = 1, auth_method: str,
        authorization_reference: str | None = None, session_id: str | None = None,
        ago: timedelta = timedelta(),
    ) -> Charge:  # fmt: skip
        """Starts a session (or one that began `ago`) and tells its demand partner."""
        charge = Charge(
            session_id=session_id or f"S-{secrets.token_hex(6).upper()}",
            station=station, evse_no=evse_no, token=token, auth_method=auth_method,
            started_at=self.now().replace(microsecond=0) - ago,
            authorization_reference=authorization_reference,
        )  # fmt: skip
        self.charges[charge.session_id] = charge
        await self._tell(charge)
        await self.set_status(station, evse_no, "CHARGING")
        return charge

    async def meter(self, charge: Charge, energy_kwh: Decimal) -> Reply:
        """The meter moved: PATCH of what changed."""
        charge.energy_kwh = energy_kwh
        cost = objects.money(objects.net(self.price, energy_kwh), self.price)
        patch = {"kwh": energy_kwh, "total_cost": cost, "last_updated": stamp(self.now())}
        path = f"/{self.profile.country_code}/{self.profile.party_id}/{charge.session_id}"
        to = f"{charge.token['country_code']}-{charge.token['party_id']}"
        return await self.call("PATCH", "sessions", "RECEIVER", path, body=patch, to=to)

    async def end(self, charge: Charge) -> None:
        """Stops the session; the EVSE is free again."""
        charge.status = "COMPLETED"
        charge.ended_at = max(self.now().replace(microsecond=0), charge.started_at)
        await self._tell(charge)
        await self.set_status(charge.station, charge.evse_no, "AVAILABLE")

    async def bill(self, charge: Charge, *, overcharge: Decimal = Decimal(0)) -> Reply:
        """Sends the CDR. `overcharge` makes this CPO ask more than its own tariff says."""
        body = objects.cdr(self.profile, charge, self.price, self.published_tariff, self.now())
        if overcharge:
            total = objects.net(self.price, charge.energy_kwh) + overcharge
            body["total_cost"] = objects.money(total, self.price)
        self.cdrs.append(body)
        reply = await self.send_cdr(body)
        charge.is_billed = charge.is_billed or reply.is_success
        return reply

    async def send_cdr(self, body: Object) -> Reply:
        """POSTs one CDR to its demand partner through the hub."""
        to = f"{body['cdr_token']['country_code']}-{body['cdr_token']['party_id']}"
        return await self.call("POST", "cdrs", "RECEIVER", body=body, to=to)

    async def _tell(self, charge: Charge) -> None:
        to = f"{charge.token['country_code']}-{charge.token['party_id']}"
        body = objects.session(self.profile, charge, self.price, self.now())
        await self._push("sessions", charge.session_id, body, to=to)

    # -- being called

    async def _list_locations(self, _request: web.Request) -> web.Response:
        return self._page(self.locations())

    async def _list_tariffs(self, _request: web.Request) -> web.Response:
        return self._page([self.published_tariff] if self.published_tariff else [])

    async def _list_sessions(self, _request: web.Request) -> web.Response:
        running = self.charges.values()
        return self._page(
            [objects.session(self.profile, c, self.price, self.now()) for c in running]
        )

    async def _list_cdrs(self, _request: web.Request) -> web.Response:
        return self._page(self.cdrs)

    def _page(self, items: list[Object]) -> web.Response:
        response = envelope(items, self.now())
        response.headers.update({"X-Total-Count": str(len(items)), "X-Limit": "1000"})
        return response

    async def _put_token(self, request: web.Request) -> web.Response:
        self.tokens[request.match_info["uid"]] = decode(await request.read())
        return envelope(None, self.now())

    async def _patch_token(self, request: web.Request) -> web.Response:
        known = self.tokens.get(request.match_info["uid"])
        if known is None:
            return envelope(None, self.now(), 2004, "unknown token")
        known.update(decode(await request.read()))
        return envelope(None, self.now())

    async def _get_token(self, request: web.Request) -> web.Response:
        known = self.tokens.get(request.match_info["uid"])
        code = 1000 if known else 2004
        return envelope(known, self.now(), code)

    async def _command(self, request: web.Request) -> web.Response:
        """Accepts at once, answers to the response_url when the station has acted."""
        body = decode(await request.read())
        task = asyncio.create_task(self._obey(request.match_info["command"], body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return envelope({"result": "ACCEPTED", "timeout": COMMAND_TIMEOUT_S}, self.now())

    async def _obey(self, command: str, body: Any) -> None:
        result = "NOT_SUPPORTED"
        if command == "START_SESSION":
            result = await self._start(body)
        elif command == "STOP_SESSION":
            result = await self._stop(body)
        headers = {"X-Correlation-ID": uuid.uuid4().hex}
        await self._ask(
            "POST",
            body["response_url"],
            self.token_at_hub,
            body={"result": result},
            headers=headers,
        )

    async def _start(self, body: Any) -> str:
        station = next((s for s in self.stations if s.location_id == body["location_id"]), None)
        if station is None:
            return "REJECTED"
        uid = body.get("evse_uid") or f"{station.location_id}-1"
        await self.begin(
            body["token"], station, evse_no=int(str(uid).rsplit("-", 1)[-1]), auth_method="COMMAND",
            authorization_reference=body.get("authorization_reference"),
        )  # fmt: skip
        return "ACCEPTED"

    async def _stop(self, body: Any) -> str:
        charge = self.charges.get(body["session_id"])
        if charge is None or charge.status != "ACTIVE":
            return "REJECTED"
        await self.end(charge)
        await self.bill(charge)
        return "ACCEPTED"


def energy_at(station: Station, elapsed: timedelta) -> Decimal:
    """What a station delivers in some time at full power, in kWh to three decimals."""
    seconds = Decimal(elapsed.total_seconds())
    energy = Decimal(station.power_w) * seconds / (3600 * WATT_HOURS_PER_KWH)
    return energy.quantize(Decimal("0.001"))
