"""The whole book recomputed: every balance, and the hash chain from genesis (`ledger verify`)."""

from __future__ import annotations

import asyncpg
import msgspec
from iso4217 import Currency

from settlement.ledger.entry import GENESIS, canonical, chain_hash
from settlement.store import sql
from settlement.store.posting import is_halted, to_entry

SQL = sql.load("verify.sql")
DIFFERENCES_MAX = 100
PREFETCH = 2_000


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it must be."""

    what: str  # balance, chain, unbalanced, series, payable, settlement, halt
    where: str
    stored: str
    computed: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """`is_sound` when nothing differs. `differences` stops at its limit."""

    is_sound: bool
    entries: int
    links: int
    balances: int
    head: str  # hash of the newest link: write it down elsewhere, and nobody can rewrite the past
    differences: tuple[Difference, ...]


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds; debits positive."""

    account: str
    party: str | None
    currency: str
    amount_minor: int


class TrialBalance(msgspec.Struct, frozen=True, kw_only=True):
    """Every account, and the sums that must be zero."""

    accounts: tuple[Balance, ...]
    totals: tuple[tuple[str, int], ...]

    @property
    def is_balanced(self) -> bool:
        return not any(total for _, total in self.totals)


async def verify(conn: asyncpg.Connection) -> Verification:
    """Reads everything in one snapshot and says what differs."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        found = [*await _chain(conn), *await _balances(conn), *await _surroundings(conn)]
        totals = await conn.fetchrow(SQL["totals"])
        links = await conn.fetch(SQL["links"])
    if totals is None:
        raise LookupError("the book gave no totals")
    return Verification(
        is_sound=not found,
        entries=totals["entries"],
        links=totals["links"],
        balances=totals["balances"],
        head=(links[-1]["hash"] if links else GENESIS).hex(),
        differences=tuple(found[:DIFFERENCES_MAX]),
    )


async def trial_balance(conn: asyncpg.Connection, party: str | None = None) -> TrialBalance:
    """All accounts, or one party's; the totals are always over those shown."""
    rows = await conn.fetch(SQL["trial_balance"])
    shown = tuple(
        Balance(
            account=row["name"],
            party=row["party"],
            currency=row["currency"],
            amount_minor=row["posted"],
        )
        for row in rows
        if party is None or row["party"] == party
    )
    totals: dict[str, int] = {}
    for balance in shown:
        totals[balance.currency] = totals.get(balance.currency, 0) + balance.amount_minor
    return TrialBalance(accounts=shown, totals=tuple(sorted(totals.items())))


class _Walk:
    """Goes through links and rows side by side; the first wrong link names the batch."""

    def __init__(self, links: list[asyncpg.Record]) -> None:
        self.links = links
        self.at = 0
        self.expected_seq = 1
        self.previous = GENESIS
        self.rows: list[bytes] = []
        self.found: list[Difference] = []

    def take(self, seq: int, row: bytes) -> None:
        if seq != self.expected_seq:
            self._say(f"seq {self.expected_seq}", "missing", f"next is {seq}")
        self.expected_seq = seq + 1
        while self.at < len(self.links) and seq > self.links[self.at]["last_seq"]:
            self.close()
        self.rows.append(row)

    def close(self) -> None:
        """The link at hand against the rows collected for it."""
        link = self.links[self.at]
        where = f"batch {link['batch']}"
        computed = chain_hash(self.previous, self.rows)
        if link["prev_hash"] != self.previous or link["batch"] != self.at + 1:
            self._say(where, link["prev_hash"].hex(), self.previous.hex())
        if link["hash"] != computed:
            self._say(where, link["hash"].hex(), computed.hex())
        self.previous, self.rows, self.at = link["hash"], [], self.at + 1

    def finish(self) -> list[Difference]:
        while self.at < len(self.links):
            self.close()
        if self.rows:
            self._say("after the last link", f"{len(self.rows)} rows", "no link")
        return self.found

    def _say(self, where: str, stored: str, computed: str) -> None:
        if len(self.found) < DIFFERENCES_MAX:
            self.found.append(
                Difference(what="chain", where=where, stored=stored, computed=computed)
            )


async def _chain(conn: asyncpg.Connection) -> list[Difference]:
    names = {row["account_id"]: row["name"] for row in await conn.fetch(SQL["account_names"])}
    walk = _Walk(await conn.fetch(SQL["links"]))
    wrong: list[Difference] = []
    async for row in conn.cursor(SQL["journal"], prefetch=PREFETCH):
        made = to_entry(row, [names.get(account, f"#{account}:?") for account in row["accounts"]])
        walk.take(row["seq"], canonical(made))
        sums: dict[int, int] = {}
        for currency, amount in zip(row["currencies"], row["amounts"], strict=True):
            sums[currency] = sums.get(currency, 0) + amount
        numbers = [
            int(Currency(leg.currency).number) for leg in made.legs if len(leg.currency) == 3
        ]
        if any(sums.values()) or numbers != list(row["currencies"]):
            wrong.append(
                Difference(
                    what="unbalanced", where=f"seq {row['seq']}", stored=str(sums), computed="0"
                )
            )
    return [*walk.finish(), *wrong[:DIFFERENCES_MAX]]


async def _balances(conn: asyncpg.Connection) -> list[Difference]:
    return [
        Difference(
            what="balance",
            where=row["account"],
            stored=str(row["stored"]),
            computed=row["summed"],
        )
        for row in await conn.fetch(SQL["balance_differences"], DIFFERENCES_MAX)
    ]


async def _surroundings(conn: asyncpg.Connection) -> list[Difference]:
    """What stands on the book: settlements, number series, payables, and a halt that is open."""
    found = [
        Difference(
            what="settlement",
            where=f"cdr {row['cdr_no']}",
            stored=row["idem"],
            computed="not in the journal",
        )
        for row in await conn.fetch(SQL["entries_missing"], DIFFERENCES_MAX)
    ]
    found += [
        Difference(
            what="series",
            where=f"{row['issuer']} {row['series']} {row['country']} {row['kind']}",
            stored=str(row["last"]),
            computed=str(row["documents"]),
        )
        for row in await conn.fetch(SQL["series_gaps"], DIFFERENCES_MAX)
    ]
    found += [
        Difference(what="payable", where=row["account"], stored=row["open"], computed=row["owed"])
        for row in await conn.fetch(SQL["payable_differences"], DIFFERENCES_MAX)
    ]
    if reason := await is_halted(conn):
        found.append(Difference(what="halt", where="ledger", stored=reason, computed="running"))
    return found
