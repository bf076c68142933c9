"""Plug & Charge: trust anchors, contracts that end soon, and how fresh the revocation lists are."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from cryptography import x509

from gateway.console.page import ROWS, Page, Visit
from gateway.store.sql import load

SQL = load(__package__, "trust.sql")
SOON: Final = timedelta(days=30)
ENDED: Final = timedelta(days=7)


async def trust(visit: Visit) -> Page:
    """Everything that a contract certificate is judged by."""
    db, now = visit.hub.db, visit.now
    anchors, contracts, counts, sources = await asyncio.gather(
        db.fetch(SQL["anchors"]),
        db.fetch(SQL["contracts"], now - ENDED, ROWS),
        db.fetchrow(SQL["counts"], now, now + SOON),
        db.fetch(SQL["sources"]),
    )
    context = {
        "anchors": [(row, _subject(row["der"], row["subject"])) for row in anchors],
        "contracts": contracts, "counts": counts, "sources": sources, "soon": now + SOON,
    }  # fmt: skip
    return Page(template="trust.html", context=context)


def _subject(der: bytes, stored: str) -> str:
    """The subject as people write names; what is stored where the certificate is not readable."""
    try:
        return x509.load_der_x509_certificate(der).subject.rfc4514_string()
    except ValueError:
        return stored
