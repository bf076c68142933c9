"""Plug & Charge: certificate verdict and authorisation in one answer (pnc.md §4, OCPP 2.0.1 C07).

The chain decides when chain and hash data both come. Hash data alone names a contract certificate
that the hub was given beforehand, whose whole chain is then judged; one that the hub does not know
is refused. An accepted certificate is the start, not the end: the contract goes through the same
decision as every token.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from gateway.hub.authorise import (
    Allowed,
    Authorisation,
    Authoriser,
    AuthoriseRequest,
    Decision,
    Keeper,
    Place,
    Unreadable,
)
from gateway.hub.authorise.verdict import Action, Contract
from gateway.hub.trust import Trust
from gateway.store import contract as store
from gateway.store.contract import ContractCertificate, HashData
from gateway.store.database import StoreUnavailable
from ocpi.model.party import PartyId
from ocpi.model.token import TokenType
from pnc import certificate, emaid, verify
from pnc.certificate import Certificate
from pnc.emaid import Emaid
from pnc.errors import DerError, RequestError
from pnc.profile import PROFILES
from pnc.revocation.ocsp import cert_id
from pnc.verdict import CertificateStatus, Verdict

ROLE: Final = "contract"
PROFILE_OF: Final = {"2": "iso15118-2", "20": "iso15118-20"}
DIGESTS: Final = ("sha256", "sha384", "sha512")
INLINE_BYTES_MAX: Final = 3_200
INLINE_CERTIFICATES_MAX: Final = 4
THREADS: Final = 2
HASH_DATA_MAX: Final = 4

# certificate status → what the driver's app would say; C07.FR.15, FR.17
_REFUSED: Final[dict[CertificateStatus, Allowed]] = {
    "CertificateExpired": Allowed.EXPIRED,
    "CertificateRevoked": Allowed.BLOCKED,
    "ContractCancelled": Allowed.BLOCKED,
}
# what the issuer says → idTokenInfo.status
_TOKEN_STATUS: Final = {
    Allowed.ALLOWED: "Accepted",
    Allowed.BLOCKED: "Blocked",
    Allowed.EXPIRED: "Expired",
    Allowed.NO_CREDIT: "NoCredit",
    Allowed.NOT_ALLOWED: "Invalid",
}
# refusals that say nothing against the contract: here, or now, it just does not work
_BY_REASON: Final = {
    "no-relation": "NotAtThisLocation",
    "requester-suspended": "NotAtThisLocation",
    "location-missing": "NotAtThisLocation",
    "location-unknown": "NotAtThisLocation",
    "location-unknown-to-issuer": "NotAtThisLocation",
    "evse-unknown": "NotAtThisLocation",
    "issuer-not-allowed": "NotAtThisLocation",
    "issuer-silent": "NotAtThisTime",
    "issuer-unreachable": "NotAtThisTime",
    "issuer-broken": "NotAtThisTime",
    "issuer-offline": "NotAtThisTime",
    "issuer-suspended": "NotAtThisTime",
    "stores-unavailable": "NotAtThisTime",
    "token-unknown": "Unknown",
    "token-unknown-to-issuer": "Unknown",
    "contract-cancelled": "Invalid",
}
# C07.FR.13: with these the chain may be valid, the contract is not
_CANCELS: Final = frozenset({"Blocked", "Expired", "Invalid", "Unknown"})


class HashDataText(msgspec.Struct, frozen=True, kw_only=True):
    """OCPP OCSPRequestData as it came."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    responder_url: str | None = None


class PlugRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One question, its certificates as DER, leaf first."""

    emaid: Emaid
    text: str
    requester: PartyId
    version: str
    chain: tuple[bytes, ...] = ()
    hash_data: tuple[HashDataText, ...] = ()
    place: Place | None = None
    iso15118_version: str = "2"
    correlation_id: str | None = None


class PlugAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on the certificate and, where it was good, the authorisation."""

    allowed: Allowed
    id_token_status: str
    certificate_status: CertificateStatus
    verdict: Verdict
    request: AuthoriseRequest
    authorisation: Authorisation


class PlugAndCharge:
    """One per process."""

    def __init__(self, authoriser: Authoriser, trust: Trust) -> None:
        self.authoriser = authoriser
        self.trust = trust
        self._hub = authoriser.hub
        self._threads = asyncio.Semaphore(THREADS)

    async def authorise(self, question: PlugRequest) -> PlugAnswer:
        """The answer to a station that shows a contract certificate; never an exception for one."""
        started = time.perf_counter()
        verdict = await self.judge(question)
        request = AuthoriseRequest(
            uid=question.text,
            type=TokenType.EMAID,
            requester=question.requester,
            place=question.place,
            version=question.version,
            correlation_id=question.correlation_id,
            contract_key=question.emaid.key,
            contract=Contract.ACTIVE,
        )
        if not verdict.is_accepted:
            return self._refused(request, verdict, started)
        result = await self.authoriser.authorise(request)
        status = token_status(result.decision)
        certificate_status: CertificateStatus = (
            "ContractCancelled" if status in _CANCELS else "Accepted"
        )
        return PlugAnswer(
            allowed=result.decision.allowed,
            id_token_status=status,
            certificate_status=certificate_status,
            verdict=verdict,
            request=request,
            authorisation=result,
        )

    def _refused(self, request: AuthoriseRequest, verdict: Verdict, started: float) -> PlugAnswer:
        """Refused by its certificate: recorded like every answer, nobody is asked."""
        allowed = _REFUSED.get(verdict.certificate_status, Allowed.NOT_ALLOWED)
        reason = f"certificate-{verdict.step or 'missing'}"
        decision = Decision(
            Action.ANSWER, allowed, reason, "certificate", text=verdict.reason or ""
        )
        result = Authorisation(
            decision=decision,
            requester=request.requester,
            place=request.place,
            contract_id=request.contract_key,
            duration_us=int((time.perf_counter() - started) * 1_000_000),
        )
        return PlugAnswer(
            allowed=allowed,
            id_token_status=verdict.id_token_status,
            certificate_status=verdict.certificate_status,
            verdict=verdict,
            request=request,
            authorisation=self.authoriser.record(result, request),
        )

    async def judge(self, question: PlugRequest) -> Verdict:
        """The verdict on what was shown: the chain, else the certificate that hash data names."""
        try:
            chain = question.chain or await self._named(question.hash_data)
            if not chain:
                return _unknown(question)
            snapshot = await self.trust.snapshot()
        except (Unreadable, StoreUnavailable):
            return _no_verdict("anchor", "the trust store", "it cannot be read just now")
        profile = PROFILES[PROFILE_OF.get(question.iso15118_version, "iso15118-2")]
        now = self._hub.clock.now()

        def run() -> Verdict:
            return verify.verify(chain, snapshot, profile, ROLE, now, emaid=question.text)

        if len(chain) <= INLINE_CERTIFICATES_MAX and sum(map(len, chain)) <= INLINE_BYTES_MAX:
            return run()
        async with self._threads:  # large or long: not on the loop, and never many at once
            return await asyncio.to_thread(run)

    async def _named(self, hash_data: Sequence[HashDataText]) -> tuple[bytes, ...]:
        for text in hash_data[:HASH_DATA_MAX]:
            for spelling in _spellings(text):
                found = await store.by_hash(self._hub.db, spelling)
                if found is not None:
                    return (found.der, *found.chain)
        return ()


def token_status(decision: Decision) -> str:
    """idTokenInfo.status of an authorisation (OCPP 2.0.1 AuthorizationStatusEnumType)."""
    if decision.is_allowed:
        return "Accepted"
    return _BY_REASON.get(decision.reason, _TOKEN_STATUS[decision.allowed])


def _unknown(question: PlugRequest) -> Verdict:
    if question.hash_data:
        return _no_verdict("pool", "hash data", "names no contract certificate known here")
    return _no_verdict(
        "pool", "no certificate", "neither a certificate nor hash data came",
        status="NoCertificateAvailable",
    )  # fmt: skip


def _no_verdict(
    step: Any, what: str, reason: str, *, status: CertificateStatus = "CertChainError"
) -> Verdict:
    return Verdict(
        verdict="refused", step=step, certificate=what, reason=reason, certificate_status=status
    )


def _spellings(text: HashDataText) -> list[HashData]:
    """Hex, as OCPP means it; then base64url and a decimal serial, as some stations write."""
    algorithm = text.hash_algorithm.upper().replace("-", "")
    found: list[HashData] = []
    for read_bytes, base in ((_hex, 16), (_base64url, 10)):
        try:
            found.append(
                HashData(
                    algorithm,
                    read_bytes(text.issuer_name_hash),
                    read_bytes(text.issuer_key_hash),
                    _serial(text.serial_number, base),
                )
            )
        except (ValueError, binascii.Error):
            continue
    return found


def _serial(text: str, base: int) -> int:
    if not text.isascii() or not text.isalnum():
        raise ValueError("not a serial number")
    return int(text, base)


def _hex(text: str) -> bytes:
    return bytes.fromhex(text)


def _base64url(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


# --- changing -------------------------------------------------------------------------------------


async def add_contract(conn: Any, chain: Sequence[bytes]) -> Certificate:
    """Keeps a contract certificate and what it may be named by; `chain` is leaf first, complete."""
    if len(chain) < 2:
        raise RequestError("a contract needs its chain: leaf first, then its issuers")
    read = [certificate.parse(der) for der in chain]
    leaf = read[0]
    issuer = next((c for c in read[1:] if c.subject == leaf.issuer), None)
    named = [found for found in map(emaid.normalise, leaf.common_names) if found is not None]
    if issuer is None:
        raise DerError(
            f"{leaf.issuer_text}, the issuer of {leaf.subject_text}, is not in the chain"
        )
    if len(named) != 1:
        raise DerError(f"{leaf.subject_text} names {len(named)} contract ids, one is expected")
    kept = ContractCertificate(
        fingerprint=leaf.fingerprint,
        emaid_key=named[0].key,
        der=chain[0],
        chain=tuple(chain[1:]),
    )
    await store.add(conn, kept, leaf.not_after, [_hash_data(leaf, issuer, d) for d in DIGESTS])
    return leaf


def _hash_data(leaf: Certificate, issuer: Certificate, digest: str) -> HashData:
    named = cert_id(leaf, issuer, digest)
    return HashData(digest.upper(), named.issuer_name_hash, named.issuer_key_hash, named.serial)


async def change(
    keeper: Keeper, hub_db: Any, write: Callable[[Any], Any], *, contracts: Sequence[str] = ()
) -> Any:
    """Commits a change of trust; when this returns every process refuses by it."""
    async with hub_db.transaction() as conn:
        result = await write(conn)
    for key in contracts:
        await keeper.contract_changed(key)
    await keeper.trust_changed()
    return result
