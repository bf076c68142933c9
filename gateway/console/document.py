"""Documents: a list, one with its lines, and the files that people and machines keep."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.console import partner
from gateway.console.page import NUMBER_MAX, ROWS, File, Missing, Page, Visit
from settlement.invoice import cii, pdf
from settlement.store import archive
from settlement.store.document import to_invoice

READ_S: Final = 10.0
TYPES: Final = {"ubl": "application/xml", "cii": "application/xml", "pdf": "application/pdf"}
ENDINGS: Final = {"ubl": "ubl.xml", "cii": "cii.xml", "pdf": "pdf"}


async def listing(visit: Visit) -> Page:
    """The newest first, and orders that no document could be made of."""
    async with visit.hub.db.connection(timeout_s=READ_S) as conn:
        rows = await archive.list_documents(
            conn, party=visit.text("party"), before=visit.number("before") or NUMBER_MAX, limit=ROWS
        )
        blocked = await archive.list_blocked(conn, limit=ROWS)
    context = {
        "documents": rows, "blocked": blocked, "parties": await partner.names(visit.hub.db),
        "query": {n: v for n, v in visit.query.items() if n != "before" and v}, "rows_max": ROWS,
    }  # fmt: skip
    return Page(template="documents.html", context=context)


async def show(visit: Visit) -> Page:
    """One document with its lines, VAT and sessions."""
    async with visit.hub.db.connection(timeout_s=READ_S) as conn:
        found = await archive.show_document(conn, visit.id("document"))
    if found is None:
        raise Missing(f"There is no document {visit.path['document']}.")
    context = {"line": found.line, "invoice": found.invoice, "sessions": found.sessions}
    return Page(template="document.html", context=context)


async def download(visit: Visit) -> File:
    """UBL as stored; PDF and CII are made once, away from the loop that answers requests."""
    form, number = visit.path["format"], visit.id("document")
    if form not in TYPES:
        raise Missing("Documents exist as pdf, ubl and cii.")
    async with visit.hub.db.connection(timeout_s=READ_S) as conn:
        row = await conn.fetchrow(archive.SQL["get"], number)
        kept = (
            None if form == "ubl" else await conn.fetchval(archive.SQL["rendering"], number, form)
        )
    if row is None:
        raise Missing(f"There is no document {number}.")
    made: bytes | None = row["ubl"] if form == "ubl" else kept
    if made is None:
        made = await asyncio.to_thread(_render, form, row["model"], row["ubl"])
        await visit.hub.db.execute(archive.SQL["add_rendering"], number, form, made, visit.now)
    return File(body=made, content_type=TYPES[form], name=f"{row['number']}.{ENDINGS[form]}")


def _render(form: str, model: str, ubl: bytes) -> bytes:
    invoice = to_invoice(model)
    return cii.write(invoice) if form == "cii" else pdf.render(invoice, ubl)
