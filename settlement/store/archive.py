"""Issued documents as people and machines ask for them: UBL as stored, PDF and CII made once."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import asyncpg
import msgspec

from settlement.invoice import cii, pdf
from settlement.invoice.model import Invoice
from settlement.store import sql
from settlement.store.document import to_invoice

SQL = sql.load("document.sql")
ROWS_MAX = 500
NUMBER_MAX = 2**63 - 1

Format = Literal["ubl", "pdf", "cii"]


class DocumentLine(msgspec.Struct, frozen=True, kw_only=True):
    """One document in a list."""

    document_id: int
    issuer: str
    number: str
    type_code: str
    kind: str
    supplier: str
    customer: str
    currency: str
    net_minor: int
    vat_minor: int
    gross_minor: int
    issued_on: date
    issued_at: datetime
    ubl_hash: str


class DocumentView(msgspec.Struct, frozen=True, kw_only=True):
    """One document: its line, its EN 16931 model, and the sessions that stand on it."""

    line: DocumentLine
    invoice: Invoice
    sessions: tuple[tuple[int, str], ...]


class BlockedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that no document could be made of, and why."""

    order_id: int
    cdr_no: int
    leg: str
    blocked: str


async def list_documents(
    conn: asyncpg.Connection,
    *,
    party: str | None = None,
    before: int = NUMBER_MAX,
    limit: int = 100,
) -> tuple[DocumentLine, ...]:
    """The newest first; `before` is the last `document_id` of the page before."""
    rows = await conn.fetch(SQL["list"], party, before, min(limit, ROWS_MAX))
    return tuple(DocumentLine(**dict(row)) for row in rows)


async def show_document(conn: asyncpg.Connection, document_id: int) -> DocumentView | None:
    row = await conn.fetchrow(SQL["get"], document_id)
    if row is None:
        return None
    sessions = await conn.fetch(SQL["sessions"], document_id)
    return DocumentView(
        line=DocumentLine(**{name: row[name] for name in DocumentLine.__struct_fields__}),
        invoice=to_invoice(row["model"]),
        sessions=tuple((session["cdr_no"], session["cdr_key"]) for session in sessions),
    )


async def find_document(conn: asyncpg.Connection, text: str) -> int | None:
    """The id of a document from what people type: its id or its number."""
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    found: int | None = await conn.fetchval(SQL["get_by_number"], text)
    return found


async def documents_of(conn: asyncpg.Connection, cdr_no: int) -> tuple[int, ...]:
    """Ids of the documents a session stands on."""
    return tuple(row["document_id"] for row in await conn.fetch(SQL["of_cdr"], cdr_no))


async def read_document(
    conn: asyncpg.Connection, document_id: int, format_: Format, now: datetime
) -> bytes:
    """The document in one form. PDF and CII are made when first asked for and kept."""
    row = await conn.fetchrow(SQL["get"], document_id)
    if row is None:
        raise LookupError(f"there is no document {document_id}")
    if format_ == "ubl":
        stored: bytes = row["ubl"]
        return stored
    kept: bytes | None = await conn.fetchval(SQL["rendering"], document_id, format_)
    if kept is not None:
        return kept
    invoice = to_invoice(row["model"])
    made = cii.write(invoice) if format_ == "cii" else pdf.render(invoice, row["ubl"])
    await conn.execute(SQL["add_rendering"], document_id, format_, made, now)
    return (await conn.fetchval(SQL["rendering"], document_id, format_)) or made


async def list_blocked(conn: asyncpg.Connection, limit: int = ROWS_MAX) -> tuple[BlockedOrder, ...]:
    rows = await conn.fetch(SQL["blocked"], min(limit, ROWS_MAX))
    return tuple(BlockedOrder(**dict(row)) for row in rows)
