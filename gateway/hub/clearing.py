"""The clearing run: documents are issued, judged by the official rules, and everybody is paid.

Each part is its own transaction and finds nothing left to do when it is run again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from gateway.settings import Settings
from gateway.store.database import Database
from settlement.bank.schematron import Schematron
from settlement.errors import Held
from settlement.payout.account import Account, account_of
from settlement.payout.plan import Policy
from settlement.store import check, fact
from settlement.store.check import Failed, Judgement
from settlement.store.document import Issued, issue_documents
from settlement.store.payout import PayoutRun, make_payouts
from settlement.tax.party import Address, MoneyParty

DEADLINE_S: Final = 120.0
PARTIES: Final = "SELECT DISTINCT country_code || '-' || party_id AS key FROM party"
OWED: Final = "SELECT DISTINCT currency FROM payable"


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did."""

    issued: Issued
    checked: int
    failed: tuple[Failed, ...]
    payouts: PayoutRun


def own_party(settings: Settings) -> MoneyParty:
    """The hub as a tax authority and a bank see it."""
    return MoneyParty(
        key=f"{settings.hub_country}-{settings.hub_party}",
        name=settings.hub_name,
        country=settings.hub_country,
        currency=settings.hub_currency,
        vat_id=settings.hub_vat_id,
        iban=settings.hub_iban,
        bic=settings.hub_bic,
        address=Address(
            street=settings.hub_street,
            postal_code=settings.hub_postal_code,
            city=settings.hub_city,
            country=settings.hub_country,
        ),
    )


async def run(db: Database, settings: Settings, now: datetime) -> Cleared:
    """Issues what is due, has it judged, and writes the payout files."""
    own = own_party(settings)
    async with db.connection(timeout_s=DEADLINE_S) as conn:
        parties = {row["key"] for row in await conn.fetch(PARTIES)}
        issuers = await _issuers(conn, parties, own)
        issued = await issue_documents(conn, issuers, now)
    checked = await judge(db, now)
    async with db.connection(timeout_s=DEADLINE_S) as conn:
        currencies = {row["currency"] for row in await conn.fetch(OWED)}
        paid = await make_payouts(conn, _debtors(own, currencies), Policy(), now, now.date())
        bad = await check.failed(conn)
    return Cleared(issued=issued, checked=checked, failed=bad, payouts=paid)


async def judge(db: Database, now: datetime) -> int:
    """Runs the EN 16931 rules over every document that nobody judged; returns how many."""
    judged = 0
    async with Schematron() as rules:
        while True:
            async with db.connection() as conn:
                waiting = await check.unchecked(conn)
            if not waiting:
                return judged
            for one in waiting:
                report = await rules.check(one.ubl)
                said = Judgement(
                    document_id=one.document_id,
                    rule_set=report.rule_set,
                    version=report.version,
                    sha256=report.sha256,
                    failed=len(report.failed),
                    findings=msgspec.json.encode(report.findings),
                )
                async with db.connection() as conn:
                    await check.add(conn, said, now)
                judged += 1


async def _issuers(conn: Any, keys: set[str], own: MoneyParty) -> Mapping[str, MoneyParty]:
    found = await fact.read_parties(conn, keys)
    first = {key: next(iter(roles.values())) for key, roles in found.items() if roles}
    return {**first, own.key: own}


def _debtors(own: MoneyParty, currencies: set[str]) -> dict[str, Account]:
    """The hub's account for each currency; one that cannot pay a currency is left out."""
    found = {currency: account_of(own, currency) for currency in sorted(currencies)}
    return {currency: a for currency, a in found.items() if not isinstance(a, Held)}
