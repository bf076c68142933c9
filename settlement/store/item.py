"""CDRs of a batch with everything that is known about them, as the pipeline wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from ocpi.errors import OcpiError
from ocpi.model.cdr import Cdr
from ocpi.model.tariff import Tariff
from settlement.ledger.order import DocumentOrder
from settlement.pipeline.item import (
    Collection,
    MeterProof,
    Original,
    PublishedTariff,
    SettlementItem,
)
from settlement.store import sql
from settlement.store.fact import (
    Facts,
    columns,
    cpo_key,
    dp_key,
    evse_key,
    read_contracts,
    read_overlaps,
    read_parties,
    read_shares,
    read_zones,
    tariff_keys,
)
from settlement.store.posting import read_entries

SQL = sql.load("item.sql")
TARIFFS_KEPT = 4_096


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """How stored bodies are read: handed in, because only the edges know wire versions.

    `decode(version, kind, body)` raises OcpiError; CDRs of `untaxed` versions carry no taxes.
    """

    decode: Callable[[str, str, bytes], Any]
    untaxed: frozenset[str] = frozenset()
    meter: Callable[[Cdr], MeterProof] | None = None


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed CDR: ready for the pipeline, or unreadable with the reason."""

    cdr_no: int
    cpo: str
    dp: str
    currency: str
    cdr_hash: bytes
    started_at: datetime
    ended_at: datetime
    received_at: datetime
    evse_key: str | None = None
    original_no: int | None = None
    item: SettlementItem | None = None
    unreadable: str = ""
    is_settled: bool = False


class Loader:
    """Reads items of a batch; keeps decoded tariffs, which never change under their hash."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._tariffs: dict[tuple[str, bytes], Tariff] = {}

    async def load(self, conn: asyncpg.Connection, numbers: Iterable[int]) -> list[Loaded]:
        """Every known CDR of `numbers` in order of number, settled ones marked as such."""
        rows = await conn.fetch(SQL["cdrs"], sorted(set(numbers)))
        decoded = {row["cdr_no"]: self._decode(row) for row in rows}
        open_rows = [row for row in rows if row["state"] not in ("SETTLED", "REVERSED")]
        cdrs = {no: cdr for no, cdr in decoded.items() if isinstance(cdr, Cdr)}
        known = await self._facts(conn, [row for row in open_rows if row["cdr_no"] in cdrs], cdrs)
        return [self._loaded(row, decoded[row["cdr_no"]], known) for row in rows]

    async def read_bare(self, conn: asyncpg.Connection, number: int) -> Loaded:
        """A CDR that cannot be judged: only what its columns say."""
        row = await conn.fetchrow(SQL["cdrs"], [number])
        if row is None:
            raise LookupError(f"there is no CDR {number}")
        return self._loaded(row, "", Facts())

    def _decode(self, row: asyncpg.Record) -> Cdr | str:
        try:
            found = self._wire.decode(row["version"], "cdr", row["body"])
        except OcpiError as refusal:
            return f"the stored CDR cannot be read: {refusal}"
        return found if isinstance(found, Cdr) else "the stored body is not a CDR"

    def _tariff(self, version: str, hash_: bytes, body: bytes) -> Tariff | None:
        key = (version, hash_)
        if (kept := self._tariffs.get(key)) is not None:
            return kept
        try:
            found = self._wire.decode(version, "tariff", body)
        except OcpiError:
            return None  # then the pipeline finds no published tariff, and says so
        if not isinstance(found, Tariff):
            return None
        if len(self._tariffs) >= TARIFFS_KEPT:
            self._tariffs.clear()
        self._tariffs[key] = found
        return found

    async def _facts(
        self, conn: asyncpg.Connection, rows: Sequence[asyncpg.Record], cdrs: dict[int, Cdr]
    ) -> Facts:
        if not rows:
            return Facts()
        return Facts(
            zones=await read_zones(conn, rows, cdrs),
            tariffs=await self._published(conn, rows, cdrs),
            parties=await read_parties(
                conn, {key for row in rows for key in (cpo_key(row), dp_key(row))}
            ),
            contracts=await read_contracts(conn, {cpo_key(row) for row in rows}),
            shares=await read_shares(conn, {dp_key(row) for row in rows}),
            overlaps=await read_overlaps(conn, rows, cdrs),
            originals=await self._originals(conn, rows),
        )

    async def _published(
        self, conn: asyncpg.Connection, rows: Sequence[asyncpg.Record], cdrs: dict[int, Cdr]
    ) -> dict[int, list[PublishedTariff]]:
        fixed = [
            (row["cdr_no"], row["country_code"], row["party_id"], hash_)
            for row in rows
            for hash_ in row["tariff_hashes"] or ()
        ]
        timed = [
            (row["cdr_no"], row["country_code"], row["party_id"], tariff_key, row["started_at"])
            for row in rows
            if not row["tariff_hashes"]
            for tariff_key in sorted(tariff_keys(cdrs[row["cdr_no"]]))
        ]
        found = await conn.fetch(SQL["tariffs_by_hash"], *columns(fixed, 4)) if fixed else []
        found += await conn.fetch(SQL["tariffs_by_time"], *columns(timed, 5)) if timed else []
        published: dict[int, list[PublishedTariff]] = {}
        for row in found:
            tariff = self._tariff(row["version"], row["hash"], row["body"])
            if tariff is not None:
                published.setdefault(row["cdr_no"], []).append(
                    PublishedTariff(
                        content_hash=row["hash"],
                        tariff=tariff,
                        published_at=row["published_at"],
                        withdrawn_at=row["withdrawn_at"],
                    )
                )
        return published

    async def _originals(
        self, conn: asyncpg.Connection, rows: Sequence[asyncpg.Record]
    ) -> dict[int, tuple[int, Original]]:
        wanted = [
            (row["cdr_no"], row["country_code"], row["party_id"], row["credit_reference_key"])
            for row in rows
            if row["credit"] and row["credit_reference_key"]
        ]
        if not wanted:
            return {}
        found = {}
        for row in await conn.fetch(SQL["originals"], *columns(wanted, 4)):
            orders = await conn.fetch(SQL["orders"], [row["cdr_no"]])
            original = Original(
                cdr=self._wire.decode(row["version"], "cdr", row["body"]),
                entries=await read_entries(conn, row["idems"]),
                orders=tuple(to_order(order["body"]) for order in orders),
            )
            found[row["credit_no"]] = (row["cdr_no"], original)
        return found

    def _loaded(self, row: asyncpg.Record, cdr: Cdr | str, known: Facts) -> Loaded:
        number = row["cdr_no"]
        is_settled = row["state"] in ("SETTLED", "REVERSED")
        item = None
        if isinstance(cdr, Cdr) and not is_settled:
            item = self._item(row, cdr, known)
        original = known.originals.get(number)
        return Loaded(
            cdr_no=number,
            cpo=cpo_key(row),
            dp=dp_key(row),
            currency=row["currency"],
            cdr_hash=row["body_hash"],
            started_at=row["started_at"],
            ended_at=row["ended_at"],
            received_at=row["received_at"],
            evse_key=evse_key(cdr) if isinstance(cdr, Cdr) else None,
            original_no=original[0] if original else None,
            item=item,
            unreadable="" if isinstance(cdr, Cdr) else cdr,
            is_settled=is_settled,
        )

    def _item(self, row: asyncpg.Record, cdr: Cdr, known: Facts) -> SettlementItem:
        number, cpo, dp = row["cdr_no"], cpo_key(row), dp_key(row)
        day = row["ended_at"].date()
        share = known.share(dp, day)
        original = known.originals.get(number)
        return SettlementItem(
            cdr=cdr,
            cdr_hash=row["body_hash"],
            received_at=row["received_at"],
            published=tuple(known.tariffs.get(number, ())),
            zone=row["time_zone"] or known.zones.get(number),
            cpo=known.party(cpo, "CPO"),
            demand=known.party(dp, "EMSP"),
            contract=known.contract(cpo, dp, day),
            collection=Collection(share.collection) if share else Collection.PARTY,
            meter=self._wire.meter(cdr) if self._wire.meter else MeterProof(),
            original=original[1] if original else None,
            has_conflict=row["has_conflict"],
            overlaps=tuple(known.overlaps.get(number, ())),
            taxes_unknown=row["version"] in self._wire.untaxed,
        )


def to_order(body: bytes) -> DocumentOrder:
    """A document order as it was stored."""
    return msgspec.json.decode(body, type=DocumentOrder)
