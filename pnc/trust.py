"""What is trusted and known at one moment: an immutable snapshot with an epoch.

Anchors by role, intermediates brought by the pool (cross-certificates), CRLs and OCSP answers as
fetched beforehand, revocations and cancelled contracts. Whoever learns something builds the next
snapshot. A snapshot carries the memory of what was already computed under it, so nothing computed
under an older epoch can be mistaken for true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import msgspec

from pnc import signature
from pnc.certificate import Certificate
from pnc.profile import AnchorRole, Profile
from pnc.revocation.crl import Crl
from pnc.revocation.ocsp import Answer, Response
from pnc.verdict import Verdict

VERDICTS_MAX: Final = 8192
PATHS_MAX: Final = 2048
CHECKED_MAX: Final = 4096
KEYS_MAX: Final = 1024

if TYPE_CHECKING:
    from pnc.path import Known  # path searches in a snapshot; the snapshot only remembers for it

Value = TypeVar("Value")


class Bounded(Generic[Value]):
    """A mapping of bounded size that forgets its oldest entry first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[object, Value] = {}
        self.get = self._entries.get

    def put(self, key: object, value: Value) -> None:
        """Remember `value`; what was remembered longest goes when there is no room."""
        entries = self._entries
        if len(entries) >= self._most and key not in entries:
            del entries[next(iter(entries))]
        entries[key] = value

    def __len__(self) -> int:
        return len(self._entries)


class Memory:
    """What was computed under one snapshot; it dies with the snapshot."""

    def __init__(self) -> None:
        self.verdicts: Bounded[tuple[Profile, Verdict]] = Bounded(VERDICTS_MAX)
        self.paths: Bounded[Known] = Bounded(PATHS_MAX)
        self.checked: Bounded[bool] = Bounded(CHECKED_MAX)
        self.keys: Bounded[signature.Key] = Bounded(KEYS_MAX)


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """A trusted root; ``role`` None means whichever the caller asks for."""

    certificate: Certificate
    role: AnchorRole | None
    tolerances: frozenset[str] = frozenset()
    """What is tolerated in the whole domain below this anchor, by name."""
    is_self_signed: bool


class Revoked(msgspec.Struct, frozen=True):
    """A revocation known from elsewhere than a CRL or OCSP answer kept here."""

    revoked_at: datetime
    reason: str
    source: str


class TrustSnapshot(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Everything a verification may know; made by ``snapshot``."""

    epoch: str
    anchors: tuple[Anchor, ...]
    intermediates: tuple[Certificate, ...]
    crls: tuple[Crl, ...]
    ocsp: tuple[Response, ...]
    revoked: Mapping[tuple[bytes, int], Revoked]
    """By SHA-256 of the issuer's public key bits, and serial number."""
    cancelled: frozenset[bytes]
    """SHA-256 of contract certificates whose contract was deleted in the pool."""
    anchors_by_subject: Mapping[bytes, tuple[Anchor, ...]]
    intermediates_by_subject: Mapping[bytes, tuple[Certificate, ...]]
    crls_by_issuer: Mapping[bytes, tuple[Crl, ...]]
    answers_by_serial: Mapping[int, tuple[tuple[Response, Answer], ...]]
    memory: Memory


def anchor(
    certificate: Certificate,
    role: AnchorRole | None,
    tolerances: Iterable[str] = (),
) -> Anchor:
    """A trusted root, its own signature verified once and for all ([V2G2-925])."""
    return Anchor(
        certificate=certificate,
        role=role,
        tolerances=frozenset(tolerances),
        is_self_signed=_is_self_signed(certificate),
    )


def snapshot(
    *,
    anchors: Iterable[Anchor],
    intermediates: Iterable[Certificate] = (),
    crls: Iterable[Crl] = (),
    ocsp: Iterable[Response] = (),
    revoked: Mapping[tuple[bytes, int], Revoked] | None = None,
    cancelled: Iterable[bytes] = (),
    epoch: str | None = None,
) -> TrustSnapshot:
    """A snapshot with its indexes; without an `epoch` it is a digest of what was given."""
    anchors, intermediates = tuple(anchors), tuple(intermediates)
    crls, ocsp = tuple(crls), tuple(ocsp)
    revoked, cancelled = dict(revoked or {}), frozenset(cancelled)
    answers = [(answer.cert_id.serial, (each, answer)) for each in ocsp for answer in each.answers]
    if epoch is None:
        epoch = _digest(anchors, intermediates, crls, ocsp, revoked=revoked, cancelled=cancelled)
    return TrustSnapshot(
        epoch=epoch,
        anchors=anchors,
        intermediates=intermediates,
        crls=crls,
        ocsp=ocsp,
        revoked=revoked,
        cancelled=cancelled,
        anchors_by_subject=_grouped((each.certificate.subject, each) for each in anchors),
        intermediates_by_subject=_grouped((each.subject, each) for each in intermediates),
        crls_by_issuer=_grouped((each.issuer, each) for each in crls),
        answers_by_serial=_grouped(answers),
        memory=Memory(),
    )


Key = TypeVar("Key")


def _grouped(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, tuple[Value, ...]]:
    groups: dict[Key, list[Value]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in groups.items()}


def _is_self_signed(certificate: Certificate) -> bool:
    """Whether it verifies under its own key, whatever it calls its issuer."""
    key = signature.load(certificate.key)
    return key is not None and signature.is_valid(
        key, certificate.signature_algorithm, certificate.tbs, certificate.signature
    )


def _digest(
    anchors: tuple[Anchor, ...],
    intermediates: tuple[Certificate, ...],
    crls: tuple[Crl, ...],
    ocsp: tuple[Response, ...],
    *,
    revoked: Mapping[tuple[bytes, int], Revoked],
    cancelled: frozenset[bytes],
) -> str:
    digest = sha256()
    for each in anchors:
        digest.update(each.certificate.fingerprint)
        digest.update(repr((each.role, sorted(each.tolerances))).encode())
    for group in (
        [each.fingerprint for each in intermediates],
        [each.fingerprint for each in crls],
        [each.fingerprint for each in ocsp],
        [repr(pair).encode() for pair in sorted(revoked)],
        sorted(cancelled),
    ):
        digest.update(len(group).to_bytes(8, "big"))
        for part in group:
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
