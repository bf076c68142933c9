"""OCSP answers (RFC 6960): read strictly; signer, freshness and subject are judged here.

An answer counts only when it is signed by the CA that issued the certificate, or by a delegate
which that CA certified for OCSPSigning, names this certificate, and is fresh.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from pnc import certificate as x509
from pnc import der, signature
from pnc import extension as ext
from pnc.certificate import Certificate
from pnc.errors import DerError
from pnc.policy import Policy

BYTES_MAX: Final = 16 * 1024
_BASIC: Final = bytes.fromhex("2b0601050507300101")
_NONCE: Final = bytes.fromhex("2b0601050507300102")
_DIGESTS: Final = {
    bytes.fromhex("2b0e03021a"): "sha1",
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
_REFUSALS: Final = {
    1: "malformedRequest",
    2: "internalError",
    3: "tryLater",
    5: "sigRequired",
    6: "unauthorized",
}
_ANSWERS_MAX: Final = 64
_CERTIFICATES_MAX: Final = 4
_EXTENSIONS_MAX: Final = 16

Standing = Literal["good", "revoked", "unknown"]


class CertId(msgspec.Struct, frozen=True):
    """What an answer is about (RFC 6960 §4.1.1)."""

    digest: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The status of one certificate."""

    cert_id: CertId
    standing: Standing
    revoked_at: datetime | None
    this_update: datetime
    next_update: datetime | None
    defect: str | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A response as read; an unsuccessful one has a ``refusal`` and no answers."""

    refusal: str | None = None
    tbs: bytes = b""
    signature_algorithm: str = ""
    signature: bytes = b""
    responder_name: bytes | None = None
    responder_key_hash: bytes | None = None
    produced_at: datetime | None = None
    answers: tuple[Answer, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    nonce: bytes | None = None
    defect: str | None = None
    fingerprint: bytes = b""


def cert_id(certificate: Certificate, issuer: Certificate, digest: str = "sha256") -> CertId:
    """How OCSP names `certificate` of `issuer`; also the hash data of OCPP 2.0.1."""
    return CertId(
        digest,
        hashlib.new(digest, issuer.subject, usedforsecurity=False).digest(),
        hashlib.new(digest, issuer.key.bits, usedforsecurity=False).digest(),
        certificate.serial,
    )


def is_about(answer: Answer, certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the answer is about this certificate of this issuer."""
    if answer.cert_id.serial != certificate.serial:
        return False
    return answer.cert_id == cert_id(certificate, issuer, answer.cert_id.digest)


def staleness(answer: Answer, now: datetime, age_max: timedelta) -> str | None:
    """Why the answer does not speak for `now` (RFC 6960 §4.2.2.1)."""
    if answer.defect is not None:
        return answer.defect
    if now < answer.this_update:
        return f"the OCSP answer begins to hold at {answer.this_update.isoformat()}"
    if answer.next_update is None:
        return "the OCSP answer names no next update"
    if now >= answer.next_update:
        return f"the OCSP answer was due for renewal at {answer.next_update.isoformat()}"
    if now - answer.this_update > age_max:
        return f"the OCSP answer is older than {age_max}"
    return None


def signer_defect(
    response: Response, issuer: Certificate, policy: Policy, now: datetime
) -> tuple[str | None, datetime | None]:
    """Why the response is not signed by `issuer` or its delegate; until when the delegate lives."""
    if response.defect is not None:
        return response.defect, None
    if _is_responder(response, issuer):
        return _signature_defect(response, issuer, policy), None
    delegates = [found for found in response.certificates if _is_responder(response, found)]
    if not delegates:
        return "the OCSP response is signed by a stranger", None
    delegate = delegates[0]
    reason = _delegate_defect(delegate, issuer, policy, now)
    return reason or _signature_defect(response, delegate, policy), delegate.not_after


def _is_responder(response: Response, certificate: Certificate) -> bool:
    if response.responder_name is not None:
        return response.responder_name == certificate.subject
    digest = hashlib.sha1(certificate.key.bits, usedforsecurity=False).digest()
    return response.responder_key_hash == digest


def _signature_defect(response: Response, signer: Certificate, policy: Policy) -> str | None:
    if (response.signature_algorithm, signer.key.kind) not in policy.signatures:
        return f"the OCSP response is signed with {response.signature_algorithm}"
    key = signature.load(signer.key)
    if key is None or not signature.is_valid(
        key, response.signature_algorithm, response.tbs, response.signature
    ):
        return f"the OCSP response's signature does not verify under {signer.subject_text}"
    return None


def _delegate_defect(
    delegate: Certificate, issuer: Certificate, policy: Policy, now: datetime
) -> str | None:
    who = f"the OCSP signer {delegate.subject_text}"
    usage, purposes = delegate.extensions.key_usage, delegate.extensions.purposes or ()
    if ext.OCSP_SIGNING not in purposes:
        return f"{who} lacks the purpose OCSPSigning"
    if not delegate.not_before <= now <= delegate.not_after:
        return f"{who} is not valid now"
    may_sign = usage is None or usage & (ext.DIGITAL_SIGNATURE | ext.NON_REPUDIATION)
    if delegate.key.kind not in policy.keys or not may_sign:
        return f"{who} may not sign, or not with a key of kind {delegate.key.kind}"
    if any(oid not in _DELEGATE_UNDERSTOOD for oid in delegate.extensions.critical):
        return f"{who} has an unknown critical extension"
    if delegate.issuer != issuer.subject or not _is_certified(delegate, issuer, policy):
        return f"{who} is not certified by the key of {issuer.subject_text}"
    return None


def _is_certified(delegate: Certificate, issuer: Certificate, policy: Policy) -> bool:
    key = signature.load(issuer.key)
    return (
        key is not None
        and (delegate.signature_algorithm, issuer.key.kind) in policy.signatures
        and signature.is_valid(key, delegate.signature_algorithm, delegate.tbs, delegate.signature)
    )


_DELEGATE_UNDERSTOOD: Final = frozenset(
    {ext.KEY_USAGE, ext.BASIC_CONSTRAINTS, ext.EXTENDED_KEY_USAGE}
)


def parse(data: bytes) -> Response:
    """The response that `data` is, or DerError (RFC 6960 §4.2.1)."""
    if len(data) > BYTES_MAX:
        raise DerError(f"an OCSP response of {len(data)} bytes, at most {BYTES_MAX} are read")
    start, end = der.whole(data, der.SEQUENCE)
    status_start, pos = der.expect(data, start, end, der.ENUMERATED)
    status = der.integer(data, status_start, pos)
    if status != 0:
        if status not in _REFUSALS or pos != end:
            raise DerError("an OCSP response of unknown status")
        return Response(refusal=_REFUSALS[status], fingerprint=hashlib.sha256(data).digest())
    start, stop = der.expect(data, pos, end, 0xA0)
    inner, after = der.expect(data, start, stop, der.SEQUENCE)
    kind_start, kind_stop = der.expect(data, inner, after, der.OID)
    body_start, body_stop = der.expect(data, kind_stop, after, der.OCTET_STRING)
    if stop != end or after != stop or body_stop != after:
        raise DerError("trailing bytes in an OCSP response")
    if data[kind_start:kind_stop] != _BASIC:
        raise DerError("an OCSP response that is not basic")
    return _basic(data, body_start, body_stop)


def _basic(data: bytes, pos: int, end: int) -> Response:
    start, stop = der.expect(data, pos, end, der.SEQUENCE)
    tbs_start, tbs_stop = der.expect(data, start, stop, der.SEQUENCE)
    _, algorithm_stop = der.expect(data, tbs_stop, stop, der.SEQUENCE)
    bits_start, bits_stop = der.expect(data, algorithm_stop, stop, der.BIT_STRING)
    if stop != end:
        raise DerError("trailing bytes in an OCSP response")
    by_name, by_key, produced_at, after = _responder(data, tbs_start, tbs_stop)
    list_start, list_stop = der.expect(data, after, tbs_stop, der.SEQUENCE)
    listed = der.elements(data, list_start, list_stop, _ANSWERS_MAX)
    nonce, defect = _response_extensions(data, list_stop, tbs_stop, 0xA1)
    return Response(
        tbs=data[start:tbs_stop],
        signature_algorithm=x509.signature_name(data[tbs_stop:algorithm_stop]),
        signature=data[der.octet_aligned_bits(data, bits_start, bits_stop) : bits_stop],
        responder_name=by_name,
        responder_key_hash=by_key,
        produced_at=produced_at,
        answers=tuple(_answer(data, at, list_stop) for _, at, _, _ in listed),
        certificates=_certificates(data, bits_stop, stop),
        nonce=nonce,
        defect=defect,
        fingerprint=hashlib.sha256(data).digest(),
    )


def _responder(data: bytes, pos: int, end: int) -> tuple[bytes | None, bytes | None, datetime, int]:
    tag, start, after = der.header(data, pos, end)
    if tag == 0xA0:
        raise DerError("an OCSP response that is not v1")
    by_name = by_key = None
    if tag == 0xA1:
        _, stop = der.expect(data, start, after, der.SEQUENCE)
        by_name = data[start:stop]
    elif tag == 0xA2:
        key_start, stop = der.expect(data, start, after, der.OCTET_STRING)
        by_key = data[key_start:stop]
    else:
        raise DerError("an OCSP response without responder")
    if stop != after:
        raise DerError("trailing bytes in a responder id")
    time_start, time_stop = der.expect(data, after, end, der.GENERALIZED_TIME)
    produced_at = der.time(data, der.GENERALIZED_TIME, time_start, time_stop)
    return by_name, by_key, produced_at, time_stop


def _answer(data: bytes, pos: int, end: int) -> Answer:
    start, stop = der.expect(data, pos, end, der.SEQUENCE)
    id_start, id_stop = der.expect(data, start, stop, der.SEQUENCE)
    tag, status_start, status_stop = der.header(data, id_stop, stop)
    standing, revoked_at = _standing(data, tag, status_start, status_stop)
    time_start, after = der.expect(data, status_stop, stop, der.GENERALIZED_TIME)
    this_update = der.time(data, der.GENERALIZED_TIME, time_start, after)
    next_update = None
    if after < stop and data[after] == 0xA0:
        inner, outer = der.expect(data, after, stop, 0xA0)
        time_start, time_stop = der.expect(data, inner, outer, der.GENERALIZED_TIME)
        next_update = der.time(data, der.GENERALIZED_TIME, time_start, time_stop)
        if time_stop != outer:
            raise DerError("trailing bytes in an OCSP answer")
        after = outer
    _, defect = _response_extensions(data, after, stop, 0xA1)
    return Answer(
        cert_id=_cert_id(data, id_start, id_stop),
        standing=standing,
        revoked_at=revoked_at,
        this_update=this_update,
        next_update=next_update,
        defect=defect,
    )


def _standing(data: bytes, tag: int, start: int, stop: int) -> tuple[Standing, datetime | None]:
    if tag == 0x80 and start == stop:
        return "good", None
    if tag == 0x82 and start == stop:
        return "unknown", None
    if tag != 0xA1:
        raise DerError("an OCSP answer of unknown status")
    time_start, time_stop = der.expect(data, start, stop, der.GENERALIZED_TIME)
    if time_stop < stop:
        inner, outer = der.expect(data, time_stop, stop, 0xA0)
        _, reason_stop = der.expect(data, inner, outer, der.ENUMERATED)
        if outer != stop or reason_stop != outer:
            raise DerError("trailing bytes in an OCSP answer")
    return "revoked", der.time(data, der.GENERALIZED_TIME, time_start, time_stop)


def _cert_id(data: bytes, start: int, stop: int) -> CertId:
    algorithm_start, after = der.expect(data, start, stop, der.SEQUENCE)
    oid_start, oid_stop = der.expect(data, algorithm_start, after, der.OID)
    name_start, name_stop = der.expect(data, after, stop, der.OCTET_STRING)
    key_start, key_stop = der.expect(data, name_stop, stop, der.OCTET_STRING)
    serial_start, serial_stop = der.expect(data, key_stop, stop, der.INTEGER)
    if serial_stop != stop or data[oid_stop:after] not in {b"", b"\x05\x00"}:
        raise DerError("a malformed certificate id")
    digest = _DIGESTS.get(data[oid_start:oid_stop])
    if digest is None:
        raise DerError("a certificate id of unknown digest")
    serial = der.integer(data, serial_start, serial_stop)
    return CertId(digest, data[name_start:name_stop], data[key_start:key_stop], serial)


def _response_extensions(
    data: bytes, pos: int, end: int, tag: int
) -> tuple[bytes | None, str | None]:
    """The nonce, and the first defect that the extensions show."""
    if pos == end:
        return None, None
    start, stop = der.expect(data, pos, end, tag)
    inner, after = der.expect(data, start, stop, der.SEQUENCE)
    if stop != end or after != stop:
        raise DerError("trailing bytes in an OCSP response")
    nonce, defect = None, None
    for _, at, _, _ in der.elements(data, inner, after, _EXTENSIONS_MAX):
        oid, is_critical, value_start, value_stop = ext.one(data, at, after)
        if oid == _NONCE:
            nonce = data[value_start:value_stop]
            if nonce[:1] == b"\x04":
                nonce = nonce[slice(*der.whole(nonce, der.OCTET_STRING))]
        elif is_critical:
            defect = f"an OCSP response with critical extension {der.oid_text(oid)}"
    return nonce, defect


def _certificates(data: bytes, pos: int, end: int) -> tuple[Certificate, ...]:
    if pos == end:
        return ()
    start, stop = der.expect(data, pos, end, 0xA0)
    inner, after = der.expect(data, start, stop, der.SEQUENCE)
    if stop != end or after != stop:
        raise DerError("trailing bytes in an OCSP response")
    listed = der.elements(data, inner, after, _CERTIFICATES_MAX)
    return tuple(x509.parse(data[at:last]) for _, at, _, last in listed)


def nonce_defect(response: Response, sent: bytes) -> str | None:
    """Why the response is not the one to our own request (RFC 9654)."""
    if response.nonce is None:
        return "the OCSP response lacks the nonce that was sent"
    if not hmac.compare_digest(response.nonce, sent):
        return "the OCSP response carries another nonce than the one sent"
    return None


def request(about: CertId, nonce: bytes | None = None) -> bytes:
    """The DER of an OCSP request about one certificate (RFC 6960 §4.1)."""
    digest = next(oid for oid, name in _DIGESTS.items() if name == about.digest)
    serial = about.serial.to_bytes(about.serial.bit_length() // 8 + 1, "big", signed=True)
    wanted = _tlv(
        der.SEQUENCE,
        _tlv(der.SEQUENCE, _tlv(der.OID, digest) + b"\x05\x00"),
        _tlv(der.OCTET_STRING, about.issuer_name_hash),
        _tlv(der.OCTET_STRING, about.issuer_key_hash),
        _tlv(der.INTEGER, serial),
    )
    listed = _tlv(der.SEQUENCE, _tlv(der.SEQUENCE, wanted))
    if nonce is not None:
        value = _tlv(der.OCTET_STRING, _tlv(der.OCTET_STRING, nonce))
        extension = _tlv(der.SEQUENCE, _tlv(der.OID, _NONCE), value)
        listed += _tlv(0xA2, _tlv(der.SEQUENCE, extension))
    return _tlv(der.SEQUENCE, _tlv(der.SEQUENCE, listed))


def _tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content
