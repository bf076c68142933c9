"""Issuing certificates, CRLs and OCSP answers, for test PKIs and our own authorities (RFC 5280).

A ``Blank`` says what goes into a certificate; profiles are not enforced here, so that a test can
issue what must be refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pnc import algorithm
from pnc import extension as ext

Digest = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
PrivateKey = ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey

_NAME_OID: Final = {
    "CN": NameOID.COMMON_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "C": NameOID.COUNTRY_NAME,
    "DC": NameOID.DOMAIN_COMPONENT,
}
_PURPOSE_OID: Final = {
    ext.SERVER_AUTH: ExtendedKeyUsageOID.SERVER_AUTH,
    ext.CLIENT_AUTH: ExtendedKeyUsageOID.CLIENT_AUTH,
    ext.OCSP_SIGNING: ExtendedKeyUsageOID.OCSP_SIGNING,
    ext.ANY_PURPOSE: ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}
_CURVES: Final[Mapping[str, type[ec.EllipticCurve]]] = {
    algorithm.P256: ec.SECP256R1,
    algorithm.P384: ec.SECP384R1,
    algorithm.P521: ec.SECP521R1,
}
_DIGEST: Final[Mapping[str, type[Digest]]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}


class Blank(msgspec.Struct, frozen=True, kw_only=True):
    """What is written into a certificate; ``usage`` is a set of bits of ``pnc.extension``."""

    subject: tuple[tuple[str, str], ...]
    usage: int | None
    is_ca: bool | None
    path_length: int | None = None
    purposes: tuple[str, ...] = ()
    days: int
    key_kind: str = algorithm.P256
    is_critical: bool = True
    """Whether keyUsage and basicConstraints are."""
    ocsp_address: str | None = None
    extra: tuple[tuple[str, bool, bytes], ...] = ()
    """Further extensions: dotted id, critical, value."""


class Issued(msgspec.Struct, frozen=True):
    """A certificate with its key, as DER and unencrypted PKCS #8 PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"Issued({len(self.certificate)} bytes, key not shown)"


def new_key(kind: str) -> PrivateKey:
    """A fresh private key of the named kind."""
    if kind == algorithm.ED448:
        return ed448.Ed448PrivateKey.generate()
    return ec.generate_private_key(_CURVES[kind]())


def issue(
    blank: Blank, issuer: Issued | None, now: datetime, *, key: PrivateKey | None = None
) -> Issued:
    """A certificate for `blank`, signed by `issuer` or, as a root, by itself."""
    own = key or new_key(blank.key_kind)
    subject = _name(blank.subject)
    signer, signer_key = _signer(issuer)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.subject if signer else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=blank.days))
    )
    builder = _extended(builder, blank, own, signer)
    signing = signer_key or own
    certificate = builder.sign(signing, digest_of(signing))
    pem = own.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Issued(certificate.public_bytes(serialization.Encoding.DER), pem)


def load_key(pem: bytes) -> PrivateKey:
    """The private key in unencrypted PKCS #8 PEM."""
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey):
        raise TypeError("a key of a kind that nothing is issued with")
    return key


def digest_of(key: PrivateKey) -> Digest | None:
    """The digest that goes with the key: its curve's size, none for Ed448."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _DIGEST[key.curve.name]()
    return None


def crl(
    issuer: Issued,
    revoked: Iterable[tuple[int, datetime]],
    now: datetime,
    *,
    days: int = 7,
    number: int = 1,
) -> bytes:
    """The DER of a CRL of `issuer` over (serial number, revoked at) pairs (RFC 5280 §5)."""
    signer, key = _known(issuer)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.subject)
        .last_update(now)
        .next_update(now + timedelta(days=days))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_authority(signer), critical=False)
    )
    for serial, when in revoked:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(serial)
            .revocation_date(when)
            .add_extension(x509.CRLReason(x509.ReasonFlags.cessation_of_operation), critical=False)
        )
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(key, digest_of(key)).public_bytes(serialization.Encoding.DER)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an OCSP response shall say of one certificate."""

    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD
    revoked_at: datetime | None = None
    this_update: datetime
    next_update: datetime | None
    nonce: bytes | None = None


def ocsp_response(certificate: bytes, issuer: bytes, answer: Answer, responder: Issued) -> bytes:
    """The DER of an OCSP response by `responder`: the issuer itself or its delegate (RFC 6960)."""
    signer, key = _known(responder)
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=x509.load_der_x509_certificate(certificate),
            issuer=x509.load_der_x509_certificate(issuer),
            algorithm=hashes.SHA256(),
            cert_status=answer.status,
            this_update=answer.this_update,
            next_update=answer.next_update,
            revocation_time=answer.revoked_at,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, signer)
    )
    if responder.certificate != issuer:
        builder = builder.certificates([signer])
    if answer.nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(answer.nonce), critical=False)
    return builder.sign(key, digest_of(key)).public_bytes(serialization.Encoding.DER)


def _known(issuer: Issued) -> tuple[x509.Certificate, PrivateKey]:
    return x509.load_der_x509_certificate(issuer.certificate), load_key(issuer.key)


def _signer(issuer: Issued | None) -> tuple[x509.Certificate | None, PrivateKey | None]:
    return _known(issuer) if issuer else (None, None)


def _name(parts: tuple[tuple[str, str], ...]) -> x509.Name:
    return x509.Name([x509.NameAttribute(_NAME_OID[kind], value) for kind, value in parts])


def _authority(signer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    own = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)


def _extended(
    builder: x509.CertificateBuilder,
    blank: Blank,
    own: PrivateKey,
    signer: x509.Certificate | None,
) -> x509.CertificateBuilder:
    critical = blank.is_critical
    if blank.is_ca is not None:
        constraints = x509.BasicConstraints(ca=blank.is_ca, path_length=blank.path_length)
        builder = builder.add_extension(constraints, critical=critical)
    if blank.usage is not None:
        builder = builder.add_extension(_usage(blank.usage), critical=critical)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False
    )
    if signer is not None:
        builder = builder.add_extension(_authority(signer), critical=False)
    if blank.purposes:
        purposes = x509.ExtendedKeyUsage([_PURPOSE_OID[each] for each in blank.purposes])
        builder = builder.add_extension(purposes, critical=False)
    if blank.ocsp_address is not None:
        place = x509.UniformResourceIdentifier(blank.ocsp_address)
        description = x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.OCSP, place)
        builder = builder.add_extension(
            x509.AuthorityInformationAccess([description]), critical=False
        )
    for oid, is_critical, value in blank.extra:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
        builder = builder.add_extension(unknown, critical=is_critical)
    return builder


def _usage(bits: int) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=bool(bits & ext.DIGITAL_SIGNATURE),
        content_commitment=bool(bits & ext.NON_REPUDIATION),
        key_encipherment=bool(bits & ext.KEY_ENCIPHERMENT),
        data_encipherment=bool(bits & ext.DATA_ENCIPHERMENT),
        key_agreement=bool(bits & ext.KEY_AGREEMENT),
        key_cert_sign=bool(bits & ext.KEY_CERT_SIGN),
        crl_sign=bool(bits & ext.CRL_SIGN),
        encipher_only=False,
        decipher_only=False,
    )
