"""The values of the messages of ISO 15118-20: a certificate installation, with its own header."""

from __future__ import annotations

from typing import Literal

import msgspec

from pnc.exi.message import RootCertificateIds, Signature, SubCertificates


class Header(msgspec.Struct, frozen=True, kw_only=True):
    session_id: bytes
    time_stamp: int
    """Seconds since 1970."""
    signature: Signature | None = None


class CertificateChain(msgspec.Struct, frozen=True, kw_only=True):
    certificate: bytes
    sub_certificates: SubCertificates | None = None

    @property
    def ders(self) -> tuple[bytes, ...]:
        """The chain as ``pnc.chain.verify`` takes it: leaf first."""
        more = self.sub_certificates.certificates if self.sub_certificates else ()
        return (self.certificate, *more)


class SignedCertificateChain(CertificateChain, frozen=True, kw_only=True):
    """The provisioning chain, with the Id that a reference names."""

    id: str


class ContractCertificateChain(msgspec.Struct, frozen=True, kw_only=True):
    """A contract chain, which always brings its sub-CAs."""

    certificate: bytes
    sub_certificates: SubCertificates

    @property
    def ders(self) -> tuple[bytes, ...]:
        """The chain as ``pnc.chain.verify`` takes it: leaf first."""
        return (self.certificate, *self.sub_certificates.certificates)


class Emaids(msgspec.Struct, frozen=True, kw_only=True):
    emaids: tuple[str, ...]


class InstallationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """CertificateInstallationReq: a vehicle asks for its contract certificates."""

    header: Header
    provisioning_chain: SignedCertificateChain
    root_certificate_ids: RootCertificateIds
    contract_chains_max: int
    prioritized_emaids: Emaids | None = None


class InstallationData(msgspec.Struct, frozen=True, kw_only=True):
    """One contract bundle; its wrapped key is of exactly one of three kinds, says the grammar."""

    id: str
    contract_chain: ContractCertificateChain
    ecdh_curve: Literal["SECP521", "X448"]
    dh_public_key: bytes
    secp521_private_key: bytes | None = None
    x448_private_key: bytes | None = None
    tpm_private_key: bytes | None = None


class InstallationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """CertificateInstallationRes: one contract bundle, and how many are left to fetch."""

    header: Header
    response_code: str
    evse_processing: str
    provisioning_service_chain: CertificateChain
    installation_data: InstallationData
    contract_chains_remaining: int


Message = InstallationRequest | InstallationResponse
