"""Authorisations: what was answered to whom, and why."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final

from gateway.console import partner
from gateway.console.page import ROWS, Page, Visit
from gateway.store.sql import load

SQL = load(__package__, "authorisation.sql")
ANSWERS: Final = ("ALLOWED", "BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED")
MICROSECONDS: Final = 1_000_000
MOMENT_MAX: Final = 4_102_444_800 * MICROSECONDS  # the year 2100


async def listing(visit: Visit) -> Page:
    """Newest first, filtered; htmx gets the rows alone."""
    db = visit.hub.db
    allowed = visit.text("allowed")
    rows, parties = await asyncio.gather(
        db.fetch(
            SQL["page"], _before(visit), visit.text("party"),
            allowed if allowed in ANSWERS else None, visit.text("find"), ROWS,
        ),
        partner.names(db),
    )  # fmt: skip
    last = rows[-1]["at"] if len(rows) == ROWS else None
    context = {
        "rows": rows, "parties": parties, "answers": ANSWERS,
        "query": {n: v for n, v in visit.query.items() if n != "before" and v},
        "is_first": visit.number("before") is None,
        "older": None if last is None else round(last.timestamp() * MICROSECONDS),
    }  # fmt: skip
    return Page(template="authorisations.html", partial="authorisation_rows.html", context=context)


def _before(visit: Visit) -> datetime | None:
    """Where the next page begins, in microseconds since 1970."""
    micros = visit.number("before")
    if micros is None or micros > MOMENT_MAX:
        return None
    seconds, rest = divmod(micros, MICROSECONDS)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
