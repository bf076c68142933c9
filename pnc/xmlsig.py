"""Signatures of certificate installations (ISO 15118-2 §7.9.2, Annex J).

XML signature in shape only: each signed element is digested as its EXI fragment, and SignedInfo is
signed as the fragment that the schema of XML signatures alone makes of it. Some coders make that
fragment inside the schema set of the messages, so verifying tries this second.

What is judged here is the signature, under the key of the certificate in the message. That this
certificate is to be believed is for ``pnc.chain.verify`` to say, and comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from pnc import algorithm, certificate, exi, signature
from pnc.certificate import Certificate
from pnc.errors import DerError, ExiError
from pnc.exi import edition2
from pnc.exi.document import Root
from pnc.exi.message import (
    Message,
    Method,
    Reference,
    Signature,
    SignatureValue,
    SignedInfo,
    Transforms,
)
from pnc.verdict import Refusal

CANONICAL_EXI: Final = "http://www.w3.org/TR/canonical-exi/"


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of key signs with."""

    signature_method: str
    digest_method: str
    digest: Callable[[bytes], bytes]
    algorithm: str
    """The same algorithm by its name in certificates."""
    integer_octets: int
    """The signature value is r and s, each so many octets, without DER."""


class Element(msgspec.Struct, frozen=True):
    """An element that must be signed: its fragment's root, its Id, its value."""

    root: Root
    id: str | None
    value: object


def _sha256(data: bytes) -> bytes:
    return sha256(data).digest()


SUITES: Final[Mapping[str, Suite]] = {
    algorithm.P256: Suite(
        signature_method="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        digest_method="http://www.w3.org/2001/04/xmlenc#sha256",
        digest=_sha256,
        algorithm=algorithm.ECDSA_SHA256,
        integer_octets=32,
    ),
}
"""By kind of key; ISO 15118-2 has one."""
READINGS: Final = (edition2.SIGNED_INFO, edition2.SIGNED_INFO_INSIDE)
"""The fragments of SignedInfo that signatures are found over; we sign the first."""
NO_REQUEST: Final = Refusal("parse", "the message", "it is no CertificateInstallationReq")
NO_RESPONSE: Final = Refusal("parse", "the message", "it is no CertificateInstallationRes")


def verify_request(message: Message) -> Refusal | None:
    """Why the signature of a CertificateInstallationReq does not stand, or None when it does.

    The key is that of the provisioning certificate in it; validate its chain first.
    """
    request = message.body.request
    if request is None:
        return NO_REQUEST
    return _verify(message, request.provisioning_certificate)


def verify_response(message: Message) -> Refusal | None:
    """Why the signature of a CertificateInstallationRes does not stand, or None when it does.

    The key is that of the provisioning service's leaf in it; validate its chain first.
    """
    response = message.body.response
    if response is None:
        return NO_RESPONSE
    return _verify(message, response.provisioning_service_chain.certificate)


def sign(message: Message, key: ec.EllipticCurvePrivateKey) -> Message:
    """The message with a signature over all that must be signed in it, by a P-256 key."""
    suite = SUITES[algorithm.P256]
    if key.curve.name != "secp256r1":
        raise ExiError(f"a key on {key.curve.name} does not sign messages of ISO 15118-2")
    once = Transforms(transforms=(Method(algorithm=CANONICAL_EXI),))
    info = SignedInfo(
        canonicalization_method=Method(algorithm=CANONICAL_EXI),
        signature_method=Method(algorithm=suite.signature_method),
        references=tuple(
            Reference(
                uri=f"#{each.id}",
                transforms=once,
                digest_method=Method(algorithm=suite.digest_method),
                digest_value=suite.digest(exi.fragment(each.root, each.value)),
            )
            for each in _elements(message)
        ),
    )
    signed = key.sign(exi.fragment(READINGS[0], info), ec.ECDSA(hashes.SHA256()))
    octets = [n.to_bytes(suite.integer_octets, "big") for n in utils.decode_dss_signature(signed)]
    made = Signature(signed_info=info, signature_value=SignatureValue(value=b"".join(octets)))
    header = msgspec.structs.replace(message.header, signature=made)
    return msgspec.structs.replace(message, header=header)


def _elements(message: Message) -> tuple[Element, ...]:
    """What must be signed in a message, in the order of the document."""
    request, response = message.body.request, message.body.response
    if request is not None:
        return (Element(edition2.REQUEST, request.id, request),)
    if response is None:
        return ()
    chain, key = response.contract_chain, response.encrypted_private_key
    public, emaid = response.dh_public_key, response.emaid
    return (
        Element(edition2.CONTRACT_CHAIN, chain.id, chain),
        Element(edition2.PRIVATE_KEY, key.id, key),
        Element(edition2.PUBLIC_KEY, public.id, public),
        Element(edition2.EMAID, emaid.id, emaid),
    )


def _verify(message: Message, signer_der: bytes) -> Refusal | None:
    try:
        signer = certificate.parse(signer_der)
    except DerError as error:
        return Refusal("parse", "the certificate that signs", str(error))
    suite = SUITES.get(signer.key.kind)
    if suite is None:
        reason = f"a key of kind {signer.key.kind} does not sign messages of ISO 15118-2"
        return Refusal("algorithm", signer.subject_text, reason)
    signed = message.header.signature
    if signed is None:
        return _refused(signer, "the message is not signed")
    try:
        fault = next(_faults(signed, signer, _elements(message), suite), None)
    except ExiError as error:
        fault = f"it cannot be digested: {error}"
    return None if fault is None else _refused(signer, fault)


def _refused(signer: Certificate, reason: str) -> Refusal:
    return Refusal("signature", signer.subject_text, reason, "SignatureError")


def _faults(
    signed: Signature, signer: Certificate, elements: tuple[Element, ...], suite: Suite
) -> Iterator[str]:
    """What is wrong, the cheap checks first; each may rely on those before it having passed."""
    references = signed.signed_info.references
    yield from _forbidden(signed, suite)
    for each in references:
        yield from _forbidden_in(each, suite)
    yield from _unreferenced(references, elements)
    digests = {each.uri: each.digest_value for each in references}
    for element in elements:
        if digests[f"#{element.id}"] != suite.digest(exi.fragment(element.root, element.value)):
            yield f"the digest of {element.root.name} is another"
    if not _is_signed(signed, signer, suite):
        yield "the signature does not verify"


def _forbidden(signed: Signature, suite: Suite) -> Iterator[str]:
    """Algorithms and attributes that are not those of ISO 15118-2 ([V2G2-771])."""
    info = signed.signed_info
    if info.id is not None or signed.signature_value.id is not None:
        yield "SignedInfo or SignatureValue has an Id"
    if info.canonicalization_method.algorithm != CANONICAL_EXI:
        yield f"canonicalization {info.canonicalization_method.algorithm!r} is not allowed"
    if info.signature_method.algorithm != suite.signature_method:
        yield f"signature method {info.signature_method.algorithm!r} is not allowed"
    length, octets = len(signed.signature_value.value), 2 * suite.integer_octets
    if length != octets:
        yield f"a signature of {length} octets instead of {octets}"


def _forbidden_in(each: Reference, suite: Suite) -> Iterator[str]:
    methods = each.transforms.transforms if each.transforms else ()
    if each.id is not None or each.type is not None:
        yield f"reference {each.uri!r} has an Id or a Type"
    if [method.algorithm for method in methods] != [CANONICAL_EXI]:
        yield f"reference {each.uri!r} is not transformed by canonical EXI alone"
    if each.digest_method.algorithm != suite.digest_method:
        yield f"digest method {each.digest_method.algorithm!r} is not allowed"


def _unreferenced(
    references: tuple[Reference, ...], elements: tuple[Element, ...]
) -> Iterator[str]:
    """References are in any order, and each element that must be signed has exactly one."""
    uris = {each.uri for each in references}
    if len(uris) != len(references):
        yield "two references to the same element"
    expected = {f"#{each.id}": each for each in elements if each.id}
    if len(expected) != len(elements):
        yield "an element that must be signed has no Id of its own"
    for reference in references:
        if reference.uri not in expected:
            yield f"a reference to {reference.uri!r}, which is not to be signed"
    for uri, each in expected.items():
        if uri not in uris:
            yield f"{each.root.name} is not signed"


def _is_signed(signed: Signature, signer: Certificate, suite: Suite) -> bool:
    value, octets = signed.signature_value.value, suite.integer_octets
    r, s = int.from_bytes(value[:octets], "big"), int.from_bytes(value[octets:], "big")
    key, der = signature.load(signer.key), utils.encode_dss_signature(r, s)
    return key is not None and any(
        signature.is_valid(key, suite.algorithm, exi.fragment(reading, signed.signed_info), der)
        for reading in READINGS
    )
