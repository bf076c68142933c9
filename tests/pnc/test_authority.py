"""What the authority issues, seen by another implementation."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from pnc import authority


@pytest.mark.parametrize(("which", "most"), [("forge", 800), ("forge20", 1600)])
def test_tree_when_issued_then_each_verifies_under_its_issuer(request, which, most):
    pki = request.getfixturevalue(which).pki
    for entry in authority.TREES[pki.generation]:
        der = pki.issued[entry.name].certificate
        found = x509.load_der_x509_certificate(der)
        issuer = x509.load_der_x509_certificate(pki.issued[entry.issuer or entry.name].certificate)
        found.verify_directly_issued_by(issuer)
        assert len(der) <= most
        assert found.extensions.get_extension_for_class(x509.KeyUsage).critical
        assert found.extensions.get_extension_for_class(x509.BasicConstraints).critical
    cross, root = (pki.issued[name] for name in ("v2g-root-cross", "v2g-root"))
    assert cross.key == root.key


def test_crls_and_ocsp_when_made_then_signed_by_their_ca(forge):
    pki, leaf = forge.pki, forge.pki.chain("contract")[0]
    lists = pki.crls(forge.made, revoked=(leaf,))
    for name, data in lists.items():
        found = x509.load_der_x509_crl(data)
        issuer = x509.load_der_x509_certificate(pki.issued[name].certificate)
        assert found.is_signature_valid(issuer.public_key())
        assert len(found) == (name == "mo-sub2")
    response = ocsp.load_der_ocsp_response(authority.ocsp_good(pki, "contract", forge.made))
    assert response.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert response.serial_number == x509.load_der_x509_certificate(leaf).serial_number


def test_keys_when_two_pkis_are_made_then_different(forge):
    twin = authority.make(forge.made, emaid_text="FR-ABC-123456789")
    assert twin.issued["mo-root"].key != forge.pki.issued["mo-root"].key
    assert (
        forge.verify(twin.chain("contract"), snapshot=twin.snapshot(forge.made)).emaid
        == "FRABC123456789"
    )
