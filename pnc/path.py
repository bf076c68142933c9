"""Paths from an issuer's name to a trust anchor: a bounded search over cross-signed CAs.

What is found here does not depend on the leaf, the time or the revocation state, so that it can be
remembered for every later leaf of the same sub-CA; ``pnc.chain`` judges those three each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Final

import msgspec

from pnc import signature
from pnc.certificate import Certificate
from pnc.profile import ROOT, Finding, Profile, Role, Row, inspect, inspect_anchor
from pnc.trust import Anchor, TrustSnapshot
from pnc.verdict import Check, Refusal, Step


class CaPath(msgspec.Struct, frozen=True, kw_only=True):
    """CAs from the leaf's issuer to the anchor, each judged, with the issuer's key ready."""

    certificates: tuple[Certificate, ...]
    anchor: Anchor
    key: signature.Key
    tolerances: frozenset[str]
    not_before: datetime
    not_after: datetime
    checks: tuple[Check, ...]
    subjects: tuple[str, ...]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """All paths from one issuer name, best first; or why there is none."""

    paths: tuple[CaPath, ...]
    refusal: Refusal


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of CAs that came with a chain: them, read, and the paths over them."""

    profile: Profile
    others: tuple[Certificate, ...]
    checks: tuple[Check, ...]
    found: Found


_WEIGHT: Final[dict[Step, int]] = {
    "path": 0,
    "signature": 1,
    "algorithm": 2,
    "limits": 2,
    "extension": 2,
    "profile": 2,
    "path_length": 3,
    "anchor": 4,
}
"""How telling a refusal is when several ways up fail: the one that came nearest is reported."""


class _ExhaustedError(Exception):
    """The search used up its steps or signature checks."""


class Search:
    """One search over what was presented and what the snapshot knows."""

    def __init__(
        self,
        snapshot: TrustSnapshot,
        profile: Profile,
        role: Role,
        presented: tuple[Certificate, ...],
    ) -> None:
        self._snapshot, self._profile, self._role = snapshot, profile, role
        self._limits = profile.policy.limits
        self._presented = presented
        self._by_subject: dict[bytes, list[Certificate]] = {}
        for certificate in presented:
            self._by_subject.setdefault(certificate.subject, []).append(certificate)
        self._brought = {id(each) for each in snapshot.intermediates}
        self._inspected: dict[int, tuple[Finding, ...]] = {}
        self._signed: dict[tuple[int, bytes], bool] = {}
        self._steps = self._checks = 0
        self._paths: list[CaPath] = []
        self._best: tuple[int, int, Refusal] | None = None

    def run(self, leaf: Certificate) -> Found:
        """Every path for a leaf of this issuer, bounded in number (RFC 5280 §6.1)."""
        try:
            self._climb(leaf, ())
        except _ExhaustedError:
            limits = self._limits
            reason = (
                f"the search for a path was given up after {limits.signature_checks_max} "
                f"signature checks or {limits.search_steps_max} steps"
            )
            self._refuse(Finding("limits", reason), leaf, 1_000)
        unknown = f"no issuer {leaf.issuer_text} is presented or trusted"
        refusal = self._best[2] if self._best else Refusal("path", leaf.subject_text, unknown)
        return Found(paths=tuple(self._paths), refusal=refusal)

    def _climb(self, child: Certificate, below: tuple[Certificate, ...]) -> None:
        """Extend ``below`` (the leaf's issuer first) upwards from its last, or from the leaf."""
        reached = False
        for issuer in self._issuers(child):
            self._step()
            reached = True
            if isinstance(issuer, Anchor):
                self._complete(below, issuer)
            elif not self._is_repeated(issuer, below) and self._may_stand(issuer, below):
                above = (*below, issuer)
                if not below or self._is_signed(child, issuer, len(above)):
                    self._climb(issuer, above)
            if len(self._paths) >= self._limits.paths_max:
                return
        if not reached:
            reason = f"no issuer {child.issuer_text} is presented or trusted"
            self._refuse(Finding("path", reason), child, len(below))

    def _issuers(self, child: Certificate) -> Iterator[Anchor | Certificate]:
        """Who might have issued `child`: anchors before others, a matching key id before others."""
        snapshot, name = self._snapshot, child.issuer
        authority = child.extensions.authority_key_id
        wanted = authority.key_id if authority else None
        anchors = snapshot.anchors_by_subject.get(name, ())
        own = [*self._by_subject.get(name, ()), *snapshot.intermediates_by_subject.get(name, ())]
        yield from sorted(anchors, key=lambda each: _differs(each.certificate, wanted))
        trusted = {each.certificate.der for each in anchors}
        for each in sorted(own, key=lambda each: _differs(each, wanted)):
            if each.der not in trusted:
                yield each

    def _step(self) -> None:
        self._steps += 1
        if self._steps > self._limits.search_steps_max:
            raise _ExhaustedError

    def _is_repeated(self, issuer: Certificate, below: tuple[Certificate, ...]) -> bool:
        """Whether this CA, by name and key, already stands on the path: a cycle."""
        return any(
            each.subject == issuer.subject and each.key.spki == issuer.key.spki for each in below
        )

    def _may_stand(self, issuer: Certificate, below: tuple[Certificate, ...]) -> bool:
        """Whether `issuer` may be a CA above `below`, whoever its own issuer is."""
        findings = self._inspect(issuer)
        hard = [each for each in findings if each.tolerance is None]
        if hard:
            self._refuse(hard[0], issuer, len(below))
            return False
        return self._has_room(issuer, below)

    def _has_room(self, issuer: Certificate, below: tuple[Certificate, ...]) -> bool:
        limits, above = self._limits, (*below, issuer)
        counted = sum(1 for each in below if not each.is_self_issued)
        if not _allows(issuer, counted):
            finding = Finding("path_length", f"its path length allows no {counted} CAs below it")
        elif 1 + sum(1 for each in above if self._counts(each)) > limits.path_certificates_max:
            most = limits.path_certificates_max
            finding = Finding("path_length", f"more than {most} certificates on the path")
        elif (
            limits.intermediates_max is not None
            and sum(1 for each in above if not each.is_self_issued) > limits.intermediates_max
        ):
            finding = Finding("path_length", f"more than {limits.intermediates_max} intermediates")
        elif len(above) > limits.depth_max:
            finding = Finding("limits", f"a path of more than {limits.depth_max} CAs")
        else:
            return True
        self._refuse(finding, issuer, len(below))
        return False

    def _counts(self, certificate: Certificate) -> bool:
        return not certificate.is_self_issued and not self._is_cross(certificate)

    def _inspect(self, certificate: Certificate) -> tuple[Finding, ...]:
        """Deviations from the row that the certificate is judged by; each is judged once."""
        findings = self._inspected.get(id(certificate))
        if findings is None:
            findings = inspect(certificate, self._row(certificate), self._profile)
            self._inspected[id(certificate)] = findings
        return findings

    def _row(self, certificate: Certificate) -> Row:
        return ROOT if self._is_cross(certificate) else self._role.sub_ca

    def _is_cross(self, certificate: Certificate) -> bool:
        """Whether this is a V2G root that another root signed, known to the snapshot.

        It stands in for that root, so it is judged as one and does not lengthen the path.
        """
        return (
            self._profile.is_iso15118
            and id(certificate) in self._brought
            and certificate.extensions.path_length is None
            and "V2G" in certificate.domain_components
        )

    def _complete(self, below: tuple[Certificate, ...], anchor: Anchor) -> None:
        """Judge a path that reached an anchor, and keep it when all of it stands."""
        root, depth = anchor.certificate, len(below) + 1
        tolerances = self._profile.policy.tolerances | anchor.tolerances
        roles = self._role.anchors
        if below and not self._is_signed(below[-1], root, depth):
            return
        if roles is not None and anchor.role is not None and anchor.role not in roles:
            wanted = " or ".join(sorted(roles))
            reason = f"a root of role {anchor.role}, where one of role {wanted} is due"
            self._refuse(Finding("anchor", reason), root, depth)
            return
        judged = inspect_anchor(
            root, anchor.role, self._profile, is_self_signed=anchor.is_self_signed
        )
        if not self._all_stand(root, judged, tolerances, depth):
            return
        for at, each in enumerate(below):
            findings = self._inspect(each)
            if not self._all_stand(each, findings, tolerances, at + 1):
                return
        counted = sum(1 for each in below if not each.is_self_issued)
        if not _allows(root, counted):
            reason = f"its path length allows no {counted} CAs below it"
            self._refuse(Finding("path_length", reason), root, depth)
        elif self._accounts_for_all(below, depth):
            self._keep(below, anchor, tolerances)

    def _all_stand(
        self,
        certificate: Certificate,
        findings: tuple[Finding, ...],
        tolerances: frozenset[str],
        depth: int,
    ) -> bool:
        for finding in findings:
            if finding.tolerance not in tolerances:
                self._refuse(finding, certificate, depth)
                return False
        return True

    def _accounts_for_all(self, below: tuple[Certificate, ...], depth: int) -> bool:
        """Whether all that was presented is of this path, an anchor, or signed by one known."""
        if not self._profile.policy.refuses_unrelated:
            return True
        for each in self._presented:
            if each not in below and not self._is_related(each):
                self._refuse(Finding("path", "it is not related to the path"), each, depth)
                return False
        return True

    def _is_related(self, certificate: Certificate) -> bool:
        for issuer in self._issuers(certificate):
            self._step()
            of = issuer.certificate if isinstance(issuer, Anchor) else issuer
            if of.der == certificate.der and isinstance(issuer, Anchor):
                return True
            if self._verifies(certificate, of):
                return True
        return False

    def _keep(
        self, below: tuple[Certificate, ...], anchor: Anchor, tolerances: frozenset[str]
    ) -> None:
        path = (*below, anchor.certificate)
        key = self._key(path[0])
        if key is None:
            self._refuse(Finding("algorithm", "its key cannot be used"), path[0], len(path))
            return
        role = anchor.role or "named by the caller"
        self._paths.append(
            CaPath(
                certificates=path,
                anchor=anchor,
                key=key,
                tolerances=tolerances,
                not_before=max(each.not_before for each in path),
                not_after=min(each.not_after for each in path),
                checks=(
                    *(
                        Check("signature", low.subject_text, "passed", f"by {high.subject_text}")
                        for low, high in pairwise(path)
                    ),
                    Check("anchor", path[-1].subject_text, "passed", f"trusted, role {role}"),
                ),
                subjects=tuple(each.subject_text for each in path),
            )
        )

    def _is_signed(self, child: Certificate, issuer: Certificate, depth: int) -> bool:
        if (child.signature_algorithm, issuer.key.kind) not in self._profile.policy.signatures:
            reason = f"signed with {child.signature_algorithm} by a key of kind {issuer.key.kind}"
            self._refuse(Finding("algorithm", f"{reason}, which is not allowed"), child, depth)
            return False
        if self._profile.policy.keeps_one_key_family and child.key.kind != issuer.key.kind:
            reason = f"a key of kind {child.key.kind} below one of kind {issuer.key.kind}"
            self._refuse(Finding("algorithm", reason), child, depth)
            return False
        if not self._verifies(child, issuer):
            reason = f"its signature does not verify under {issuer.subject_text}"
            self._refuse(Finding("signature", reason), child, depth)
            return False
        return True

    def _verifies(self, child: Certificate, issuer: Certificate) -> bool:
        where = (id(child), issuer.key.spki)
        known = self._signed.get(where)
        if known is None:
            self._checks += 1
            if self._checks > self._limits.signature_checks_max:
                raise _ExhaustedError
            key = self._key(issuer)
            known = key is not None and signature.is_valid(
                key, child.signature_algorithm, child.tbs, child.signature
            )
            self._signed[where] = known
        return known

    def _key(self, certificate: Certificate) -> signature.Key | None:
        keys, spki = self._snapshot.memory.keys, certificate.key.spki
        key = keys.get(spki)
        if key is None and (key := signature.load(certificate.key)) is not None:
            keys.put(spki, key)
        return key

    def _refuse(self, finding: Finding, certificate: Certificate, depth: int) -> None:
        """Keep the refusal that came nearest to an acceptance."""
        weight = (_WEIGHT[finding.step], depth)
        if self._best is None or weight > self._best[:2]:
            refusal = Refusal(finding.step, certificate.subject_text, finding.reason)
            self._best = (*weight, refusal)


def _allows(issuer: Certificate, counted: int) -> bool:
    most = issuer.extensions.path_length
    return most is None or counted <= most


def _differs(issuer: Certificate, wanted: bytes | None) -> bool:
    return wanted is not None and issuer.extensions.subject_key_id != wanted
