"""Whether one certificate of a path is revoked, from what the snapshot knows. No IO."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Literal

import msgspec

from pnc import signature
from pnc.certificate import Certificate
from pnc.policy import Policy
from pnc.revocation import crl, ocsp
from pnc.trust import TrustSnapshot

Standing = Literal["good", "revoked", "bad", "unknown"]


class Status(msgspec.Struct, frozen=True):
    """What is known: ``bad`` is an answer that may not be used, ``unknown`` is silence."""

    standing: Standing
    reason: str
    holds_until: datetime | None = None


def status(
    certificate: Certificate,
    issuer: Certificate,
    snapshot: TrustSnapshot,
    policy: Policy,
    now: datetime,
) -> Status:
    """The most telling of all that is known: revoked before good before bad before silence."""
    known = None
    if snapshot.revoked:
        known = snapshot.revoked.get((sha256(issuer.key.bits).digest(), certificate.serial))
    if known is not None:
        return Status("revoked", f"revoked at {known.revoked_at.isoformat()}: {known.reason}")
    best = Status("unknown", "nobody says whether it is revoked")
    for found in _told(certificate, issuer, snapshot, policy, now):
        if found.standing == "revoked":
            return found
        if best.standing == "unknown" or (best.standing == "bad" and found.standing == "good"):
            best = found
    return best


def _told(
    certificate: Certificate,
    issuer: Certificate,
    snapshot: TrustSnapshot,
    policy: Policy,
    now: datetime,
) -> Iterator[Status]:
    for response, answer in snapshot.answers_by_serial.get(certificate.serial, ()):
        if ocsp.is_about(answer, certificate, issuer):
            if _has_revoked_delegate(response, issuer, snapshot, policy):
                yield Status("bad", "the OCSP signer's own certificate is revoked")
            else:
                yield _from_answer(response, answer, issuer, policy, now)
    for each in snapshot.crls_by_issuer.get(issuer.subject, ()):
        if not _is_signed(each, issuer, snapshot, policy):
            reason = f"the CRL's signature does not verify under {issuer.subject_text}"
            yield Status("bad", reason)
        else:
            yield _from_crl(each, certificate, issuer, now)


def _from_answer(
    response: ocsp.Response,
    answer: ocsp.Answer,
    issuer: Certificate,
    policy: Policy,
    now: datetime,
) -> Status:
    reason, signer_until = ocsp.signer_defect(response, issuer, policy, now)
    if reason is not None:
        return Status("bad", reason)
    if answer.standing == "revoked":
        when = answer.revoked_at.isoformat() if answer.revoked_at else "an unknown time"
        return Status("revoked", f"revoked at {when}, says OCSP")
    reason = ocsp.staleness(answer, now, policy.limits.ocsp_age_max)
    if reason is not None:
        return Status("bad", reason)
    if answer.standing == "unknown":
        return Status("bad", "the OCSP responder does not know it")
    until = answer.this_update + policy.limits.ocsp_age_max
    limits = (until, answer.next_update, signer_until)
    return Status("good", "good, says OCSP", min(limit for limit in limits if limit))


def _from_crl(
    listed: crl.Crl, certificate: Certificate, issuer: Certificate, now: datetime
) -> Status:
    defect = crl.defect(listed, issuer, now)
    entry = listed.revoked.get(certificate.serial)
    if entry is not None and (defect is None or listed.next_update is not None):
        return Status("revoked", f"revoked at {entry.revoked_at.isoformat()}: {entry.reason}")
    if defect is not None:
        return Status("bad", defect)
    return Status("good", "not on the CRL", listed.next_update)


def _has_revoked_delegate(
    response: ocsp.Response, issuer: Certificate, snapshot: TrustSnapshot, policy: Policy
) -> bool:
    """Whether a certificate that came with the response is revoked (RFC 6960 §4.2.2.2.1)."""
    key_hash = sha256(issuer.key.bits).digest() if response.certificates else b""
    lists = snapshot.crls_by_issuer.get(issuer.subject, ())
    return any(
        (key_hash, delegate.serial) in snapshot.revoked
        or any(
            delegate.serial in listed.revoked and _is_signed(listed, issuer, snapshot, policy)
            for listed in lists
        )
        for delegate in response.certificates
    )


def _is_signed(
    listed: crl.Crl, issuer: Certificate, snapshot: TrustSnapshot, policy: Policy
) -> bool:
    """Whether the list is signed by its issuer; remembered, as lists are long."""
    where = (listed.fingerprint, issuer.key.spki, policy.signatures)
    known = snapshot.memory.checked.get(where)
    if known is None:
        key = signature.load(issuer.key)
        known = (
            key is not None
            and (listed.signature_algorithm, issuer.key.kind) in policy.signatures
            and signature.is_valid(key, listed.signature_algorithm, listed.tbs, listed.signature)
        )
        snapshot.memory.checked.put(where, known)
    return known
