"""The state of knowledge a batch is judged by: VAT rows, quotes, contracts; all dated, all kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import combinations

import asyncpg
import msgspec

from settlement.errors import MoneyError, Reason
from settlement.fx.quote import Quote
from settlement.ledger.split import CommissionContract, Rule
from settlement.pipeline.item import Collection, Reference, SettlementPolicy
from settlement.store import sql
from settlement.store.queue import release
from settlement.tax.party import MoneyParty
from settlement.tax.row import Kind, TaxRow, TaxTable, Verified, shipped

SQL = sql.load("reference.sql")
CURRENCIES_MAX = 12

AskRate = Callable[[str, str, datetime], Quote | None]


class StoredReference:
    """Reads the rows once and again when one was added; asks for a quote where none is in force."""

    def __init__(
        self,
        *,
        hub: MoneyParty,
        ask_rate: AskRate | None = None,
        policy: SettlementPolicy | None = None,
        cpo_policies: tuple[tuple[str, SettlementPolicy], ...] = (),
        accept_sample: bool = False,
    ) -> None:
        self._hub = hub
        self._ask_rate = ask_rate
        self._policy = policy or SettlementPolicy()
        self._cpo_policies = cpo_policies
        self._accept_sample = accept_sample
        self._taxes = TaxTable(rows=())
        self._state: tuple[int, datetime | None] = (-1, None)

    async def __call__(
        self, conn: asyncpg.Connection, currencies: Iterable[str], now: datetime
    ) -> Reference:
        """Everything for a batch in which these currencies meet."""
        return Reference(
            hub=self._hub,
            taxes=await self._tax_table(conn),
            quotes=await self._quotes(conn, {*currencies, self._hub.currency}, now),
            policy=self._policy,
            cpo_policies=self._cpo_policies,
        )

    async def _tax_table(self, conn: asyncpg.Connection) -> TaxTable:
        state = tuple(await conn.fetchrow(SQL["vat_rate_state"]) or (0, None))
        if state != self._state:
            rows = await read_vat_rates(conn)
            self._taxes = TaxTable(rows=rows, accept_sample=self._accept_sample)
            self._state = (state[0], state[1])
        return self._taxes

    async def _quotes(
        self, conn: asyncpg.Connection, currencies: set[str], now: datetime
    ) -> tuple[Quote, ...]:
        wanted = sorted(currencies)[:CURRENCIES_MAX]
        if len(wanted) < 2:
            return ()
        found = await _read_quotes(conn, wanted, now)
        priced = {frozenset((quote.base, quote.counter)) for quote in found}
        for one, other in combinations(wanted, 2):
            if frozenset((one, other)) in priced or self._ask_rate is None:
                continue
            if (asked := self._ask_rate(one, other, now)) is not None:
                await add_quote(conn, asked)
                found.append(asked)
        return tuple(found)


async def seed_vat_rates(conn: asyncpg.Connection) -> int:
    """The shipped rows with their sources, once; returns how many were new."""
    added = 0
    for row in shipped().rows:
        added += await _add_vat_rate(conn, row)
    return added


async def add_vat_rate(conn: asyncpg.Connection, row: TaxRow) -> int:
    """A row that a named person answers for; what waited for it is tried again.

    Returns how many held items were released.
    """
    if not row.reviewer or row.reviewed_at is None:
        raise MoneyError("a VAT row needs the name of its reviewer and the day of the review")
    async with conn.transaction():
        await _add_vat_rate(conn, row)
        return await release(conn, reasons=(Reason.VAT_ROW_MISSING, Reason.VAT_ROW_UNREVIEWED))


async def read_vat_rates(conn: asyncpg.Connection) -> tuple[TaxRow, ...]:
    return tuple(
        TaxRow(
            jurisdiction=row["jurisdiction"],
            kind=Kind(row["kind"]),
            rate=row["rate"],
            valid_from=row["valid_from"],
            valid_to=row["valid_to"],
            source=row["source"],
            verified=Verified(row["verified"]),
            reviewer=row["reviewer"],
            reviewed_at=row["reviewed_at"],
            supersedes=row["supersedes"] or "",
        )
        for row in await conn.fetch(SQL["vat_rates"])
    )


async def add_quote(conn: asyncpg.Connection, quote: Quote) -> None:
    """A quote as it was given: exact text, never rounded by the store."""
    await conn.execute(
        SQL["add_quote"],
        quote.provider,
        quote.quote_id,
        quote.base,
        quote.counter,
        format(quote.mid, "f"),
        format(quote.spread, "f"),
        quote.quoted_at,
        quote.valid_until,
    )


async def add_contract(
    conn: asyncpg.Connection,
    party: str,
    contract: CommissionContract,
    *,
    valid_from: date,
    valid_to: date | None = None,
) -> int:
    """What `party` ('NL-ABC', or '*' for everyone else) pays from a day on.

    Shares are agreed with demand partners (`add_share`), so a contract carries none of its own.
    Returns how many held items were released.
    """
    if contract.shares:
        raise MoneyError("shares are agreed with demand partners, not inside a CPO's contract")
    async with conn.transaction():
        await conn.execute(
            SQL["add_contract"],
            contract.contract_id,
            contract.version,
            party,
            contract.currency,
            _json(contract.commission),
            contract.minimum_minor,
            contract.maximum_minor,
            valid_from,
            valid_to,
        )
        return await release(conn, reasons=(Reason.COMMISSION_MISSING, Reason.PARTY_MISSING))


async def add_share(
    conn: asyncpg.Connection,
    party: str,
    rules: Sequence[Rule],
    *,
    valid_from: date,
    valid_to: date | None = None,
    collection: Collection = Collection.PARTY,
) -> int:
    """What a demand partner earns of each commission and who collects; returns the version."""
    version: int = await conn.fetchval(
        SQL["add_share"], party, _json(rules), collection.value, valid_from, valid_to
    )
    return version


async def _add_vat_rate(conn: asyncpg.Connection, row: TaxRow) -> int:
    tag: str = await conn.execute(
        SQL["add_vat_rate"],
        row.row_id,
        row.jurisdiction,
        row.kind.value,
        row.rate,
        row.valid_from,
        row.valid_to,
        row.source,
        row.verified.value,
        row.reviewer,
        row.reviewed_at,
        row.supersedes or None,
    )
    return int(tag.rpartition(" ")[2])


async def _read_quotes(
    conn: asyncpg.Connection, currencies: Sequence[str], now: datetime
) -> list[Quote]:
    return [
        Quote(
            provider=row["provider"],
            quote_id=row["quote_id"],
            base=row["base"],
            counter=row["counter"],
            mid=Decimal(row["mid"]),
            spread=Decimal(row["spread"]),
            quoted_at=row["quoted_at"],
            valid_until=row["valid_until"],
        )
        for row in await conn.fetch(SQL["quotes"], list(currencies), now)
    ]


def _json(rules: Sequence[Rule]) -> str:
    return msgspec.json.encode(rules).decode()
