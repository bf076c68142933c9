"""Judging a chain of certificates (RFC 5280 §6, ISO 15118-2 Annex F): the one decision function.

Order: limits, reading, the leaf's own profile, a path to an anchor of the role, the signature,
then what changes with time: validity, revocation, the contract, and the binding to the eMAID.
Nothing here reads a clock or a socket; every refusal names step, certificate and reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

import msgspec

from pnc import certificate as x509
from pnc import constraint, signature
from pnc import emaid as ids
from pnc import policy as rules
from pnc.certificate import Certificate
from pnc.errors import DerError
from pnc.path import CaPath, Found, Known, Search
from pnc.policy import Revocation
from pnc.profile import Finding, Profile, Role, inspect
from pnc.revocation.status import status
from pnc.trust import TrustSnapshot
from pnc.verdict import Check, Refusal, Result, Verdict

_WEIGHT: Final = {
    "algorithm": 1,
    "signature": 1,
    "extension": 2,
    "profile": 2,
    "validity": 3,
    "revocation": 4,
    "contract": 5,
    "emaid": 6,
}
"""When several paths fail, the refusal that came last in the order of judging is reported."""


class _Presented(msgspec.Struct, frozen=True):
    leaf: Certificate
    who: str
    others: tuple[Certificate, ...]
    checks: tuple[Check, ...]
    where: object
    found: Found | None


class _Accepted(msgspec.Struct, frozen=True, kw_only=True):
    path: CaPath
    checks: tuple[Check, ...]
    holds_until: datetime


class _Case(msgspec.Struct, frozen=True, kw_only=True):
    """One chain, and all that it is judged by."""

    presented: _Presented
    findings: tuple[Finding, ...]
    snapshot: TrustSnapshot
    profile: Profile
    now: datetime


def verify(
    chain_ders: Sequence[bytes],
    snapshot: TrustSnapshot,
    profile: Profile,
    role: str,
    now: datetime,
    *,
    emaid: str | None = None,
) -> Verdict:
    """The verdict on a chain, leaf first and the rest in any order, used in `role` at `now`.

    `emaid` is the contract id that the request names; a contract leaf must be issued for it. `role`
    is one of ``profile.roles``: nothing in a certificate says which use it is for ([V2G2-925]).
    """
    presented = _read(chain_ders, snapshot, profile, role)
    if isinstance(presented, Refusal):
        return _refused(presented)
    leaf, table = presented.leaf, profile.roles[role]
    findings = inspect(leaf, table.leaf, profile)
    hard = next((each for each in findings if each.tolerance is None), None)
    if hard is not None:
        return _refused(Refusal(hard.step, leaf.subject_text, hard.reason), presented)
    found = _paths(presented, snapshot, profile, role)
    case = _Case(
        presented=presented, findings=findings, snapshot=snapshot, profile=profile, now=now
    )
    judged = _best(case, found)
    if isinstance(judged, Refusal):
        return _refused(judged, presented)
    bound = _bind(leaf, table, profile, emaid, snapshot)
    if isinstance(bound, Refusal):
        return _refused(bound, presented, judged)
    return _accept(presented, judged, bound)


def _best(case: _Case, found: Found) -> _Accepted | Refusal:
    """The first path that stands now, or the refusal that came last in the order of judging."""
    refusal, weight = found.refusal, 0
    for path in found.paths:
        judged = _judge(case, path)
        if isinstance(judged, _Accepted):
            return judged
        if _WEIGHT[judged.step] > weight:
            refusal, weight = judged, _WEIGHT[judged.step]
    return refusal


def _read(
    chain_ders: Sequence[bytes], snapshot: TrustSnapshot, profile: Profile, role: str
) -> _Presented | Refusal:
    """The certificates, read; the CAs from memory when a path over them was found before."""
    limits = profile.policy.limits
    if not 1 <= len(chain_ders) <= limits.presented_max:
        reason = f"{len(chain_ders)} certificates, 1 to {limits.presented_max} are judged"
        return Refusal("limits", "the chain", reason)
    try:
        leaf = x509.parse(chain_ders[0])
    except DerError as error:
        return Refusal("parse", f"certificate 1 of {len(chain_ders)}", str(error))
    others_ders = tuple(chain_ders[1:])
    authority = leaf.extensions.authority_key_id
    where = (others_ders, leaf.issuer, authority.key_id if authority else None, role)
    known = snapshot.memory.paths.get(where)
    if known is not None and known.profile is profile:
        return _Presented(leaf, leaf.subject_text, known.others, known.checks, where, known.found)
    others: list[Certificate] = []
    checks: list[Check] = []
    for at, data in enumerate(others_ders):
        which = f"certificate {at + 2} of {len(chain_ders)}"
        try:
            certificate = x509.parse(data)
        except DerError as error:
            if profile.policy.refuses_unrelated:
                return Refusal("parse", which, str(error))
            checks.append(Check("parse", which, "unchecked", f"left out: {error}"))
            continue
        if certificate not in others and certificate.der != leaf.der:
            others.append(certificate)
    return _Presented(leaf, leaf.subject_text, tuple(others), tuple(checks), where, None)


def _paths(presented: _Presented, snapshot: TrustSnapshot, profile: Profile, role: str) -> Found:
    """The paths for this leaf's issuer; those that exist are remembered for the next leaf."""
    if presented.found is not None:
        return presented.found
    search = Search(snapshot, profile, profile.roles[role], presented.others)
    found = search.run(presented.leaf)
    if found.paths:
        known = Known(
            profile=profile, others=presented.others, checks=presented.checks, found=found
        )
        snapshot.memory.paths.put(presented.where, known)
    return found


def _judge(case: _Case, path: CaPath) -> _Accepted | Refusal:
    """The leaf below one path: tolerances, signature, validity, names, revocation."""
    leaf, profile = case.presented.leaf, case.profile
    who, issuer = case.presented.who, path.certificates[0]
    checks = [*case.presented.checks]
    for finding in case.findings:
        if finding.tolerance not in path.tolerances:
            return Refusal(finding.step, who, finding.reason)
        checks.append(Check(finding.step, who, "tolerated", finding.reason))
    refusal = _unsigned(leaf, issuer, path, profile) or _outside(leaf, path, case.now)
    if refusal is None and not profile.is_iso15118:
        refusal = constraint.violation(leaf, path.certificates)
    if refusal is not None:
        return refusal
    checks.append(Check("profile", who, "passed", profile.name))
    checks.append(Check("signature", who, "passed", f"by {path.subjects[0]}"))
    checks += path.checks
    checks.append(Check("validity", who, "passed", "with every certificate of its path"))
    told = _revocation(case, path)
    if isinstance(told, Refusal):
        return told
    until, revocation_checks = told
    return _Accepted(
        path=path, checks=(*checks, *revocation_checks), holds_until=min(leaf.not_after, until)
    )


def _revocation(case: _Case, path: CaPath) -> tuple[datetime, list[Check]] | Refusal:
    """Until when the path is known to be good, or which certificate of it is not."""
    policy, until, checks = case.profile.policy, path.not_after, []
    mode = _mode(policy.revocation, path)
    for at, (low, high) in enumerate(pairwise((case.presented.leaf, *path.certificates))):
        told = status(low, high, case.snapshot, policy, case.now)
        who = case.presented.who if at == 0 else path.subjects[at - 1]
        needed = mode is Revocation.HARD or (mode is Revocation.LEAF and at == 0)
        if told.standing == "revoked":
            return Refusal("revocation", who, told.reason, "CertificateRevoked")
        if told.standing == "bad" or (told.standing == "unknown" and needed):
            return Refusal("revocation", who, told.reason)
        result: Result = "passed" if told.standing == "good" else "unchecked"
        checks.append(Check("revocation", who, result, told.reason))
        until = min(until, told.holds_until or until)
    return until, checks


def _mode(mode: Revocation, path: CaPath) -> Revocation:
    return Revocation.SOFT if rules.REVOCATION_UNKNOWN in path.tolerances else mode


def _unsigned(
    leaf: Certificate, issuer: Certificate, path: CaPath, profile: Profile
) -> Refusal | None:
    policy = profile.policy
    if (leaf.signature_algorithm, issuer.key.kind) not in policy.signatures:
        reason = f"signed with {leaf.signature_algorithm} by a key of kind {issuer.key.kind}"
        return Refusal("algorithm", leaf.subject_text, f"{reason}, which is not allowed")
    if policy.keeps_one_key_family and leaf.key.kind != issuer.key.kind:
        reason = f"a key of kind {leaf.key.kind} below one of kind {issuer.key.kind}"
        return Refusal("algorithm", leaf.subject_text, reason)
    if not signature.is_valid(path.key, leaf.signature_algorithm, leaf.tbs, leaf.signature):
        reason = f"its signature does not verify under {issuer.subject_text}"
        return Refusal("signature", leaf.subject_text, reason)
    return None


def _outside(leaf: Certificate, path: CaPath, now: datetime) -> Refusal | None:
    """Not yet valid counts as expired ([V2G2-824]); limits are inclusive, seconds are whole."""
    second = now.replace(microsecond=0)
    if max(leaf.not_before, path.not_before) <= second <= min(leaf.not_after, path.not_after):
        return None
    for each in (leaf, *path.certificates):
        if second > each.not_after:
            reason = f"expired at {each.not_after.isoformat()}"
            return Refusal("validity", each.subject_text, reason, "CertificateExpired")
        if second < each.not_before:
            reason = f"not valid before {each.not_before.isoformat()}"
            return Refusal("validity", each.subject_text, reason, "CertificateExpired")
    return None


def _bind(
    leaf: Certificate,
    role: Role,
    profile: Profile,
    emaid: str | None,
    snapshot: TrustSnapshot,
) -> ids.Emaid | Refusal | None:
    """The contract id of a contract leaf, held against the request's ([V2G2-108])."""
    if role.leaf.subject != "emaid":
        return None
    names = leaf.common_names
    named = ids.normalise(names[0]) if len(names) == 1 else None
    if named is None or named.family == "din":
        reason = "its common name is not exactly one contract id"
        return Refusal("emaid", leaf.subject_text, reason)
    if emaid is not None:
        asked = ids.normalise(emaid)
        equating = profile.policy.equate_spellings_for
        if asked is None or not ids.same_contract(named, asked, equating=equating):
            return Refusal(
                "emaid",
                leaf.subject_text,
                f"it is issued for {named.key}, not for the id asked for",
            )
    if snapshot.cancelled and leaf.fingerprint in snapshot.cancelled:
        reason = f"the contract {named.key} was deleted in the pool"
        return Refusal("contract", leaf.subject_text, reason, "ContractCancelled")
    return named


def _accept(presented: _Presented, judged: _Accepted, named: ids.Emaid | None) -> Verdict:
    leaf, path = presented.leaf, judged.path
    checks = judged.checks
    if named is not None:
        digit = named.has_valid_check_digit
        note = "check digit does not compute" if digit is False else "contract id of the leaf"
        result: Result = "tolerated" if digit is False else "passed"
        checks = (*checks, Check("emaid", presented.who, result, f"{named.key}: {note}"))
    return Verdict(
        verdict="accepted",
        certificate_status="Accepted",
        emaid=named.key if named else None,
        path=(presented.who, *path.subjects),
        checks=checks,
        fingerprint=leaf.fingerprint,
        holds_from=max(leaf.not_before, path.not_before),
        holds_until=judged.holds_until,
    )


def _refused(
    refusal: Refusal, presented: _Presented | None = None, judged: _Accepted | None = None
) -> Verdict:
    failed = Check(refusal.step, refusal.certificate, "failed", refusal.reason)
    before = judged.checks if judged else presented.checks if presented else ()
    names = presented.leaf.common_names if presented else ()
    named = ids.normalise(names[0]) if len(names) == 1 else None
    return Verdict(
        verdict="refused",
        step=refusal.step,
        certificate=refusal.certificate,
        reason=refusal.reason,
        certificate_status=refusal.status,
        emaid=named.key if named else None,
        path=(presented.who, *judged.path.subjects) if presented and judged else (),
        checks=(*before, failed),
        fingerprint=presented.leaf.fingerprint if presented else None,
    )
