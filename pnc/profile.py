"""Certificate profiles by role, as tables (ISO 15118-2 Annex F, ISO 15118-20 Annex B, RFC 5280).

A row says what one kind of certificate must look like; ``inspect`` is the short interpreter. It
returns findings instead of a yes or no, because some of them can be tolerated by name, and only
the anchor that a path ends at says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

import msgspec

from pnc import extension as ext
from pnc import policy as rules
from pnc.certificate import Certificate
from pnc.policy import Policy
from pnc.verdict import Step

AnchorRole = Literal["V2G", "MO", "OEM", "CPO", "PE"]
Subject = Literal["any", "emaid"]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of certificate must look like."""

    title: str
    is_ca: bool
    usage_required: int
    usage_allowed: int = 0xFFFF
    purposes_required: frozenset[str] = frozenset()
    purposes_allowed: frozenset[str] | None = None
    """None: the purposes do not matter."""
    components_required: frozenset[str] = frozenset()
    """One of these domain components must stand in the subject."""
    components_forbidden: frozenset[str] = frozenset()
    path_length_max: int | None = None
    subject: Subject = "any"


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """One use of a chain: its rows, and the anchors that may stand at its end ([V2G2-925])."""

    leaf: Row
    sub_ca: Row
    anchors: frozenset[AnchorRole] | None
    """None: any anchor."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of roles with its policy; `policy` is replaced where a domain needs another."""

    name: str
    roles: Mapping[str, Role]
    policy: Policy
    is_iso15118: bool
    leaf_may_be_ca: bool = False
    needs_key_ids: bool = False
    """RFC 5280 §4.2.1.1 and §4.2.1.2: key identifiers in all that is not self-issued."""
    anchor_key_id_rule: bool = False
    """CA/Browser BR §7.1.2.1.3: a root's own authorityKeyIdentifier names its key and no more."""
    purpose: str | None = None
    """A purpose that a leaf with extKeyUsage must have."""


class Finding(msgspec.Struct, frozen=True):
    """One deviation from a row; with the name of the tolerance that would admit it."""

    step: Step
    reason: str
    tolerance: str | None = None


_FORBIDDEN_IN_ISO: Final = (
    ext.NAME_CONSTRAINTS,
    ext.POLICY_MAPPINGS,
    ext.POLICY_CONSTRAINTS,
    ext.INHIBIT_ANY_POLICY,
)
_UNDERSTOOD: Final = frozenset(
    {ext.KEY_USAGE, ext.BASIC_CONSTRAINTS, ext.EXTENDED_KEY_USAGE, ext.SUBJECT_ALT_NAME}
)
_NEVER_CRITICAL: Final = (ext.AUTHORITY_KEY_ID, ext.SUBJECT_KEY_ID, ext.AUTHORITY_INFO_ACCESS)
_SERIAL_BITS_MAX: Final = 159
_CA_USAGE: Final = ext.KEY_CERT_SIGN


def inspect(certificate: Certificate, row: Row, profile: Profile) -> tuple[Finding, ...]:
    """Every deviation of `certificate` from `row` (RFC 5280 §4, ISO 15118-2 Annex F)."""
    findings = [*_core(certificate, profile)]
    if profile.is_iso15118:
        findings += _iso(certificate, row)
    else:
        findings += _rfc5280(certificate, row, profile)
    return tuple(findings)


def _core(certificate: Certificate, profile: Profile) -> Iterator[Finding]:
    policy, extensions = profile.policy, certificate.extensions
    if certificate.key.kind not in policy.keys:
        yield Finding("algorithm", f"a key of kind {certificate.key.kind} is not allowed")
    if len(certificate.der) > policy.limits.certificate_bytes_max:
        most = policy.limits.certificate_bytes_max
        yield Finding("limits", f"{len(certificate.der)} bytes, at most {most} are allowed")
    if certificate.version != 3:
        yield Finding("profile", f"version {certificate.version} instead of 3")
    if certificate.serial <= 0 or certificate.serial.bit_length() > _SERIAL_BITS_MAX:
        yield Finding("profile", "the serial number is not positive, or over 20 octets")
    if not certificate.issuer_attributes:
        yield Finding("profile", "the issuer is empty")
    if certificate.not_before > certificate.not_after:
        yield Finding("profile", "the validity ends before it begins")
    for tolerance in certificate.deviations:
        yield Finding("profile", rules.TOLERANCES[tolerance], tolerance)
    yield from _criticality(extensions, profile)
    yield from _consistency(certificate)


def _criticality(extensions: ext.Extensions, profile: Profile) -> Iterator[Finding]:
    for oid in extensions.critical:
        known = oid in _UNDERSTOOD or (oid == ext.NAME_CONSTRAINTS and not profile.is_iso15118)
        if oid in _NEVER_CRITICAL:
            yield Finding("extension", f"{ext.title(oid)} must not be critical")
        elif not known and oid not in _FORBIDDEN_IN_ISO:
            yield Finding("extension", f"unknown critical extension {ext.title(oid)}")
        elif not known and not profile.is_iso15118:
            yield Finding("extension", f"critical {ext.title(oid)} is not supported")


def _consistency(certificate: Certificate) -> Iterator[Finding]:
    """RFC 5280 §4.2.1.9: whoever is a CA may sign certificates, and nobody else."""
    extensions = certificate.extensions
    usage = extensions.key_usage
    signs = usage is not None and bool(usage & ext.KEY_CERT_SIGN)
    if extensions.is_ca and not certificate.subject_attributes:
        yield Finding("profile", "a CA with an empty subject")
    if extensions.is_ca and usage is not None and not signs:
        yield Finding("profile", "a CA whose keyUsage lacks keyCertSign")
    if signs and not extensions.is_ca:
        yield Finding("profile", "keyCertSign in a certificate of no CA")
    if ext.NAME_CONSTRAINTS in extensions.present and not extensions.is_ca:
        yield Finding("extension", "nameConstraints in an end entity")


def _iso(certificate: Certificate, row: Row) -> Iterator[Finding]:
    extensions = certificate.extensions
    for oid in extensions.present:
        if oid in _FORBIDDEN_IN_ISO:
            yield Finding("extension", f"{ext.title(oid)} has no place in an ISO 15118 profile")
    yield from _constraints_of(row, extensions)
    yield from _usage(row, extensions)
    yield from _purposes(row, extensions)
    yield from _components(row, certificate)


def _constraints_of(row: Row, extensions: ext.Extensions) -> Iterator[Finding]:
    if extensions.is_ca is None:
        reason = f"no basicConstraints on a {row.title}"
        yield Finding(
            "profile", reason, None if row.is_ca else rules.LEAF_WITHOUT_BASIC_CONSTRAINTS
        )
    elif extensions.is_ca and not row.is_ca:
        yield Finding("profile", f"a {row.title} that is a CA")
    elif row.is_ca and not extensions.is_ca:
        yield Finding("profile", f"a {row.title} that is no CA")
    elif ext.BASIC_CONSTRAINTS not in extensions.critical:
        yield Finding("profile", "basicConstraints is not critical", rules.NOT_CRITICAL)
    if row.path_length_max is None or not extensions.is_ca:
        return
    if extensions.path_length is None:
        reason = f"a {row.title} without a path length"
        yield Finding("profile", reason, rules.SUB_CA_WITHOUT_PATH_LENGTH)
    elif extensions.path_length > row.path_length_max:
        yield Finding("profile", f"a {row.title} with path length {extensions.path_length}")


def _usage(row: Row, extensions: ext.Extensions) -> Iterator[Finding]:
    usage = extensions.key_usage
    if usage is None:
        tolerance = None if row.is_ca else rules.LEAF_WITHOUT_KEY_USAGE
        yield Finding("profile", f"no keyUsage on a {row.title}", tolerance)
        return
    if ext.KEY_USAGE not in extensions.critical:
        yield Finding("profile", "keyUsage is not critical", rules.NOT_CRITICAL)
    if missing := row.usage_required & ~usage:
        yield Finding("profile", f"keyUsage of a {row.title} lacks {_bits(missing)}")
    if beyond := usage & ~row.usage_allowed:
        yield Finding("profile", f"keyUsage of a {row.title} has {_bits(beyond)}")


def _bits(usage: int) -> str:
    return ", ".join(title for bit, title in ext.KEY_USAGE_BITS.items() if usage & bit)


def _purposes(row: Row, extensions: ext.Extensions) -> Iterator[Finding]:
    purposes = frozenset(extensions.purposes or ())
    if missing := row.purposes_required - purposes:
        tolerance = None if purposes else _ABSENT_PURPOSE.get(row.title)
        yield Finding("profile", f"a {row.title} without {', '.join(sorted(missing))}", tolerance)
    if row.purposes_allowed is not None and (beyond := purposes - row.purposes_allowed):
        yield Finding("profile", f"a {row.title} with purpose {', '.join(sorted(beyond))}")


def _components(row: Row, certificate: Certificate) -> Iterator[Finding]:
    found = frozenset(component.upper() for component in certificate.domain_components)
    if row.components_required and not row.components_required & found:
        wanted = " or ".join(sorted(row.components_required))
        yield Finding("profile", f"a {row.title} without domain component {wanted}")
    if wrong := row.components_forbidden & found:
        named = ", ".join(sorted(wrong))
        yield Finding("profile", f"a {row.title} with the domain component {named}")


def _rfc5280(
    certificate: Certificate, row: Row, profile: Profile, *, is_self_signed: bool = False
) -> Iterator[Finding]:
    extensions = certificate.extensions
    if row.is_ca and not extensions.is_ca:
        yield Finding("profile", "an issuer that is no CA")
    if row.is_ca and ext.BASIC_CONSTRAINTS not in extensions.critical:
        yield Finding("profile", "basicConstraints of a CA is not critical")
    if not row.is_ca and extensions.is_ca and not profile.leaf_may_be_ca:
        yield Finding("profile", "an end entity that is a CA")
    for oid in (ext.POLICY_CONSTRAINTS, ext.NAME_CONSTRAINTS):
        if oid in extensions.present and oid not in extensions.critical:
            yield Finding("extension", f"{ext.title(oid)} must be critical")
    if profile.needs_key_ids:
        yield from _key_ids(certificate, needs_authority=not is_self_signed)
    purposes = extensions.purposes
    wanted = {profile.purpose, ext.ANY_PURPOSE}
    if not row.is_ca and profile.purpose and purposes and not wanted & set(purposes):
        yield Finding("profile", f"extKeyUsage lacks {profile.purpose}")


def _key_ids(certificate: Certificate, *, needs_authority: bool) -> Iterator[Finding]:
    extensions = certificate.extensions
    if extensions.is_ca and extensions.subject_key_id is None:
        yield Finding("profile", "a CA without subjectKeyIdentifier")
    authority = extensions.authority_key_id
    if needs_authority and (authority is None or authority.key_id is None):
        yield Finding("profile", "no authorityKeyIdentifier with a key id")


def inspect_anchor(
    certificate: Certificate, role: AnchorRole | None, profile: Profile, *, is_self_signed: bool
) -> tuple[Finding, ...]:
    """Every deviation of a trust anchor; its extKeyUsage never matters."""
    findings = [*_core(certificate, profile)]
    if not profile.is_iso15118:
        findings += _rfc5280(certificate, ANY_CA, profile, is_self_signed=is_self_signed)
        if profile.anchor_key_id_rule and certificate.is_self_issued:
            findings += _own_key_id(certificate)
        return tuple(findings)
    findings += _iso(certificate, ROOT)
    if not (is_self_signed and certificate.is_self_issued):
        reason = "an anchor that is not a self-signed root"
        findings.append(Finding("anchor", reason, rules.ANCHOR_NOT_SELF_SIGNED))
    components = {component.upper() for component in certificate.domain_components}
    if role == "V2G" and "V2G" not in components:
        reason = "a V2G root without the domain component V2G"
        findings.append(Finding("anchor", reason, rules.ANCHOR_WITHOUT_DOMAIN_COMPONENT))
    return tuple(findings)


def _own_key_id(certificate: Certificate) -> Iterator[Finding]:
    authority = certificate.extensions.authority_key_id
    if authority is None:
        return
    if authority.has_issuer or authority.has_serial:
        yield Finding("profile", "a root's authorityKeyIdentifier names issuer or serial number")
    if authority.key_id is None or authority.key_id != certificate.extensions.subject_key_id:
        yield Finding("profile", "a root's authorityKeyIdentifier is not its own key id")


# The tables. Domain components of another family than the row's are refused wherever they stand;
# V2G and values of a CA's own stand on certificates of any family.

_FAMILIES: Final = frozenset({"CPO", "CSO", "CPS", "MO", "OEM"})
_SIGNS: Final = ext.DIGITAL_SIGNATURE | ext.NON_REPUDIATION
_AGREES: Final = ext.KEY_ENCIPHERMENT | ext.KEY_AGREEMENT
_NO_PURPOSE: Final = frozenset({ext.ANY_PURPOSE})

ROOT: Final = Row(title="root", is_ca=True, usage_required=_CA_USAGE)
ANY_CA: Final = Row(title="CA", is_ca=True, usage_required=0)
ANY_LEAF: Final = Row(title="leaf", is_ca=False, usage_required=0)


def _sub_ca(title: str, own: frozenset[str]) -> Row:
    return Row(
        title=title,
        is_ca=True,
        usage_required=_CA_USAGE,
        usage_allowed=_CA_USAGE | ext.CRL_SIGN | _SIGNS,
        components_forbidden=_FAMILIES - own,
        path_length_max=1,
    )


_MO: Final = frozenset({"MO"})
_OEM: Final = frozenset({"OEM"})
_CPO: Final = frozenset({"CPO"})
_CSO: Final = frozenset({"CPO", "CSO"})
_CPS: Final = frozenset({"CPS"})

_CONTRACT: Final = Role(
    leaf=Row(
        title="contract leaf",
        is_ca=False,
        usage_required=_SIGNS,
        usage_allowed=_SIGNS | _AGREES,
        purposes_allowed=_NO_PURPOSE,
        components_forbidden=_FAMILIES - _MO,
        subject="emaid",
    ),
    sub_ca=_sub_ca("MO sub-CA", _MO),
    anchors=frozenset({"MO", "V2G"}),
)
_PROVISIONING: Final = Role(
    leaf=Row(
        title="provisioning leaf",
        is_ca=False,
        usage_required=ext.DIGITAL_SIGNATURE | ext.KEY_AGREEMENT,
        usage_allowed=_SIGNS | _AGREES,
        purposes_allowed=_NO_PURPOSE,
        components_forbidden=_FAMILIES - _OEM,
    ),
    sub_ca=_sub_ca("OEM sub-CA", _OEM),
    anchors=frozenset({"OEM", "V2G"}),
)


def _secc(own: frozenset[str]) -> Role:
    return Role(
        leaf=Row(
            title="SECC leaf",
            is_ca=False,
            usage_required=ext.DIGITAL_SIGNATURE,
            usage_allowed=ext.DIGITAL_SIGNATURE | _AGREES,
            purposes_required=frozenset({ext.SERVER_AUTH}),
            purposes_allowed=frozenset({ext.SERVER_AUTH, ext.CLIENT_AUTH, ext.ANY_PURPOSE}),
            components_required=own,
            components_forbidden=_FAMILIES - own,
        ),
        sub_ca=_sub_ca("CPO sub-CA", own),
        anchors=frozenset({"V2G", "CPO", "PE"}),
    )


_PROVISIONING_SERVICE: Final = Role(
    leaf=Row(
        title="CPS leaf",
        is_ca=False,
        usage_required=ext.DIGITAL_SIGNATURE,
        usage_allowed=_SIGNS | _AGREES,
        purposes_allowed=_NO_PURPOSE,
        components_required=_CPS,
        components_forbidden=_FAMILIES - _CPS,
    ),
    sub_ca=_sub_ca("CPS sub-CA", _CPS),
    anchors=frozenset({"V2G"}),
)
_VEHICLE: Final = Role(
    leaf=Row(
        title="vehicle leaf",
        is_ca=False,
        usage_required=ext.DIGITAL_SIGNATURE,
        usage_allowed=_SIGNS | _AGREES,
        purposes_required=frozenset({ext.CLIENT_AUTH}),
        purposes_allowed=frozenset({ext.CLIENT_AUTH, ext.ANY_PURPOSE}),
        components_forbidden=_FAMILIES - _OEM,
    ),
    sub_ca=_sub_ca("OEM sub-CA", _OEM),
    anchors=frozenset({"OEM", "V2G"}),
)
_ANY: Final = Role(leaf=ANY_LEAF, sub_ca=ANY_CA, anchors=None)
_ABSENT_PURPOSE: Final = {"SECC leaf": rules.SECC_WITHOUT_SERVER_AUTH}

ISO15118_2: Final = Profile(
    name="iso15118-2",
    roles={
        "contract": _CONTRACT,
        "provisioning": _PROVISIONING,
        "secc": _secc(_CPO),
        "cps": _PROVISIONING_SERVICE,
    },
    policy=rules.ISO15118_2,
    is_iso15118=True,
)
ISO15118_20: Final = Profile(
    name="iso15118-20",
    roles={
        "contract": _CONTRACT,
        "provisioning": _PROVISIONING,
        "secc": _secc(_CSO),
        "cps": _PROVISIONING_SERVICE,
        "vehicle": _VEHICLE,
    },
    policy=rules.ISO15118_20,
    is_iso15118=True,
)
RFC5280: Final = Profile(
    name="rfc5280",
    roles=dict.fromkeys(("any", "contract", "provisioning", "secc", "cps", "vehicle"), _ANY),
    policy=rules.RFC5280,
    is_iso15118=False,
    leaf_may_be_ca=True,
    needs_key_ids=True,
    anchor_key_id_rule=True,
    purpose=ext.SERVER_AUTH,
)
PROFILES: Final = {profile.name: profile for profile in (ISO15118_2, ISO15118_20, RFC5280)}
