"""What the journey asks of the people who run the hub: the few acts that no partner can do."""

from __future__ import annotations

from typing import Protocol

import msgspec

from gateway.sim.profile import Profile


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner over OCPI is handed."""

    versions_url: str
    token_a: str


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """How money stands after a clearing run."""

    settled: int
    held: tuple[tuple[str, str], ...]  # (cdr key, reason)
    waiting: int
    documents: tuple[tuple[str, str, str, str], ...]  # (number, type code, gross, currency)
    documents_judged: int
    documents_failed: tuple[str, ...]
    payouts: tuple[tuple[str, int, str], ...]  # (currency, payouts, sum)
    is_sound: bool
    entries: int
    totals: tuple[tuple[str, int], ...]
    fingerprint: str  # of every money table: equal means nothing changed


class Operator(Protocol):
    """The hub's own people, or their command line."""

    async def invite(self, profile: Profile) -> Invitation:
        """TOKEN_A for a partner over OCPI."""

    async def admit(self, profile: Profile) -> str:
        """A bearer token for a partner on the plain API."""

    async def trust(self, roots: tuple[tuple[str, bytes], ...], crls: tuple[bytes, ...]) -> None:
        """Takes roots, as (role, DER), and revocation lists into the trust store."""

    async def revoke(self, chain: tuple[bytes, ...]) -> None:
        """A contract certificate is revoked; in force when this returns."""

    async def settle(self) -> None:
        """Settles what waits, issues documents, writes payout files."""

    async def books(self) -> Books:
        """How money stands."""
