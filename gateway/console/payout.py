"""Payouts: batches as they go to the bank, and what the bank said."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.console.page import ROWS, File, Missing, Page, Visit
from gateway.store.sql import load
from settlement.store import payout

SQL = load(__package__, "payout.sql")
BY: Final = "console"


async def listing(visit: Visit) -> Page:
    """Batches, and what is owed and not yet in one."""
    db = visit.hub.db
    batches, owed = await asyncio.gather(
        db.fetch(payout.SQL["batches"], ROWS), db.fetch(SQL["owed"], ROWS)
    )
    return Page(template="payouts.html", context={"batches": batches, "owed": owed})


async def show(visit: Visit) -> Page:
    """One batch: its payouts, and every time its file left the house."""
    db, number = visit.hub.db, visit.id("batch")
    batch, payouts, exports = await asyncio.gather(
        db.fetchrow(payout.SQL["batch"], number),
        db.fetch(payout.SQL["payouts"], number, None, 1000),
        db.fetch(SQL["exports"], number),
    )
    if batch is None:
        raise Missing(f"There is no payout batch {number}.")
    context = {"batch": batch, "payouts": payouts, "exports": exports}
    return Page(template="payout.html", context=context)


async def export(visit: Visit) -> File:
    """The file for the bank; that it was taken is written down."""
    try:
        async with visit.hub.db.transaction() as conn:
            made = await payout.export(conn, visit.id("batch"), by=BY, now=visit.now)
    except LookupError as error:
        raise Missing(str(error)) from None
    return File(body=made.body, content_type="application/xml", name=f"{made.message_id}.xml")
