"""How many CDRs one core prices and compares in a second; CPU time, best of several rounds."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gateway.sim import objects
from gateway.sim.objects import Charge
from gateway.sim.partner import encode
from gateway.sim.profile import GERMAN_PRICE, GERMAN_STATIONS, RHEINSTROM, VOLTARIS, Profile
from ocpi.wire import codec
from settlement.tariff import differences, price, request

ROUNDS, CDRS = 7, 2000
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def cdr_body(number: int, issuer: Profile = VOLTARIS) -> bytes:
    """A CDR as the simulated CPO sends it; each with its own energy."""
    token = objects.token(issuer, "BENCH000001", "NLVLTC00000001X", START)
    charge = Charge(
        session_id=f"B{number:08d}", station=GERMAN_STATIONS[0], evse_no=1, token=token,
        auth_method="AUTH_REQUEST", started_at=START, ended_at=START + timedelta(minutes=37),
        energy_kwh=Decimal(number % 60_000) / 1000 + 1, status="COMPLETED",
    )  # fmt: skip
    tariff = objects.tariff(RHEINSTROM, GERMAN_PRICE, START - timedelta(days=30))
    return encode(objects.cdr(RHEINSTROM, charge, GERMAN_PRICE, tariff, START))


def measure() -> dict[str, float]:
    """Per second and in microseconds: pricing with comparison, and the decoding before it."""
    bodies = [cdr_body(number) for number in range(CDRS)]
    cdrs = [codec.decode("2.2.1", "cdr", body) for body in bodies]
    decode_us = _best(lambda: [codec.decode("2.2.1", "cdr", body) for body in bodies])
    price_us = _best(lambda: [_price(cdr) for cdr in cdrs])
    return {"price_us": price_us, "priced_per_second": 1e6 / price_us, "decode_us": decode_us}


def _price(cdr: object) -> None:
    made = request(cdr, cdr.tariffs, "Europe/Berlin")  # type: ignore[attr-defined]
    priced = price(made)
    if differences(cdr, priced):
        raise AssertionError("the benchmark's own CDRs must price as they say")


def _best(work: object) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()  # type: ignore[operator]
        times.append(time.process_time() - began)
    return min(times) / CDRS * 1e6
