"""The OCPI 2.2.1 objects that simulated partners send, built from their profiles."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from gateway.sim.partner import stamp
from gateway.sim.profile import Price, Profile, Station

Object = dict[str, Any]
CENT = Decimal("0.01")


class Charge(msgspec.Struct, kw_only=True):
    """One charging session as the CPO keeps it."""

    session_id: str
    station: Station
    evse_no: int
    token: Object
    auth_method: str
    started_at: datetime
    ended_at: datetime | None = None
    energy_kwh: Decimal = Decimal(0)
    status: str = "ACTIVE"
    authorization_reference: str | None = None
    is_billed: bool = False

    @property
    def evse_uid(self) -> str:
        """The EVSE's id inside its location."""
        return f"{self.station.location_id}-{self.evse_no}"

    @property
    def evse_id(self) -> str:
        """eMI3 EVSE id; set by the owner, see `location`."""
        return f"E{self.station.location_id.replace('-', '')}{self.evse_no}"


def location(owner: Profile, station: Station, price: Price, now: datetime) -> Object:
    """Location with its EVSEs, each with one CCS connector that bears the CPO's public tariff."""
    return {
        "country_code": owner.country_code, "party_id": owner.party_id, "id": station.location_id,
        "publish": True, "name": station.name, "address": station.address, "city": station.city,
        "postal_code": station.postal_code, "country": station.country,
        "coordinates": {"latitude": station.latitude, "longitude": station.longitude},
        "time_zone": station.time_zone, "opening_times": {"twentyfourseven": True},
        "operator": {"name": owner.name},
        "evses": [_evse(owner, station, price, no + 1, now) for no in range(station.evses)],
        "last_updated": stamp(now),
    }  # fmt: skip


def _evse(owner: Profile, station: Station, price: Price, no: int, now: datetime) -> Object:
    connector = {
        "id": "1", "standard": "IEC_62196_T2_COMBO", "format": "CABLE", "power_type": "DC",
        "max_voltage": 920, "max_amperage": 500, "max_electric_power": station.power_w,
        "tariff_ids": [price.tariff_id], "last_updated": stamp(now),
    }  # fmt: skip
    place = station.location_id.replace("-", "")
    return {
        "uid": f"{station.location_id}-{no}",
        "evse_id": f"{owner.country_code}*{owner.party_id}*E{place}*{no}",
        "status": "AVAILABLE",
        "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE", "UNLOCK_CAPABLE"],
        "connectors": [connector],
        "last_updated": stamp(now),
    }


def tariff(owner: Profile, price: Price, now: datetime) -> Object:
    """The public tariff: one element with a start fee and a price per kWh."""
    components = [
        {"type": "FLAT", "price": price.start_fee, "vat": price.vat_percent, "step_size": 1},
        {"type": "ENERGY", "price": price.per_kwh, "vat": price.vat_percent, "step_size": 1},
    ]
    return {
        "country_code": owner.country_code, "party_id": owner.party_id, "id": price.tariff_id,
        "currency": price.currency, "type": "REGULAR",
        "elements": [{"price_components": components}],
        "last_updated": stamp(now),
    }  # fmt: skip


def token(owner: Profile, uid: str, contract_id: str, now: datetime, **changes: Any) -> Object:
    """A driver's token; `changes` overrides single fields."""
    return {
        "country_code": owner.country_code, "party_id": owner.party_id, "uid": uid, "type": "RFID",
        "contract_id": contract_id, "issuer": owner.name, "valid": True, "whitelist": "ALLOWED",
        "language": owner.language, "last_updated": stamp(now), **changes,
    }  # fmt: skip


def cdr_token(of: Object) -> Object:
    """The part of a token that sessions and CDRs carry."""
    return {name: of[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")}


def session(owner: Profile, charge: Charge, price: Price, now: datetime) -> Object:
    """The session as it stands."""
    body: Object = {
        "country_code": owner.country_code, "party_id": owner.party_id, "id": charge.session_id,
        "start_date_time": stamp(charge.started_at), "kwh": charge.energy_kwh,
        "cdr_token": cdr_token(charge.token), "auth_method": charge.auth_method,
        "location_id": charge.station.location_id, "evse_uid": charge.evse_uid,
        "connector_id": "1", "currency": price.currency,
        "total_cost": money(net(price, charge.energy_kwh), price),
        "status": charge.status, "last_updated": stamp(now),
    }  # fmt: skip
    if charge.authorization_reference:
        body["authorization_reference"] = charge.authorization_reference
    if charge.ended_at is not None:
        body["end_date_time"] = stamp(charge.ended_at)
    return body


def cdr(owner: Profile, charge: Charge, price: Price, published: Object, now: datetime) -> Object:
    """The CPO's final statement; its own backend worked the total out, not the hub."""
    if charge.ended_at is None:
        raise ValueError(f"session {charge.session_id} has not ended")
    hours = Decimal((charge.ended_at - charge.started_at).seconds) / 3600
    hours = hours.quantize(Decimal("0.0001"))
    place = charge.station
    energy_cost = price.per_kwh * charge.energy_kwh
    body: Object = {
        "country_code": owner.country_code, "party_id": owner.party_id,
        "id": f"CDR-{charge.session_id}",
        "start_date_time": stamp(charge.started_at), "end_date_time": stamp(charge.ended_at),
        "session_id": charge.session_id, "cdr_token": cdr_token(charge.token),
        "auth_method": charge.auth_method,
        "cdr_location": {
            "id": place.location_id, "name": place.name, "address": place.address,
            "city": place.city, "postal_code": place.postal_code, "country": place.country,
            "coordinates": {"latitude": place.latitude, "longitude": place.longitude},
            "evse_uid": charge.evse_uid,
            "evse_id": f"{owner.country_code}*{owner.party_id}*"
                       f"E{place.location_id.replace('-', '')}*{charge.evse_no}",
            "connector_id": "1", "connector_standard": "IEC_62196_T2_COMBO",
            "connector_format": "CABLE", "connector_power_type": "DC",
        },
        "currency": price.currency, "tariffs": [published],
        "charging_periods": [{
            "start_date_time": stamp(charge.started_at), "tariff_id": price.tariff_id,
            "dimensions": [{"type": "ENERGY", "volume": charge.energy_kwh},
                           {"type": "TIME", "volume": hours}],
        }],
        "total_cost": money(net(price, charge.energy_kwh), price),
        "total_fixed_cost": money(price.start_fee, price),
        "total_energy_cost": money(energy_cost, price),
        "total_energy": charge.energy_kwh, "total_time": hours,
        "last_updated": stamp(now),
    }  # fmt: skip
    if charge.authorization_reference:
        body["authorization_reference"] = charge.authorization_reference
    return body


def net(price: Price, energy_kwh: Decimal) -> Decimal:
    """What the CPO's backend asks for a session, without VAT."""
    return price.start_fee + price.per_kwh * energy_kwh


def money(amount: Decimal, price: Price) -> Object:
    """OCPI 2.2.1 Price with both sums, four decimals."""
    gross = amount * (1 + price.vat_percent / 100)
    return {"excl_vat": _four(amount), "incl_vat": _four(gross)}


def _four(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)
