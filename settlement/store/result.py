"""What the pipeline decided, written down: settled with everything that follows, or held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import asyncpg
import msgspec

from settlement.errors import Held, MoneyError
from settlement.ledger.order import DocumentOrder
from settlement.pipeline.result import Settled
from settlement.store import sql
from settlement.store.fact import columns
from settlement.store.item import Loaded
from settlement.store.posting import post
from settlement.store.queue import release_credits

SQL = sql.load("settlement.sql")
DETAIL_MAX = 2_000


class ConflictError(MoneyError):
    """An event that was posted before came back with other content."""


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """As `Held`, with reasons that lie before the pipeline too: unreadable, poison."""

    reason: str
    detail: str
    field: str = ""


async def write(
    conn: asyncpg.Connection,
    settled: Sequence[tuple[Loaded, Settled]],
    held: Sequence[tuple[Loaded, Held | Hold]],
    now: datetime,
) -> None:
    """Everything about a batch, in the caller's transaction; the journal last, under its lock.

    Raises:
        ConflictError: an entry contradicts the journal; nothing may be committed.
    """
    await _write_settled(conn, settled, now)
    await _write_held(conn, held, now)
    numbers = [loaded.cdr_no for loaded, _ in settled]
    if numbers:
        await release_credits(conn, numbers, now)
    entries = [made for _, result in settled for made in result.entries]
    done = await post(conn, entries, now)
    if done.conflicting:
        keys = ", ".join(sorted(idem.hex()[:16] for idem in done.conflicting))
        raise ConflictError(f"posted before with other content: {keys}")


async def _write_settled(
    conn: asyncpg.Connection, settled: Sequence[tuple[Loaded, Settled]], now: datetime
) -> None:
    if not settled:
        return
    await conn.executemany(SQL["add_settled"], [_settled_row(*pair, now) for pair in settled])
    await conn.execute(SQL["drop_held"], [loaded.cdr_no for loaded, _ in settled])
    if reversed_ := [
        (loaded.original_no, loaded.cdr_no)
        for loaded, result in settled
        if loaded.original_no is not None and result.kind == "credit"
    ]:
        await conn.executemany(SQL["reverse"], reversed_)
    orders = [row for pair in settled for row in _order_rows(*pair)]
    if orders:
        await conn.execute(SQL["add_orders"], *columns(orders, 12), now)
    payables = [row for pair in settled for row in _payable_rows(*pair)]
    if payables:
        await conn.execute(SQL["add_payables"], *columns(payables, 9))


async def _write_held(
    conn: asyncpg.Connection, held: Sequence[tuple[Loaded, Held | Hold]], now: datetime
) -> None:
    if not held:
        return
    await conn.executemany(
        SQL["add_held_settlement"],
        [
            (
                loaded.cdr_no,
                loaded.cdr_hash,
                loaded.cpo,
                loaded.dp,
                loaded.currency,
                loaded.evse_key,
                loaded.started_at,
                loaded.ended_at,
                loaded.received_at,
                now,
            )
            for loaded, _ in held
        ],
    )
    await conn.executemany(
        SQL["add_held"],
        [
            (loaded.cdr_no, str(why.reason), _storable(why.detail), why.field, now)
            for loaded, why in held
        ],
    )


def _settled_row(loaded: Loaded, result: Settled, now: datetime) -> tuple[Any, ...]:
    split = result.split
    return (
        loaded.cdr_no,
        loaded.cdr_hash,
        loaded.cpo,
        loaded.dp,
        result.currency,
        result.net_minor,
        result.vat_minor,
        result.gross_minor,
        split.commission_minor if split else None,
        sum(share.amount_minor for share in split.shares) if split else None,
        int((result.energy_kwh * 1000).quantize(Decimal(1), rounding=ROUND_HALF_UP)),
        [made.idem for made in result.entries],
        result.price_json.decode(),
        _json(
            {
                "kind": result.kind,
                "tax_point": result.tax_point,
                "due_at": result.due_at,
                "legs": result.legs,
                "split": result.split,
                "notes": result.notes,
            }
        ),
        _json(result.used),
        loaded.evse_key,
        loaded.started_at,
        loaded.ended_at,
        loaded.received_at,
        now,
    )


def _order_rows(loaded: Loaded, result: Settled) -> list[tuple[Any, ...]]:
    return [
        (
            order.idem,
            loaded.cdr_no,
            order.group_key,
            order.kind.value,
            leg_name(order),
            order.leg.issuer,
            order.leg.series,
            order.leg.customer.key,
            order.currency,
            order.tax_point,
            msgspec.json.encode(order),
            order.corrects,
        )
        for order in result.orders
    ]


def leg_name(order: DocumentOrder) -> str:
    """What of a session a document is about: each stands on exactly one document."""
    return f"{order.leg.supply.value}:{order.leg.supplier.key}"


def _payable_rows(loaded: Loaded, result: Settled) -> list[tuple[Any, ...]]:
    idem = result.entries[0].idem if result.entries else None
    return [
        (
            idem,
            loaded.cdr_no,
            payable.party,
            payable.account,
            payable.currency,
            payable.amount_minor,
            payable.reference,
            payable.due_at,
            position,
        )
        for position, payable in enumerate(result.payables)
        if payable.amount_minor
    ]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _storable(text: str) -> str:
    """Text from partners may hold what PostgreSQL refuses: NUL and lone surrogates."""
    clean = text.encode("utf-8", "replace").decode().replace("\x00", "?")
    return clean[:DETAIL_MAX]
