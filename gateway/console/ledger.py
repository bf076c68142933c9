"""Ledger and settlement: the trial balance, every party's balances, what is held, and the proof."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import Final

from gateway.console import partner
from gateway.console.page import Elsewhere, NotPossible, Page, Visit, whole
from gateway.store.database import Database
from gateway.store.sql import load
from settlement.store import queue, view
from settlement.store.posting import is_halted
from settlement.store.verify import Balance, Verification, trial_balance, verify

SQL = load(__package__, "ledger.sql")
AGES_OVER: Final = timedelta(days=30)
VERIFY_S: Final = 120.0
READ_S: Final = 10.0
RELEASE_MAX: Final = 500
LEGS: Final = 60


async def ledger(visit: Visit) -> Page:
    """All accounts with the sums that must be zero; who is owed what; how the promise was kept."""
    async with visit.hub.db.connection(timeout_s=READ_S) as conn:
        balance = await trial_balance(conn)
        counts = await view.count_all(conn)
        ages = await view.measure_ages(conn, visit.now - AGES_OVER)
        halted = await is_halted(conn)
        legs = await conn.fetch(SQL["recent"], LEGS)
    accounts = sorted(balance.accounts, key=lambda a: (a.party or "", a.currency, a.account))
    own = [one for one in accounts if one.party is None]
    parties = [
        (party, list(rows))
        for party, rows in itertools.groupby(accounts, lambda a: a.party)
        if party
    ]
    context = {
        "own": own, "parties": parties, "totals": _sums(accounts), "counts": counts, "ages": ages,
        "is_balanced": balance.is_balanced, "halted": halted, "legs": legs,
    }  # fmt: skip
    return Page(template="ledger.html", context=context)


async def prove(visit: Visit) -> Page:
    """Recomputes every balance and the chain, in a thread of its own: answers go on meanwhile."""
    try:
        async with asyncio.timeout(VERIFY_S + 5):
            url = visit.hub.settings.database_url
            found = await asyncio.to_thread(lambda: asyncio.run(_verify(url)))
    except TimeoutError:
        raise NotPossible(
            "The book is too long to be verified from a page: run `networkcore ledger verify`."
        ) from None
    return Page(template="verified.html", context={"found": found})


async def _verify(url: str) -> Verification:
    db = await Database.open(url, size=1)
    try:
        async with db.connection(timeout_s=VERIFY_S) as conn:
            return await verify(conn)
    finally:
        await db.close()


async def held(visit: Visit) -> Page:
    """What waits for a person, the oldest first, with its reason."""
    async with visit.hub.db.connection(timeout_s=READ_S) as conn:
        items = await view.list_held(conn, reason=visit.text("reason"), party=visit.text("party"))
        counts = await view.count_held(conn)
    context = {
        "items": items, "counts": counts, "parties": await partner.names(visit.hub.db),
        "query": {n: v for n, v in visit.query.items() if v and n != "released"},
        "released": visit.number("released"),
    }  # fmt: skip
    return Page(template="held.html", context=context)


async def release(visit: Visit) -> Elsewhere:
    """Tries the chosen items, or all of one reason, again."""
    numbers = [n for text in visit.form.get("cdr", ()) if (n := whole(text)) is not None]
    reasons = [r for r in visit.form.get("reason", ()) if r]
    if not numbers and not reasons:
        raise NotPossible("Choose what shall be tried again.")
    if len(numbers) > RELEASE_MAX:
        raise NotPossible(f"At most {RELEASE_MAX} at once.")
    async with visit.hub.db.transaction() as conn:
        count = await queue.release(conn, cdrs=numbers, reasons=reasons, now=visit.now)
    return Elsewhere(location=f"/console/held?released={count}")


def _sums(accounts: list[Balance]) -> list[tuple[str, int, int, int]]:
    """(currency, debits, credits, rest) — the rest is zero in a book that balances."""
    found: dict[str, list[int]] = {}
    for one in accounts:
        sums = found.setdefault(one.currency, [0, 0])
        sums[one.amount_minor < 0] += one.amount_minor
    return [
        (c, debits, credits_, debits + credits_) for c, (debits, credits_) in sorted(found.items())
    ]
