"""The first room: what happens now, how the last hour went, how money flowed in the last days."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from gateway.console.page import Numbers, Page, Visit
from gateway.store.database import Database
from gateway.store.sql import load
from settlement.money import Money, to_decimal

SQL = load(__package__, "overview.sql")
HOUR: Final = timedelta(hours=1)
MINUTE_S: Final = 60
DAYS: Final = 14
DAY: Final = timedelta(days=1)
SLOW_S: Final = 4.0
OUTWARD: Final = (("IN", "from partners"), ("OUT", "to partners"))


async def overview(visit: Visit) -> Page:
    """Figures that renew themselves, and charts."""
    figures, held, outcomes = await asyncio.gather(
        _figures(visit.hub.db, visit.now),
        visit.hub.db.fetch(SQL["held"], timeout_s=SLOW_S),
        visit.hub.db.fetch(SQL["outcomes"], visit.now - HOUR, timeout_s=SLOW_S),
    )
    busiest = max((row["count"] for row in outcomes), default=1)
    context = figures | {"held_reasons": held, "outcomes": outcomes, "busiest": busiest}
    return Page(template="overview.html", context=context)


async def figures(visit: Visit) -> Page:
    """The row of live figures alone."""
    return Page(template="figures.html", context=await _figures(visit.hub.db, visit.now))


async def _figures(db: Database, now: datetime) -> dict[str, Any]:
    live, partners, promise = await asyncio.gather(
        db.fetchrow(SQL["figures"], now, timeout_s=SLOW_S),
        db.fetch(SQL["partners"], timeout_s=SLOW_S),
        db.fetchrow(SQL["promise"], now, timeout_s=SLOW_S),
    )
    connections = {row["connection"]: row["count"] for row in partners}
    return {"live": live, "connections": connections, "promise": promise}


async def traffic(visit: Visit) -> Numbers:
    """Exchanges a minute, by direction."""
    since = _whole_minutes(visit.now)
    rows = await visit.hub.db.fetch(SQL["traffic"], since, timeout_s=SLOW_S)
    counts = {(row["minute"], row["direction"]): row["count"] for row in rows}
    return Numbers(value=_hour(since, counts, OUTWARD))


async def authorisations(visit: Visit) -> Numbers:
    """Authorisations a minute, by outcome."""
    since = _whole_minutes(visit.now)
    rows = await visit.hub.db.fetch(SQL["authorisations"], since, timeout_s=SLOW_S)
    counts = {(row["minute"], row["is_allowed"]): row["count"] for row in rows}
    return Numbers(value=_hour(since, counts, ((True, "allowed"), (False, "refused"))))


async def energy(visit: Visit) -> Numbers:
    """Energy settled a day, in kWh."""
    start, rows = await _days(visit)
    sums: dict[int, int] = {}
    for row in rows:
        day = _stamp(row["day"])
        sums[day] = sums.get(day, 0) + (row["energy_wh"] or 0)
    values = {day: float(Decimal(wh).scaleb(-3)) for day, wh in sums.items()}
    return Numbers(value=_per_day(start, [("energy", "kWh", values)]))


async def money(visit: Visit) -> Numbers:
    """What drivers paid a day, one series for each currency."""
    start, rows = await _days(visit)
    series: dict[str, dict[int, float]] = {}
    for row in rows:
        paid = to_decimal(Money(amount_minor=row["gross_minor"], currency=row["currency"]))
        series.setdefault(row["currency"], {})[_stamp(row["day"])] = float(paid)
    named = [(currency, currency, values) for currency, values in sorted(series.items())]
    return Numbers(value=_per_day(start, named))


async def _days(visit: Visit) -> tuple[datetime, Sequence[Any]]:
    today = datetime.combine(visit.now.astimezone(UTC).date(), time(tzinfo=UTC))
    start = today - (DAYS - 1) * DAY
    return start, await visit.hub.db.fetch(SQL["days"], start, timeout_s=SLOW_S)


def _whole_minutes(now: datetime) -> datetime:
    return (now - HOUR).replace(second=0, microsecond=0) + timedelta(minutes=1)


def _hour(
    since: datetime, counts: Mapping[tuple[int, Any], int], keys: Sequence[tuple[Any, str]]
) -> dict[str, Any]:
    first = int(since.timestamp())
    minutes = [first + MINUTE_S * i for i in range(MINUTE_S)]
    series = [
        {"label": label, "unit": "", "values": [counts.get((minute, key), 0) for minute in minutes]}
        for key, label in keys
    ]
    return {"x": minutes, "series": series}


def _per_day(
    start: datetime, series: Sequence[tuple[str, str, Mapping[int, float]]]
) -> dict[str, Any]:
    days = [int((start + i * DAY).timestamp()) for i in range(DAYS)]
    return {
        "x": days,
        "series": [
            {"label": label, "unit": unit, "values": [values.get(day, 0) for day in days]}
            for label, unit, values in series
        ],
    }


def _stamp(day: Any) -> int:
    return int(datetime.combine(day, time(tzinfo=UTC)).timestamp())
