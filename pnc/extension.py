"""Certificate extensions (RFC 5280 §4.2): each known one is decoded strictly, others are kept."""

from __future__ import annotations

from typing import Final

import msgspec

from pnc import der
from pnc.errors import DerError

SUBJECT_KEY_ID: Final = b"\x55\x1d\x0e"
KEY_USAGE: Final = b"\x55\x1d\x0f"
SUBJECT_ALT_NAME: Final = b"\x55\x1d\x11"
BASIC_CONSTRAINTS: Final = b"\x55\x1d\x13"
NAME_CONSTRAINTS: Final = b"\x55\x1d\x1e"
CRL_DISTRIBUTION_POINTS: Final = b"\x55\x1d\x1f"
CERTIFICATE_POLICIES: Final = b"\x55\x1d\x20"
POLICY_MAPPINGS: Final = b"\x55\x1d\x21"
AUTHORITY_KEY_ID: Final = b"\x55\x1d\x23"
POLICY_CONSTRAINTS: Final = b"\x55\x1d\x24"
EXTENDED_KEY_USAGE: Final = b"\x55\x1d\x25"
INHIBIT_ANY_POLICY: Final = b"\x55\x1d\x36"
AUTHORITY_INFO_ACCESS: Final = b"\x2b\x06\x01\x05\x05\x07\x01\x01"

TITLE: Final = {
    SUBJECT_KEY_ID: "subjectKeyIdentifier",
    KEY_USAGE: "keyUsage",
    SUBJECT_ALT_NAME: "subjectAltName",
    BASIC_CONSTRAINTS: "basicConstraints",
    NAME_CONSTRAINTS: "nameConstraints",
    CRL_DISTRIBUTION_POINTS: "cRLDistributionPoints",
    CERTIFICATE_POLICIES: "certificatePolicies",
    POLICY_MAPPINGS: "policyMappings",
    AUTHORITY_KEY_ID: "authorityKeyIdentifier",
    POLICY_CONSTRAINTS: "policyConstraints",
    EXTENDED_KEY_USAGE: "extKeyUsage",
    INHIBIT_ANY_POLICY: "inhibitAnyPolicy",
    AUTHORITY_INFO_ACCESS: "authorityInfoAccess",
}

DIGITAL_SIGNATURE: Final = 0x8000
NON_REPUDIATION: Final = 0x4000
KEY_ENCIPHERMENT: Final = 0x2000
DATA_ENCIPHERMENT: Final = 0x1000
KEY_AGREEMENT: Final = 0x0800
KEY_CERT_SIGN: Final = 0x0400
CRL_SIGN: Final = 0x0200
KEY_USAGE_BITS: Final = {
    DIGITAL_SIGNATURE: "digitalSignature",
    NON_REPUDIATION: "nonRepudiation",
    KEY_ENCIPHERMENT: "keyEncipherment",
    DATA_ENCIPHERMENT: "dataEncipherment",
    KEY_AGREEMENT: "keyAgreement",
    KEY_CERT_SIGN: "keyCertSign",
    CRL_SIGN: "cRLSign",
    0x0100: "encipherOnly",
    0x0080: "decipherOnly",
}

SERVER_AUTH: Final = "serverAuth"
CLIENT_AUTH: Final = "clientAuth"
OCSP_SIGNING: Final = "OCSPSigning"
ANY_PURPOSE: Final = "anyExtendedKeyUsage"
_PURPOSES: Final = {
    b"\x2b\x06\x01\x05\x05\x07\x03\x01": SERVER_AUTH,
    b"\x2b\x06\x01\x05\x05\x07\x03\x02": CLIENT_AUTH,
    b"\x2b\x06\x01\x05\x05\x07\x03\x03": "codeSigning",
    b"\x2b\x06\x01\x05\x05\x07\x03\x04": "emailProtection",
    b"\x2b\x06\x01\x05\x05\x07\x03\x08": "timeStamping",
    b"\x2b\x06\x01\x05\x05\x07\x03\x09": OCSP_SIGNING,
    b"\x55\x1d\x25\x00": ANY_PURPOSE,
}
_OCSP_ACCESS: Final = b"\x2b\x06\x01\x05\x05\x07\x30\x01"
EXTENSIONS_MAX: Final = 32
_PURPOSES_MAX: Final = 32
_GENERAL_NAMES_MAX: Final = 4096
_PATH_LENGTH_MAX: Final = 1000


class AuthorityKeyId(msgspec.Struct, frozen=True, gc=False):
    """What an authorityKeyIdentifier names (RFC 5280 §4.2.1.1)."""

    key_id: bytes | None
    has_issuer: bool
    has_serial: bool


class Extensions(msgspec.Struct, frozen=True, gc=False):
    """The extensions of a certificate: values of the known ones, and which stood there."""

    present: tuple[bytes, ...] = ()
    critical: tuple[bytes, ...] = ()
    key_usage: int | None = None
    is_ca: bool | None = None
    """None when there is no basicConstraints."""
    path_length: int | None = None
    has_explicit_ca_false: bool = False
    subject_key_id: bytes | None = None
    authority_key_id: AuthorityKeyId | None = None
    purposes: tuple[str, ...] | None = None
    alternative_names: bytes | None = None
    name_constraints: bytes | None = None
    access: bytes | None = None


NONE: Final = Extensions()


def parse(data: bytes, start: int, stop: int) -> Extensions:
    """The extensions in ``data[start:stop]``, the content of the explicit tag [3]."""
    inner, end = der.expect(data, start, stop, der.SEQUENCE)
    if end != stop or inner == end:
        raise DerError("extensions are not one SEQUENCE with content")
    found: dict[bytes, tuple[int, int]] = {}
    critical: list[bytes] = []
    while inner < end:
        oid, is_critical, value_start, inner = one(data, inner, end)
        if oid in found:
            raise DerError(f"duplicate extension {title(oid)}")
        found[oid] = (value_start, inner)
        if is_critical:
            critical.append(oid)
    if len(found) > EXTENSIONS_MAX:
        raise DerError(f"more than {EXTENSIONS_MAX} extensions")
    return _decoded(data, found, tuple(critical))


def title(oid: bytes) -> str:
    """The name of an extension, or its dotted OBJECT IDENTIFIER."""
    return TITLE.get(oid) or der.oid_text(oid)


def ocsp_addresses(extensions: Extensions) -> tuple[str, ...]:
    """The responder addresses a certificate claims; for display only, they are never called."""
    if extensions.access is None:
        return ()
    data = extensions.access
    start, stop = der.whole(data, der.SEQUENCE)
    found = []
    for _, _, inner, after in der.elements(data, start, stop, _GENERAL_NAMES_MAX):
        oid_start, oid_stop = der.expect(data, inner, after, der.OID)
        tag, at, _ = der.header(data, oid_stop, after)
        if data[oid_start:oid_stop] == _OCSP_ACCESS and tag == 0x86:
            found.append(data[at:after].decode("ascii", "backslashreplace"))
    return tuple(found)


def one(data: bytes, pos: int, end: int) -> tuple[bytes, bool, int, int]:
    """OID, criticality, start and stop of the value of the extension at `pos`."""
    return _usual(data, pos, end) or _any(data, pos, end)


def _usual(data: bytes, pos: int, end: int) -> tuple[bytes, bool, int, int] | None:
    """A known extension of short length; else None. It exists for speed alone."""
    if pos + 11 > end or data[pos] != 0x30 or data[pos + 2] != 0x06:
        return None
    stop, at = pos + 2 + data[pos + 1], pos + 4 + data[pos + 3]
    if stop > end or at + 5 > stop or data[pos + 1] >= 0x80 or data[pos + 3] >= 0x80:
        return None
    is_critical = data[at : at + 3] == b"\x01\x01\xff"
    if is_critical:
        at += 3
    oid = data[pos + 4 : pos + 4 + data[pos + 3]]
    if data[at] != 0x04 or data[at + 1] != stop - at - 2 or oid not in TITLE:
        return None
    return oid, is_critical, at + 2, stop


def _any(data: bytes, pos: int, end: int) -> tuple[bytes, bool, int, int]:
    header = der.header
    tag, start, stop = header(data, pos, end)
    oid_tag, oid_start, at = header(data, start, stop)
    if tag != 0x30 or oid_tag != 0x06:
        raise DerError("an extension is not a SEQUENCE that begins with its id")
    oid = data[oid_start:at]
    if oid not in TITLE:
        der.oid_text(oid)
    tag, inner, after = header(data, at, stop)
    is_critical = tag == 0x01
    if is_critical:
        if not der.boolean(data, inner, after):
            raise DerError("critical FALSE written out")
        tag, inner, after = header(data, after, stop)
    if tag != 0x04 or after != stop:
        raise DerError("an extension's value is not one OCTET STRING")
    return oid, is_critical, inner, stop


def _decoded(
    data: bytes, found: dict[bytes, tuple[int, int]], critical: tuple[bytes, ...]
) -> Extensions:
    is_ca, path_length, explicit = None, None, False
    if place := found.get(BASIC_CONSTRAINTS):
        is_ca, path_length, explicit = _basic_constraints(data, *place)
    for oid in _WALKED_ONLY:
        if place := found.get(oid):
            _walked(data, *place)
    return Extensions(
        tuple(found),
        critical,
        _key_usage(data, *place) if (place := found.get(KEY_USAGE)) else None,
        is_ca,
        path_length,
        explicit,
        _key_id(data, *place) if (place := found.get(SUBJECT_KEY_ID)) else None,
        _authority(data, *place) if (place := found.get(AUTHORITY_KEY_ID)) else None,
        _purposes(data, *place) if (place := found.get(EXTENDED_KEY_USAGE)) else None,
        _walked(data, *place) if (place := found.get(SUBJECT_ALT_NAME)) else None,
        _walked(data, *place) if (place := found.get(NAME_CONSTRAINTS)) else None,
        _access(data, *place) if (place := found.get(AUTHORITY_INFO_ACCESS)) else None,
    )


_WALKED_ONLY: Final = (
    CRL_DISTRIBUTION_POINTS,
    CERTIFICATE_POLICIES,
    POLICY_MAPPINGS,
    POLICY_CONSTRAINTS,
)


def _sole(data: bytes, start: int, stop: int, tag: int) -> tuple[int, int]:
    """Start and stop of the one element that the value is."""
    inner, after = der.expect(data, start, stop, tag)
    if after != stop:
        raise DerError("trailing bytes in an extension")
    return inner, after


def _walked(data: bytes, start: int, stop: int) -> bytes:
    inner, after = _sole(data, start, stop, der.SEQUENCE)
    if inner == after:
        raise DerError("an extension is an empty SEQUENCE")
    der.well_formed(data, inner, after)
    return data[start:stop]


def _key_usage(data: bytes, start: int, stop: int) -> int:
    inner, after = _sole(data, start, stop, der.BIT_STRING)
    return der.named_bits(data, inner, after)


def _key_id(data: bytes, start: int, stop: int) -> bytes:
    inner, after = _sole(data, start, stop, der.OCTET_STRING)
    if inner == after:
        raise DerError("an empty subjectKeyIdentifier")
    return data[inner:after]


def _basic_constraints(data: bytes, start: int, stop: int) -> tuple[bool, int | None, bool]:
    pos, end = _sole(data, start, stop, der.SEQUENCE)
    is_ca, explicit, path_length = False, False, None
    if pos < end and data[pos] == der.BOOLEAN:
        inner, pos = der.expect(data, pos, end, der.BOOLEAN)
        is_ca = der.boolean(data, inner, pos)
        explicit = not is_ca
    if pos < end:
        inner, pos = der.expect(data, pos, end, der.INTEGER)
        path_length = der.integer(data, inner, pos)
        if not is_ca or not 0 <= path_length <= _PATH_LENGTH_MAX:
            raise DerError("a path length that is negative, absurd, or on a certificate of no CA")
    if pos != end:
        raise DerError("trailing bytes in basicConstraints")
    return is_ca, path_length, explicit


def _authority(data: bytes, start: int, stop: int) -> AuthorityKeyId:
    pos, end = _sole(data, start, stop, der.SEQUENCE)
    if end - pos > 2 and data[pos] == 0x80 and data[pos + 1] == end - pos - 2 < 0x80:
        return AuthorityKeyId(data[pos + 2 : end], has_issuer=False, has_serial=False)
    key_id, previous, tags = None, 0, []
    for tag, _, inner, after in der.elements(data, pos, end, 3):
        if tag not in {0x80, 0xA1, 0x82} or tag & 0x1F < previous:
            raise DerError("authorityKeyIdentifier with an unknown or misplaced part")
        previous = (tag & 0x1F) + 1
        tags.append(tag)
        if tag == 0x80:
            key_id = data[inner:after]
        elif tag == 0xA1:
            der.well_formed(data, inner, after)
        else:
            der.integer(data, inner, after)
    return AuthorityKeyId(key_id, 0xA1 in tags, 0x82 in tags)


def _purposes(data: bytes, start: int, stop: int) -> tuple[str, ...]:
    pos, end = _sole(data, start, stop, der.SEQUENCE)
    found = []
    for tag, _, inner, after in der.elements(data, pos, end, _PURPOSES_MAX):
        if tag != der.OID:
            raise DerError("extKeyUsage is not a list of ids")
        oid = data[inner:after]
        found.append(_PURPOSES.get(oid) or der.oid_text(oid))
    if not found:
        raise DerError("an empty extKeyUsage")
    return tuple(found)


def _access(data: bytes, start: int, stop: int) -> bytes:
    pos, end = _sole(data, start, stop, der.SEQUENCE)
    if pos == end:
        raise DerError("an empty authorityInfoAccess")
    for tag, _, inner, after in der.elements(data, pos, end, _GENERAL_NAMES_MAX):
        if tag != der.SEQUENCE:
            raise DerError("authorityInfoAccess is not a list of descriptions")
        _, oid_stop = der.expect(data, inner, after, der.OID)
        place, _, last = der.header(data, oid_stop, after)
        if last != after or not place >= 0x80:
            raise DerError("an access description is not a method and a place")
    return data[start:stop]
