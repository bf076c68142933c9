"""What a charge cost in the end, as settled: figures, explanation and the documents behind them."""

from __future__ import annotations

import msgspec

from gateway.hub.context import Hub
from settlement.store import archive, view
from settlement.store.archive import DocumentLine, Format
from settlement.store.view import SettlementView

SETTLED = "SETTLED"


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A settled session and the documents that it stands on."""

    settlement: SettlementView
    documents: tuple[DocumentLine, ...]


async def find(hub: Hub, cdr_no: int) -> Receipt | None:
    """The receipt of a settled CDR; None while it is not settled."""
    async with hub.db.connection() as conn:
        settled = await view.show_settlement(conn, cdr_no)
        if settled is None or settled.line.state != SETTLED:
            return None
        found = []
        for document_id in await archive.documents_of(conn, cdr_no):
            document = await archive.show_document(conn, document_id)
            if document is not None:
                found.append(document.line)
    return Receipt(settlement=settled, documents=tuple(found))


async def render(hub: Hub, document_id: int, form: Format) -> bytes:
    """One document as bytes."""
    async with hub.db.connection() as conn:
        return await archive.read_document(conn, document_id, form, hub.clock.now())
