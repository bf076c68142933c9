"""What must be signed in which message, and with what: the tables of signatures.

ISO 15118-2 §7.9.2 and Annex J, ISO 15118-20; ``pnc.xmlsig`` is their interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256, sha512, shake_256
from typing import Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pnc import algorithm
from pnc.exi import edition2, edition20, message20
from pnc.exi.document import Root
from pnc.exi.message import Message, Signature

AnyMessage = Message | message20.InstallationRequest | message20.InstallationResponse


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of key signs with."""

    signature_method: str
    digest_method: str
    digest: Callable[[bytes], bytes]
    algorithm: str
    """The same algorithm by its name in certificates."""
    ecdsa: ec.ECDSA | None
    """How to sign with it, where it is ECDSA."""
    value_octets: int
    """The length of a signature value: r and s without DER, or what Ed448 makes."""


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """One edition of the standard: what signs in it, by kind of key, and what SignedInfo becomes.

    A signature is found over any of the readings of SignedInfo; we sign the first.
    """

    title: str
    suites: Mapping[str, Suite]
    readings: tuple[Root, ...]


class Element(msgspec.Struct, frozen=True):
    """An element that must be signed: its fragment's root, its Id, its value."""

    root: Root
    id: str | None
    value: object


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What of a message matters here."""

    edition: Edition
    is_request: bool
    signature: Signature | None
    signer: bytes
    elements: tuple[Element, ...]


ISO15118_2: Final = Edition(
    title="ISO 15118-2",
    suites={
        algorithm.P256: Suite(
            signature_method="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            digest_method="http://www.w3.org/2001/04/xmlenc#sha256",
            digest=lambda data: sha256(data).digest(),
            algorithm=algorithm.ECDSA_SHA256,
            ecdsa=ec.ECDSA(hashes.SHA256()),
            value_octets=64,
        ),
    },
    readings=(edition2.SIGNED_INFO, edition2.SIGNED_INFO_INSIDE),
)
ISO15118_20: Final = Edition(
    title="ISO 15118-20",
    suites={
        algorithm.P521: Suite(
            signature_method="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
            digest_method="http://www.w3.org/2001/04/xmlenc#sha512",
            digest=lambda data: sha512(data).digest(),
            algorithm=algorithm.ECDSA_SHA512,
            ecdsa=ec.ECDSA(hashes.SHA512()),
            value_octets=132,
        ),
        algorithm.ED448: Suite(
            signature_method="urn:iso:std:iso:15118:-20:Security:xmldsig#Ed448",
            digest_method="urn:iso:std:iso:15118:-20:Security:xmlenc#SHAKE256",
            digest=lambda data: shake_256(data).digest(64),
            algorithm=algorithm.ED448,
            ecdsa=None,
            value_octets=114,
        ),
    },
    readings=(edition2.SIGNED_INFO, edition20.SIGNED_INFO_INSIDE),
)
"""[V2G20-1000], [V2G20-2674], [V2G20-2319]; SHAKE256 gives 64 octets."""


def open_message(message: AnyMessage) -> Opened | None:
    """The signed parts of any of the four messages, in the order of the document."""
    if isinstance(message, message20.InstallationRequest):
        chain, made = message.provisioning_chain, message.header.signature
        element = Element(edition20.PROVISIONING_CHAIN, chain.id, chain)
        return _opened(ISO15118_20, made, chain.certificate, element, is_request=True)
    if isinstance(message, message20.InstallationResponse):
        data, made = message.installation_data, message.header.signature
        element = Element(edition20.INSTALLATION_DATA, data.id, data)
        return _opened(ISO15118_20, made, message.provisioning_service_chain.certificate, element)
    request, response, made = message.body.request, message.body.response, message.header.signature
    if request is not None:
        element = Element(edition2.REQUEST, request.id, request)
        return _opened(ISO15118_2, made, request.provisioning_certificate, element, is_request=True)
    if response is None:
        return None
    return _opened(
        ISO15118_2,
        made,
        response.provisioning_service_chain.certificate,
        Element(edition2.CONTRACT_CHAIN, response.contract_chain.id, response.contract_chain),
        Element(
            edition2.PRIVATE_KEY, response.encrypted_private_key.id, response.encrypted_private_key
        ),
        Element(edition2.PUBLIC_KEY, response.dh_public_key.id, response.dh_public_key),
        Element(edition2.EMAID, response.emaid.id, response.emaid),
    )


def _opened(
    edition: Edition,
    made: Signature | None,
    signer: bytes,
    *elements: Element,
    is_request: bool = False,
) -> Opened:
    return Opened(
        edition=edition, is_request=is_request, signature=made, signer=signer, elements=elements
    )
