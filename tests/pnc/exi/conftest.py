"""Messages made here with a test PKI, so that most tests need no file of others."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization

from pnc import exi, xmlsig
from pnc.exi import message as m


def request(certificate: bytes, **changes: Any) -> m.Message:
    roots = m.RootCertificateIds(
        ids=(
            m.RootCertificateId(issuer_name="CN=Root,O=Ö,C=DE", serial_number=1 << 127),
            m.RootCertificateId(issuer_name="CN=Other", serial_number=-5),
        )
    )
    made = m.InstallationRequest(
        id="ID1", provisioning_certificate=certificate, root_certificate_ids=roots
    )
    body = m.Body(request=msgspec.structs.replace(made, **changes))
    return m.Message(header=m.Header(session_id=b"\x01\x02"), body=body)


def response(cps: tuple[bytes, ...], contract: tuple[bytes, ...], **changes: Any) -> m.Message:
    def chain(ders: tuple[bytes, ...], name: str | None) -> m.CertificateChain:
        return m.CertificateChain(
            id=name,
            certificate=ders[0],
            sub_certificates=m.SubCertificates(certificates=ders[1:]) if ders[1:] else None,
        )

    made = m.InstallationResponse(
        response_code="OK",
        provisioning_service_chain=chain(cps, None),
        contract_chain=chain(contract, "id1"),
        encrypted_private_key=m.IdentifiedBytes(id="id2", value=bytes(48)),
        dh_public_key=m.IdentifiedBytes(id="id3", value=b"\x04" + bytes(64)),
        emaid=m.IdentifiedText(id="id4", value="DE8AAC12345678"),
    )
    body = m.Body(response=msgspec.structs.replace(made, **changes))
    return m.Message(header=m.Header(session_id=bytes(8)), body=body)


def private_key(pki, name):
    return serialization.load_pem_private_key(pki.issued[name].key, None)


class Vehicle:
    """Makes and signs messages with the certificates of one PKI."""

    def __init__(self, pki: Any) -> None:
        self.pki = pki

    def request(self, **changes: Any) -> m.Message:
        return request(self.pki.issued["provisioning"].certificate, **changes)

    def response(self, **changes: Any) -> m.Message:
        return response(tuple(self.pki.chain("cps")), tuple(self.pki.chain("contract")), **changes)

    def signed_request(self, **changes: Any) -> m.Message:
        return xmlsig.sign(self.request(**changes), private_key(self.pki, "provisioning"))

    def signed_response(self, **changes: Any) -> m.Message:
        return xmlsig.sign(self.response(**changes), private_key(self.pki, "cps"))

    def key(self, name: str) -> Any:
        return private_key(self.pki, name)


@pytest.fixture(scope="session")
def vehicle(forge) -> Vehicle:
    return Vehicle(forge.pki)


@pytest.fixture(scope="session")
def samples(vehicle) -> list[bytes]:
    """A request and a response, signed."""
    return [exi.encode(vehicle.signed_request()), exi.encode(vehicle.signed_response())]
