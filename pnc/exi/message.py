"""The values of the messages: what a certificate installation of ISO 15118-2 says.

Fields follow the standard; the tables in ``dsig`` and ``edition2`` say how each is written.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """An algorithm named by its URI; nothing else may stand in it ([V2G2-771])."""

    algorithm: str


class Transforms(msgspec.Struct, frozen=True, kw_only=True):
    transforms: tuple[Method, ...]


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """One signed element, by its Id, and its digest."""

    id: str | None = None
    type: str | None = None
    uri: str | None = None
    transforms: Transforms | None = None
    digest_method: Method
    digest_value: bytes


class SignedInfo(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    canonicalization_method: Method
    signature_method: Method
    references: tuple[Reference, ...]


class SignatureValue(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    value: bytes


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """XML signature in shape only: what is signed are EXI fragments (ISO 15118-2 Annex J)."""

    id: str | None = None
    signed_info: SignedInfo
    signature_value: SignatureValue


class RootCertificateId(msgspec.Struct, frozen=True, kw_only=True):
    """The issuer and serial number of a root that the vehicle trusts."""

    issuer_name: str
    serial_number: int


class RootCertificateIds(msgspec.Struct, frozen=True, kw_only=True):
    ids: tuple[RootCertificateId, ...]


class SubCertificates(msgspec.Struct, frozen=True, kw_only=True):
    certificates: tuple[bytes, ...]


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    fault_code: Literal["ParsingError", "NoTLSRootCertificatAvailable", "UnknownError"]
    fault_message: str | None = None


class Header(msgspec.Struct, frozen=True, kw_only=True):
    session_id: bytes
    notification: Notification | None = None
    signature: Signature | None = None


class CertificateChain(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    certificate: bytes
    sub_certificates: SubCertificates | None = None

    @property
    def ders(self) -> tuple[bytes, ...]:
        """The chain as ``pnc.chain.verify`` takes it: leaf first."""
        more = self.sub_certificates.certificates if self.sub_certificates else ()
        return (self.certificate, *more)


class IdentifiedBytes(msgspec.Struct, frozen=True, kw_only=True):
    """A wrapped private key, or a public key, with the Id that a reference names."""

    id: str
    value: bytes


class IdentifiedText(msgspec.Struct, frozen=True, kw_only=True):
    """An eMAID with the Id that a reference names."""

    id: str
    value: str


class InstallationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """CertificateInstallationReq: a vehicle asks for its contract certificate."""

    id: str
    provisioning_certificate: bytes
    root_certificate_ids: RootCertificateIds


class InstallationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """CertificateInstallationRes: the contract bundle, signed by the provisioning service."""

    response_code: str
    provisioning_service_chain: CertificateChain
    contract_chain: CertificateChain
    encrypted_private_key: IdentifiedBytes
    dh_public_key: IdentifiedBytes
    emaid: IdentifiedText


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of the two; the grammar refuses none and both."""

    request: InstallationRequest | None = None
    response: InstallationResponse | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A V2G_Message of ISO 15118-2 (§8.3)."""

    header: Header
    body: Body
