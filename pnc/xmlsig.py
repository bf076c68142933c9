"""Signatures of certificate installations (ISO 15118-2 §7.9.2, Annex J; ISO 15118-20).

XML signature in shape only: each signed element is digested as its EXI fragment, and SignedInfo is
signed as the fragment that the schema of XML signatures alone makes of it. Some coders make that
fragment inside the schema set of the messages, so verifying tries this second.

What is judged here is the signature, under the key of the certificate in the message. That this
certificate is to be believed is for ``pnc.chain.verify`` to say, and comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed448, utils

from pnc import algorithm, certificate, exi, signature
from pnc.certificate import Certificate
from pnc.errors import DerError, ExiError
from pnc.exi import message20
from pnc.exi.message import (
    Message,
    Method,
    Reference,
    Signature,
    SignatureValue,
    SignedInfo,
    Transforms,
)
from pnc.issue import PrivateKey
from pnc.signed import AnyMessage, Edition, Element, Opened, Suite, open_message
from pnc.verdict import Refusal

M = TypeVar("M", Message, message20.InstallationRequest, message20.InstallationResponse)
_KINDS: Final = {"secp256r1": algorithm.P256, "secp521r1": algorithm.P521}
CANONICAL_EXI: Final = "http://www.w3.org/TR/canonical-exi/"


NO_REQUEST: Final = Refusal("parse", "the message", "it is no CertificateInstallationReq")
NO_RESPONSE: Final = Refusal("parse", "the message", "it is no CertificateInstallationRes")


def verify_request(message: AnyMessage) -> Refusal | None:
    """Why the signature of a CertificateInstallationReq does not stand, or None when it does.

    The key is that of the provisioning certificate in it; validate its chain first.
    """
    opened = open_message(message)
    return _verify(opened) if opened is not None and opened.is_request else NO_REQUEST


def verify_response(message: AnyMessage) -> Refusal | None:
    """Why the signature of a CertificateInstallationRes does not stand, or None when it does.

    The key is that of the provisioning service's leaf in it; validate its chain first.
    """
    opened = open_message(message)
    return NO_RESPONSE if opened is None or opened.is_request else _verify(opened)


def sign(message: M, key: PrivateKey) -> M:
    """The message with a signature over all that must be signed in it."""
    opened = open_message(message)
    if opened is None or not all(each.id for each in opened.elements):
        raise ExiError("the message has no body, or an element that must be signed has no Id")
    kind = algorithm.ED448
    if isinstance(key, ec.EllipticCurvePrivateKey):
        kind = _KINDS.get(key.curve.name, key.curve.name)
    suite = opened.edition.suites.get(kind)
    if suite is None:
        raise ExiError(f"a key of kind {kind} does not sign messages of {opened.edition.title}")
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
            for each in opened.elements
        ),
    )
    value = _sign_octets(key, exi.fragment(opened.edition.readings[0], info), suite)
    made = Signature(signed_info=info, signature_value=SignatureValue(value=value))
    return msgspec.structs.replace(
        message, header=msgspec.structs.replace(message.header, signature=made)
    )


def _sign_octets(key: PrivateKey, data: bytes, suite: Suite) -> bytes:
    if isinstance(key, ed448.Ed448PrivateKey):
        return key.sign(data)
    assert suite.ecdsa is not None, "a suite of an elliptic curve has it"
    half = suite.value_octets // 2
    r, s = utils.decode_dss_signature(key.sign(data, suite.ecdsa))
    return r.to_bytes(half, "big") + s.to_bytes(half, "big")


def _verify(opened: Opened) -> Refusal | None:
    try:
        signer = certificate.parse(opened.signer)
    except DerError as error:
        return Refusal("parse", "the certificate that signs", str(error))
    suite = opened.edition.suites.get(signer.key.kind)
    if suite is None:
        reason = f"a key of kind {signer.key.kind} does not sign messages of {opened.edition.title}"
        return Refusal("algorithm", signer.subject_text, reason)
    if opened.signature is None:
        return _refused(signer, "the message is not signed")
    try:
        fault = next(_faults(opened, opened.signature, signer, suite), None)
    except ExiError as error:
        fault = f"it cannot be digested: {error}"
    return None if fault is None else _refused(signer, fault)


def _refused(signer: Certificate, reason: str) -> Refusal:
    return Refusal("signature", signer.subject_text, reason, "SignatureError")


def _faults(opened: Opened, signed: Signature, signer: Certificate, suite: Suite) -> Iterator[str]:
    """What is wrong, the cheap checks first; each may rely on those before it having passed."""
    references = signed.signed_info.references
    yield from _forbidden(signed, suite)
    for each in references:
        yield from _forbidden_in(each, suite)
    yield from _unreferenced(references, opened.elements)
    digests = {each.uri: each.digest_value for each in references}
    for element in opened.elements:
        if digests[f"#{element.id}"] != suite.digest(exi.fragment(element.root, element.value)):
            yield f"the digest of {element.root.name} is another"
    if not _is_signed(opened.edition, signed, signer, suite):
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
    length = len(signed.signature_value.value)
    if length != suite.value_octets:
        yield f"a signature of {length} octets instead of {suite.value_octets}"


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


def _is_signed(edition: Edition, signed: Signature, signer: Certificate, suite: Suite) -> bool:
    key, value = signature.load(signer.key), signed.signature_value.value
    if key is None:
        return False
    if isinstance(key, ec.EllipticCurvePublicKey):
        half = suite.value_octets // 2
        r, s = int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big")
        value = utils.encode_dss_signature(r, s)
    return any(
        signature.is_valid(key, suite.algorithm, exi.fragment(reading, signed.signed_info), value)
        for reading in edition.readings
    )
