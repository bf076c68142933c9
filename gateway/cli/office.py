"""The hub's own people, for the demo and the sample network: invitations, trust, books."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from gateway.hub import clearing, credentials
from gateway.hub import contract as contracts
from gateway.hub import trust as trusts
from gateway.hub.admission import Letterhead, admit, describe
from gateway.hub.partner import NewParty, invite
from gateway.sim.operator import Books, Invitation
from gateway.sim.profile import Profile
from gateway.sim.rates import rows
from gateway.wiring import Assembly, settlement_worker
from ocpi.model.party import PartyId
from pnc import certificate
from settlement.money import Money, decimal_text
from settlement.store import archive, check, reference, verify, view
from settlement.store.verify import TrialBalance, Verification

LINES_MAX: Final = 500
MONEY_TABLES: Final = (
    "settlement", "journal", "balance", "chain", "document", "payable", "payout_batch", "payout",
)  # fmt: skip
# A row as text is the same text as long as nothing in it changed.
DIGEST: Final = "SELECT coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM {table} t"
PAYOUTS: Final = """
SELECT currency, sum(count)::bigint AS payouts, sum(sum_minor)::bigint AS minor
  FROM payout_batch GROUP BY currency ORDER BY currency
"""
JUDGED: Final = "SELECT count(DISTINCT document_id) FROM document_check"


class Office:
    """`gateway.sim.operator.Operator` on one hub's stores."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._hub = assembly.hub

    async def prepare(self) -> None:
        """VAT rows of the sample; the same again changes nothing."""
        async with self._hub.db.connection() as conn:
            for row in rows():
                await reference.add_vat_rate(conn, row)

    async def invite(self, profile: Profile) -> Invitation:
        """TOKEN_A for a partner over OCPI."""
        invited = await invite(self._hub, _new(profile))
        await describe(self._hub, _party(profile), _letterhead(profile))
        return Invitation(versions_url=invited.versions_url, token_a=invited.token_a)

    async def forget(self, profile: Profile) -> None:
        """Ends a registration whose tokens its partner has lost; it may be invited again."""
        network = await self._hub.directory.reload()
        for member in network.by_party.get(_party(profile), ()):
            if network.platforms[member.platform_id].is_registered:
                await credentials.end(
                    self._hub, member.platform_id, state="REMOVED", connection="OFFLINE"
                )

    async def admit(self, profile: Profile) -> str:
        """A bearer token for a partner on the plain API."""
        token = await admit(self._hub, _new(profile))
        await describe(self._hub, _party(profile), _letterhead(profile))
        return token

    async def trust(self, roots: tuple[tuple[str, bytes], ...], crls: tuple[bytes, ...]) -> None:
        """Takes roots and revocation lists into the trust store."""
        now = self._hub.clock.now()

        async def write(conn: Any) -> None:
            for role, der in roots:
                await trusts.add_anchor(conn, der, role, (), "sample")
            for der in crls:
                await trusts.keep_evidence(conn, der, "crl", now)

        await contracts.change(self._assembly.keeper, self._hub.db, write)

    async def revoke(self, chain: tuple[bytes, ...]) -> None:
        """The leaf of this chain is revoked; in force when this returns."""
        now = self._hub.clock.now()

        async def write(conn: Any) -> None:
            leaf, issuer = certificate.parse(chain[0]), certificate.parse(chain[1])
            await trusts.revoke(
                conn, leaf, issuer, now=now, reason="keyCompromise", source="sample"
            )

        await contracts.change(self._assembly.keeper, self._hub.db, write)

    async def settle(self) -> None:
        """Settles what waits, issues documents, has them judged, writes payout files."""
        settings = self._hub.settings
        await settlement_worker(settings, self._hub.db).drain()
        await clearing.run(self._hub.db, settings, settings.clock.now())

    async def books(self) -> Books:
        """How money stands."""
        async with self._hub.db.connection(timeout_s=60.0) as conn:
            counts = await view.count_all(conn)
            held = await view.list_held(conn)
            documents = await archive.list_documents(conn, limit=LINES_MAX)
            failed = await check.failed(conn)
            judged = await conn.fetchval(JUDGED)
            payouts = await conn.fetch(PAYOUTS)
            proof: Verification = await verify.verify(conn)
            book: TrialBalance = await verify.trial_balance(conn)
            fingerprint = await _fingerprint(conn)
        return Books(
            settled=counts.settled,
            held=tuple((item.cdr_key, item.reason) for item in held),
            waiting=counts.waiting,
            documents=tuple(
                (d.number, d.type_code, _text(d.gross_minor, d.currency), d.currency)
                for d in documents
            ),
            documents_judged=judged,
            documents_failed=tuple(f.number for f in failed),
            payouts=tuple(
                (p["currency"], p["payouts"], _text(p["minor"], p["currency"])) for p in payouts
            ),
            is_sound=proof.is_sound,
            entries=proof.entries,
            totals=book.totals,
            fingerprint=fingerprint,
        )


async def _fingerprint(conn: Any) -> str:
    digests = [await conn.fetchval(DIGEST.format(table=table)) for table in MONEY_TABLES]
    return hashlib.sha256("|".join(digests).encode()).hexdigest()


def _party(profile: Profile) -> PartyId:
    return PartyId(profile.country_code, profile.party_id)


def _new(profile: Profile) -> NewParty:
    return NewParty(
        party=_party(profile),
        role=profile.role,
        name=profile.name,
        vat_id=profile.vat_id,
        iban=profile.iban,
        currency=profile.currency,
    )


def _letterhead(profile: Profile) -> Letterhead:
    return Letterhead(
        street=profile.street,
        city=profile.city,
        postal_code=profile.postal_code,
        country=profile.country_code,
        language=profile.language,
        bic=profile.bic or None,
    )


def _text(minor: int, currency: str) -> str:
    return decimal_text(Money(amount_minor=minor, currency=currency))
