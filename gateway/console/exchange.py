"""What was said, both directions: a list that renews itself, and each exchange with both bodies."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from gateway.console import body, partner
from gateway.console.page import ROWS, Missing, Page, Visit
from gateway.store.database import Database
from gateway.store.sql import load

SQL = load(__package__, "exchange.sql")
DIRECTIONS: Final = frozenset({"IN", "OUT"})
OUTCOMES: Final = frozenset({"ok", "failed"})
TOGETHER: Final = 50
NOBODY: Final = -1


async def listing(visit: Visit) -> Page:
    """Newest first, filtered; htmx gets the rows alone."""
    db = visit.hub.db
    rows, modules, parties = await asyncio.gather(
        recent(
            db,
            before=visit.number("before"),
            platform_id=await _platform(visit),
            module=visit.text("module"),
            direction=_one_of(visit.text("direction"), DIRECTIONS),
            correlation=visit.text("correlation"),
            outcome=_one_of(visit.text("outcome"), OUTCOMES),
            limit=ROWS,
        ),
        db.fetch(SQL["modules"]),
        partner.names(db),
    )
    query = {n: v for n, v in visit.query.items() if n != "before" and v}
    context = {
        "exchanges": rows, "modules": [row["module"] for row in modules], "parties": parties,
        "query": query, "is_first": visit.number("before") is None, "rows_max": ROWS,
    }  # fmt: skip
    return Page(template="exchanges.html", partial="exchange_rows.html", context=context)


async def show(visit: Visit) -> Page:
    """One exchange, and what else was said under the same correlation id."""
    db = visit.hub.db
    found = await db.fetchrow(SQL["one"], visit.id("exchange"))
    if found is None:
        raise Missing("This exchange is not kept any more: the log is short-lived.")
    together: list[Any] = []
    if found["correlation_id"]:
        together = await recent(db, correlation=found["correlation_id"], limit=TOGETHER)
    return Page(
        template="exchange.html",
        context={
            "x": found, "path": body.show_path(found["path"]), "exchanges": together,
            "request": body.show(found["request"]), "response": body.show(found["response"]),
        },
    )  # fmt: skip


async def recent(
    db: Database,
    *,
    before: int | None = None,
    platform_id: int | None = None,
    module: str | None = None,
    direction: str | None = None,
    correlation: str | None = None,
    outcome: str | None = None,
    limit: int,
) -> list[Any]:
    """Lines of the log without bodies, newest first."""
    return await db.fetch(
        SQL["page"], before, platform_id, module, direction, correlation, outcome, limit
    )


async def _platform(visit: Visit) -> int | None:
    """The platform of the party that was asked for; nobody's when there is no such party."""
    text = visit.text("party")
    if text is None:
        return None
    try:
        who = partner.read_party(text)
    except Missing:
        return NOBODY
    found: int | None = await visit.hub.db.fetchval(
        SQL["platform_of"], who.country_code, who.party_id
    )
    return NOBODY if found is None else found


def _one_of(text: str | None, allowed: frozenset[str]) -> str | None:
    return text if text in allowed else None
