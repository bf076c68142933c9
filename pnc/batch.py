"""Behind ``networkcore pnc verify``: one JSON request in, one JSON answer out. No IO.

Roots come without roles there. A root whose domain component names its family is taken at its word;
another is trusted for the role that the caller names.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from pnc import certificate, chain, policy, profile, trust
from pnc.certificate import Certificate
from pnc.errors import DerError, PncError, RequestError
from pnc.policy import Policy, Revocation
from pnc.profile import AnchorRole
from pnc.revocation import crl, ocsp
from pnc.verdict import Step, Verdict

LINE_BYTES_MAX: Final = 32 * 1024 * 1024
_MANY: Final = 1024
_ROOT_ROLES: Final[dict[str, AnchorRole]] = {
    "V2G": "V2G",
    "MO": "MO",
    "OEM": "OEM",
    "CPO": "CPO",
    "CSO": "CPO",
}
_DEFAULT_ROLE: Final = "contract"
Value = TypeVar("Value")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What ``pnc verify`` is asked; everything as DER."""

    chain: tuple[bytes, ...]
    """The leaf, then whatever was presented with it in order."""
    pool: tuple[bytes, ...] = ()
    """Further intermediates, in any order; useful or not."""
    roots: tuple[bytes, ...]
    profile: str = "iso15118-2"
    role: str = _DEFAULT_ROLE
    at: datetime | None = None
    crls: tuple[bytes, ...] = ()
    ocsp: tuple[bytes, ...] = ()
    max_chain_depth: int | None = None
    tolerances: tuple[str, ...] = ()
    emaid: str | None = None
    revocation: str | None = None
    """``hard``, ``leaf`` or ``soft``. Without it: ``leaf`` with evidence, else ``soft``."""


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """The documented request, as JSON."""

    id: str | int | None = None
    chain: list[str]
    pool: list[str] = []
    roots: list[str] = []
    profile: str = "iso15118-2"
    role: str | None = None
    at: str | None = None
    crls: list[str] | None = None
    ocsp: list[str] | None = None
    max_chain_depth: int | None = None
    tolerances: list[str] = []
    emaid: str | None = None
    revocation: str | None = None


def answer_line(raw: bytes, now: datetime) -> bytes:
    """The JSON answer to one line of a batch; a line that is not understood is answered too."""
    try:
        line = _decode(raw)
    except RequestError as error:
        return msgspec.json.encode(_not_understood(_id_of(raw), error))
    try:
        verdict = verify(_question(line), now)
    except PncError as error:
        return msgspec.json.encode(_not_understood(line.id, error))
    return msgspec.json.encode(
        {
            "id": line.id,
            "verdict": verdict.verdict,
            "reason": verdict.reason,
            "step": verdict.step,
            "certificate": verdict.certificate,
        }
    )


def report(verdict: Verdict) -> dict[str, object]:
    """What ``pnc verify --json`` prints."""
    return {
        "verdict": verdict.verdict,
        "emaid": verdict.emaid,
        "certificate_status": verdict.certificate_status,
        "path": list(verdict.path),
        "checks": [msgspec.to_builtins(check) for check in verdict.checks],
        "step": verdict.step,
        "certificate": verdict.certificate,
        "reason": verdict.reason,
    }


def verify(question: Question, now: datetime) -> Verdict:
    """The verdict on a question; raises RequestError where the question is not understood."""
    table = profile.PROFILES.get(question.profile)
    if table is None:
        known = ", ".join(sorted(profile.PROFILES))
        raise RequestError(f"profile: {question.profile!r} is none of {known}")
    if question.role not in table.roles:
        known = ", ".join(sorted(table.roles))
        raise RequestError(f"role: {question.role!r} is none of {known}")
    at = question.at or now
    if at.tzinfo is None:
        raise RequestError("at: a time without zone")
    if not question.chain:
        raise RequestError("chain: no certificate")
    adapted = msgspec.structs.replace(table, policy=_policy(question, table.policy))
    presented, brought = question.chain, question.pool
    if not table.is_iso15118:
        presented, brought = (*presented, *brought), ()
    try:
        snapshot = _snapshot(question, brought)
    except _UnreadError as error:
        return _unread(*error.args)
    return chain.verify(presented, snapshot, adapted, question.role, at, emaid=question.emaid)


def _policy(question: Question, base: Policy) -> Policy:
    unknown = sorted(set(question.tolerances) - set(policy.TOLERANCES))
    if unknown:
        raise RequestError(f"tolerances: {unknown[0]!r} is none of {sorted(policy.TOLERANCES)}")
    default = Revocation.LEAF if question.crls or question.ocsp else Revocation.SOFT
    try:
        mode = Revocation(question.revocation) if question.revocation else default
    except ValueError as error:
        raise RequestError("revocation: none of hard, leaf, soft") from error
    depth = question.max_chain_depth
    if depth is not None and depth < 0:
        raise RequestError("max_chain_depth: below 0")
    return msgspec.structs.replace(
        base,
        tolerances=base.tolerances | frozenset(question.tolerances),
        revocation=mode,
        limits=msgspec.structs.replace(base.limits, intermediates_max=depth),
    )


class _UnreadError(Exception):
    """Step, what it was and why it cannot be read."""


def _snapshot(question: Question, brought: tuple[bytes, ...]) -> trust.TrustSnapshot:
    """The trust that the question brings; what cannot be read refuses, roots excepted."""
    return trust.snapshot(
        anchors=tuple(_anchors(question.roots)),
        intermediates=_each_read("parse", "pool", brought, certificate.parse),
        crls=_each_read("revocation", "CRL", question.crls, crl.parse),
        ocsp=_each_read("revocation", "OCSP response", question.ocsp, ocsp.parse),
    )


def _each_read(
    step: Step, what: str, ders: Sequence[bytes], parse: Callable[[bytes], Value]
) -> tuple[Value, ...]:
    found = []
    for at, data in enumerate(ders):
        try:
            found.append(parse(data))
        except DerError as error:
            raise _UnreadError(step, f"{what} {at + 1} of {len(ders)}", str(error)) from error
    return tuple(found)


def _unread(step: Step, what: str, reason: str) -> Verdict:
    return Verdict(
        verdict="refused",
        step=step,
        certificate=what,
        reason=reason,
        certificate_status="CertChainError",
    )


def _anchors(roots: Sequence[bytes]) -> Iterable[trust.Anchor]:
    """Anchors of those roots that can be read; others cannot end a path and do not disturb."""
    for data in roots:
        try:
            root = certificate.parse(data)
        except DerError:
            continue
        yield trust.anchor(root, root_role(root))


def root_role(root: Certificate) -> AnchorRole | None:
    """The family that a root's domain component names, None when it names none."""
    for component in root.domain_components:
        if role := _ROOT_ROLES.get(component.upper()):
            return role
    return None


def _decode(raw: bytes) -> _Line:
    if len(raw) > LINE_BYTES_MAX:
        raise RequestError(f"a line of {len(raw)} bytes, at most {LINE_BYTES_MAX} are read")
    try:
        return msgspec.json.decode(raw, type=_Line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RequestError(f"the line is not a request: {error}") from error


def _id_of(raw: bytes) -> object:
    """The id of a line that is not a request, when it has one all the same."""
    try:
        found = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        return msgspec.json.decode(found["id"], type=str | int | None)
    except (msgspec.MsgspecError, ValueError, RecursionError, KeyError):
        return None


def _question(line: _Line) -> Question:
    return Question(
        chain=_ders("chain", line.chain),
        pool=_ders("pool", line.pool),
        roots=_ders("roots", line.roots),
        profile=line.profile,
        role=line.role or _DEFAULT_ROLE,
        at=_time(line.at),
        crls=_ders("crls", line.crls or []),
        ocsp=_ders("ocsp", line.ocsp or []),
        max_chain_depth=line.max_chain_depth,
        tolerances=tuple(line.tolerances),
        emaid=line.emaid,
        revocation=line.revocation,
    )


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        raise RequestError("at: not an RFC 3339 time") from error


def _ders(field: str, texts: list[str]) -> tuple[bytes, ...]:
    if len(texts) > _MANY:
        raise RequestError(f"{field}: {len(texts)} values, at most {_MANY} are read")
    try:
        return tuple(binascii.a2b_base64(text, strict_mode=True) for text in texts)
    except (binascii.Error, ValueError) as error:
        raise RequestError(f"{field}: not base64: {error}") from error


def _not_understood(identity: object, error: PncError) -> dict[str, object]:
    return {
        "id": identity,
        "verdict": "refused",
        "reason": str(error),
        "step": "request",
        "certificate": None,
    }
