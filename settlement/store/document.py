"""Orders become numbered documents; each session stands on exactly one for each supply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from settlement.invoice import ubl
from settlement.invoice.document import document_from_orders
from settlement.invoice.errors import DocumentError
from settlement.invoice.model import Invoice, Preceding
from settlement.ledger.order import DocumentOrder
from settlement.store import sql
from settlement.store.item import to_order
from settlement.tax.leg import DocumentKind
from settlement.tax.party import MoneyParty

SQL = sql.load("document.sql")
RECEIPTS_AT_ONCE = 50
CLEARING_ORDERS_MAX = 20_000
LINES_A_DOCUMENT = 5_000
BLOCKED_MAX = 2_000

LETTERS: Final = {
    DocumentKind.RECEIPT: "R",
    DocumentKind.INVOICE: "I",
    DocumentKind.CREDIT_NOTE: "K",
    DocumentKind.SELF_BILLED: "S",
    DocumentKind.SELF_BILLED_CREDIT: "T",
    DocumentKind.RECEIPT_CREDIT: "Q",
}
CREDITS: Final = (
    DocumentKind.CREDIT_NOTE,
    DocumentKind.SELF_BILLED_CREDIT,
    DocumentKind.RECEIPT_CREDIT,
)


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did; `taken` counts orders, so that nothing taken means nothing is due."""

    taken: int = 0
    numbers: tuple[str, ...] = ()
    blocked: int = 0


class _Due(msgspec.Struct, frozen=True, kw_only=True):
    order_id: int
    cdr_no: int
    leg: str
    order: DocumentOrder
    zone: str


async def issue_receipts(
    conn: asyncpg.Connection,
    issuers: Mapping[str, MoneyParty],
    now: datetime,
    *,
    limit: int = RECEIPTS_AT_ONCE,
) -> Issued:
    """Drivers' documents, one for each session, for the oldest orders that wait."""
    return await _issue(conn, issuers, now, is_single=True, limit=limit)


async def issue_clearing(
    conn: asyncpg.Connection,
    issuers: Mapping[str, MoneyParty],
    now: datetime,
    *,
    limit: int = CLEARING_ORDERS_MAX,
) -> Issued:
    """Commission invoices and self-billed shares, one for each party of this clearing run."""
    return await _issue(conn, issuers, now, is_single=False, limit=limit)


async def issue_documents(
    conn: asyncpg.Connection, issuers: Mapping[str, MoneyParty], now: datetime
) -> Issued:
    """Everything that waits: receipts in steps, then the clearing run (`settlement run`)."""
    total = Issued()
    for step in (issue_receipts, issue_clearing):
        while True:
            done = await step(conn, issuers, now)
            total = Issued(
                taken=total.taken + done.taken,
                numbers=total.numbers + done.numbers,
                blocked=total.blocked + done.blocked,
            )
            if not done.numbers and not done.blocked:
                break
    return total


async def unblock(conn: asyncpg.Connection) -> int:
    """Orders whose document could not be made are tried again by the next run."""
    tag: str = await conn.execute(SQL["unblock"])
    return int(tag.rpartition(" ")[2])


async def _issue(
    conn: asyncpg.Connection,
    issuers: Mapping[str, MoneyParty],
    now: datetime,
    *,
    is_single: bool,
    limit: int,
) -> Issued:
    numbers: list[str] = []
    blocked = taken = 0
    async with conn.transaction():
        await conn.execute(SQL["lock_issuing"])
        groups = _groups(await _read_due(conn, is_single=is_single, limit=limit))
        for group in groups:
            taken += len(group)
            try:
                async with conn.transaction():
                    numbers.append(await _issue_one(conn, group, issuers, now))
            except DocumentError as error:
                blocked += len(group)
                ids = [due.order_id for due in group]
                await conn.execute(SQL["block"], ids, str(error)[:BLOCKED_MAX])
    return Issued(taken=taken, numbers=tuple(numbers), blocked=blocked)


async def _read_due(conn: asyncpg.Connection, *, is_single: bool, limit: int) -> list[_Due]:
    return [
        _Due(
            order_id=row["order_id"],
            cdr_no=row["cdr_no"],
            leg=row["leg"],
            order=to_order(row["body"]),
            zone=row["zone"] or "UTC",
        )
        for row in await conn.fetch(SQL["due"], is_single, limit)
    ]


def _groups(due: Sequence[_Due]) -> list[list[_Due]]:
    """Orders of one document together, in order of first appearance, cut at a readable length."""
    found: dict[tuple[object, ...], list[list[_Due]]] = {}
    for one in due:
        order = one.order
        key = (
            order.group_key,
            order.kind,
            order.currency,
            order.leg.supplier.key,
            order.leg.customer.key,
            order.leg.series,
            order.leg.place_currency,
            order.leg.place,
        )
        parts = found.setdefault(key, [[]])
        if sum(len(other.order.lines) for other in parts[-1]) >= LINES_A_DOCUMENT:
            parts.append([])
        parts[-1].append(one)
    return [part for parts in found.values() for part in parts]


class _Corrected(msgspec.Struct, frozen=True, kw_only=True):
    document_id: int
    preceding: Preceding


async def _corrected(conn: asyncpg.Connection, order: DocumentOrder) -> _Corrected | None:
    """The document that a credit note takes back; it has to exist first (BT-25)."""
    if order.kind not in CREDITS:
        return None
    row = await conn.fetchrow(SQL["document_of_order"], order.corrects)
    if row is None:
        raise DocumentError(f"{order.cdr_key}: the document to be credited is not issued yet")
    return _Corrected(
        document_id=row["document_id"],
        preceding=Preceding(number=row["number"], issued_on=row["issued_on"]),
    )


async def _issue_one(
    conn: asyncpg.Connection,
    group: Sequence[_Due],
    issuers: Mapping[str, MoneyParty],
    now: datetime,
) -> str:
    """Draws the number and stores the document; a refusal rolls the number back."""
    leg, kind = group[0].order.leg, group[0].order.kind
    corrected = await _corrected(conn, group[0].order)
    country = leg.place.partition("-")[0]
    sequence = await conn.fetchval(SQL["draw"], leg.issuer, leg.series, country, kind.value)
    number = f"{leg.series}-{country}-{LETTERS[kind]}{sequence:06d}"
    invoice = document_from_orders(
        tuple(due.order for due in group),
        issuers,
        number,
        now,
        time_zone=group[0].zone,
        preceding=corrected.preceding if corrected else None,
    )
    document_id = await conn.fetchval(
        SQL["add"],
        leg.issuer,
        leg.series,
        country,
        kind.value,
        sequence,
        number,
        invoice.type_code.value,
        leg.supplier.key,
        leg.customer.key,
        invoice.currency,
        invoice.totals.net_minor,
        invoice.totals.vat_minor,
        invoice.totals.gross_minor,
        invoice.issued_on,
        now,
        msgspec.json.encode(invoice).decode(),
        ubl.write(invoice),
        corrected.document_id if corrected else None,
    )
    await conn.execute(
        SQL["link"], [due.cdr_no for due in group], [due.leg for due in group], document_id
    )
    await conn.execute(SQL["done"], [due.order_id for due in group])
    return number


def to_invoice(model: str) -> Invoice:
    """The EN 16931 model of a stored document."""
    return msgspec.json.decode(model, type=Invoice)
