"""Reading an X.509 certificate (RFC 5280 §4.1) with a strict, bounded walker of our own.

The walker reads every field once, by offsets. It says what a certificate *is*; whether that is
acceptable is said by ``pnc.profile`` and ``pnc.chain``. The one deviation from DER that is read
nevertheless, ``cA=FALSE`` written out, is kept in ``deviations`` and refused there unless a
tolerance names it.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from pnc import algorithm, der, extension, name
from pnc.errors import DerError

CERTIFICATE_BYTES_MAX: Final = 8192
_SERIAL_BYTES_MAX: Final = 64

EXPLICIT_CA_FALSE: Final = "explicit-ca-false"
EARLY_GENERALIZED_TIME: Final = "early-generalized-time"


class PublicKey(msgspec.Struct, frozen=True, gc=False):
    """A subject's public key; ``kind`` is ``P-256``, ``RSA-2048``, … or a dotted algorithm."""

    kind: str
    bits: bytes
    """The content of subjectPublicKey: the point, or the RSA key."""
    spki: bytes


class Certificate(msgspec.Struct, frozen=True, gc=False):
    """All fields of a certificate; names are kept as DER beside their attributes."""

    der: bytes
    tbs: bytes
    version: int
    serial: int
    signature_algorithm: str
    signature: bytes
    issuer: bytes
    subject: bytes
    issuer_attributes: tuple[name.Attribute, ...]
    subject_attributes: tuple[name.Attribute, ...]
    not_before: datetime
    not_after: datetime
    key: PublicKey
    extensions: extension.Extensions
    deviations: tuple[str, ...]

    @property
    def is_self_issued(self) -> bool:
        return self.subject == self.issuer

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the whole certificate."""
        return sha256(self.der).digest()

    @property
    def subject_text(self) -> str:
        return name.text(self.subject_attributes) or "(empty subject)"

    @property
    def issuer_text(self) -> str:
        return name.text(self.issuer_attributes) or "(empty issuer)"

    @property
    def common_names(self) -> tuple[str, ...]:
        return name.values(self.subject_attributes, name.COMMON_NAME)

    @property
    def domain_components(self) -> tuple[str, ...]:
        return name.values(self.subject_attributes, name.DOMAIN_COMPONENT)


def parse(data: bytes, *, bytes_max: int = CERTIFICATE_BYTES_MAX) -> Certificate:
    """The certificate that `data` is, or DerError (RFC 5280 §4.1, X.690 §10)."""
    if len(data) > bytes_max:
        raise DerError(f"a certificate of {len(data)} bytes, at most {bytes_max} are read")
    header = der.header
    start, end = der.whole(data, 0x30)
    tag, pos, tbs_end = header(data, start, end)
    if tag != 0x30:
        raise DerError("no TBSCertificate")
    tbs = data[start:tbs_end]
    version, pos = _version(data, pos, tbs_end)
    serial_start, serial_end = der.expect(data, pos, tbs_end, der.INTEGER)
    if serial_end - serial_start > _SERIAL_BYTES_MAX:
        raise DerError("a serial number of absurd length")
    serial = der.integer(data, serial_start, serial_end)
    _, inner_end = der.expect(data, serial_end, tbs_end, der.SEQUENCE)
    _, issuer_end = der.expect(data, inner_end, tbs_end, der.SEQUENCE)
    not_before, not_after, dates_end, early = _validity(data, issuer_end, tbs_end)
    _, subject_end = der.expect(data, dates_end, tbs_end, der.SEQUENCE)
    key, pos = _public_key(data, subject_end, tbs_end)
    extensions, deviations = _extensions(data, pos, tbs_end, version)
    _, outer_end = der.expect(data, tbs_end, end, der.SEQUENCE)
    inner = data[serial_end:inner_end]
    if inner != data[tbs_end:outer_end]:
        raise DerError("the signature algorithm inside differs from the one outside")
    bits_start, bits_end = der.expect(data, outer_end, end, der.BIT_STRING)
    if bits_end != end:
        raise DerError("trailing bytes")
    issuer, subject = data[inner_end:issuer_end], data[dates_end:subject_end]
    if early:
        deviations = (*deviations, EARLY_GENERALIZED_TIME)
    return Certificate(
        data,
        tbs,
        version,
        serial,
        signature_name(inner),
        data[der.octet_aligned_bits(data, bits_start, bits_end) : bits_end],
        issuer,
        subject,
        name.parse(issuer),
        name.parse(subject),
        not_before,
        not_after,
        key,
        extensions,
        deviations,
    )


def signature_name(algorithm_der: bytes) -> str:
    """The name of a signature AlgorithmIdentifier, or its dotted form when it is not known."""
    known = algorithm.SIGNATURES.get(algorithm_der)
    if known is not None:
        return known.name
    start, stop = der.whole(algorithm_der, der.SEQUENCE)
    oid_start, oid_stop = der.expect(algorithm_der, start, stop, der.OID)
    der.well_formed(algorithm_der, oid_stop, stop)
    return der.oid_text(algorithm_der[oid_start:oid_stop])


def _version(data: bytes, pos: int, end: int) -> tuple[int, int]:
    """The version as people count it, and what follows; v1 is the DEFAULT and never written."""
    tag, start, stop = der.header(data, pos, end)
    if tag != 0xA0:
        return 1, pos
    inner_start, inner_stop = der.expect(data, start, stop, der.INTEGER)
    if inner_stop != stop or inner_stop - inner_start != 1 or data[inner_start] not in {1, 2}:
        raise DerError("the version is neither v2 nor v3")
    return data[inner_start] + 1, stop


def _validity(data: bytes, pos: int, end: int) -> tuple[datetime, datetime, int, bool]:
    start, stop = der.expect(data, pos, end, der.SEQUENCE)
    first_tag, at, middle = der.header(data, start, stop)
    not_before = der.time(data, first_tag, at, middle)
    second_tag, at, after = der.header(data, middle, stop)
    not_after = der.time(data, second_tag, at, after)
    if after != stop:
        raise DerError("a validity is two times")
    early = (first_tag == der.GENERALIZED_TIME and not_before.year < 2050) or (
        second_tag == der.GENERALIZED_TIME and not_after.year < 2050
    )
    return not_before, not_after, stop, early


def _public_key(data: bytes, pos: int, end: int) -> tuple[PublicKey, int]:
    start, stop = der.expect(data, pos, end, der.SEQUENCE)
    _, algorithm_end = der.expect(data, start, stop, der.SEQUENCE)
    bits_start, bits_end = der.expect(data, algorithm_end, stop, der.BIT_STRING)
    if bits_end != stop:
        raise DerError("a public key is an algorithm and bits")
    bits = data[der.octet_aligned_bits(data, bits_start, bits_end) : bits_end]
    kind = _key_kind(data[start:algorithm_end], bits)
    return PublicKey(kind, bits, data[pos:stop]), stop


def _key_kind(algorithm_der: bytes, bits: bytes) -> str:
    kind = algorithm.KEYS.get(algorithm_der)
    if kind in algorithm.CURVES:
        if not algorithm.is_on_curve(kind, bits):
            raise DerError(f"the public key is not an uncompressed point of {kind}")
        return kind
    if kind is not None:
        if len(bits) != algorithm.ED448_KEY_OCTETS:
            raise DerError("an Ed448 key has 57 octets")
        return kind
    if algorithm_der == algorithm.RSA_KEY:
        return _rsa_kind(bits)
    start, stop = der.whole(algorithm_der, der.SEQUENCE)
    oid_start, oid_stop = der.expect(algorithm_der, start, stop, der.OID)
    der.well_formed(algorithm_der, oid_stop, stop)
    if algorithm_der[start:oid_stop] != algorithm.EC_PUBLIC_KEY:
        return der.oid_text(algorithm_der[oid_start:oid_stop])
    if oid_stop == stop or algorithm_der[oid_stop] != der.OID:
        return "EC with explicit parameters"
    curve_start, curve_stop = der.expect(algorithm_der, oid_stop, stop, der.OID)
    return der.oid_text(algorithm_der[curve_start:curve_stop])


def _rsa_kind(bits: bytes) -> str:
    start, stop = der.whole(bits, der.SEQUENCE)
    modulus_start, modulus_stop = der.expect(bits, start, stop, der.INTEGER)
    modulus = der.integer(bits, modulus_start, modulus_stop)
    exponent_start, exponent_stop = der.expect(bits, modulus_stop, stop, der.INTEGER)
    exponent = der.integer(bits, exponent_start, exponent_stop)
    if exponent_stop != stop or modulus <= 0 or exponent < 3 or exponent % 2 == 0:
        raise DerError("a malformed RSA key")
    return f"RSA-{modulus.bit_length()}"


def _extensions(
    data: bytes, pos: int, end: int, version: int
) -> tuple[extension.Extensions, tuple[str, ...]]:
    if pos == end:
        return extension.NONE, ()
    if version != 3:
        raise DerError("extensions or unique ids in a certificate that is not v3")
    start, stop = der.expect(data, pos, end, 0xA3)
    if stop != end:
        raise DerError("trailing bytes in TBSCertificate")
    found = extension.parse(data, start, stop)
    return found, (EXPLICIT_CA_FALSE,) if found.has_explicit_ca_false else ()
