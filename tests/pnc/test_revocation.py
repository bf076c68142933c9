"""CRLs and OCSP: who may say it, about whom, and for how long."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp as c_ocsp

from pnc import authority, certificate, issue, trust
from pnc import extension as ext
from pnc.issue import Answer
from pnc.policy import Revocation
from pnc.revocation import crl, ocsp

HOUR = timedelta(hours=1)


@pytest.fixture
def leafwise(forge):
    """Verify the contract chain with this evidence about the leaf only."""
    policy = msgspec.structs.replace(forge.profile.policy, revocation=Revocation.LEAF)
    table = msgspec.structs.replace(forge.profile, policy=policy)

    def verify(*, crls=(), responses=(), now=None, **more):
        snapshot = forge.trusting(
            "mo-root",
            crls=[crl.parse(data) for data in crls],
            ocsp=[ocsp.parse(data) for data in responses],
            **more,
        )
        ders = forge.pki.chain("contract")
        return forge.verify(ders, snapshot=snapshot, profile=table, now=now or forge.now)

    return verify


@pytest.fixture
def respond(forge):
    def make(name="contract", issuer="mo-sub2", responder=None, **changes):
        fields = {"this_update": forge.made, "next_update": forge.made + 24 * HOUR} | changes
        ca = forge.pki.issued[issuer]
        return issue.ocsp_response(
            forge.pki.issued[name].certificate, ca.certificate, Answer(**fields), responder or ca
        )

    return make


def test_ocsp_when_good_then_accepted_until_its_next_update(forge, leafwise, respond):
    verdict = leafwise(responses=[respond(next_update=forge.made + 2 * HOUR)])
    assert verdict.is_accepted, verdict.reason
    assert verdict.holds_until == forge.made + 2 * HOUR


def test_ocsp_when_signed_by_the_delegate_then_accepted(forge, leafwise, respond):
    assert leafwise(responses=[respond(responder=forge.pki.issued["mo-ocsp"])]).is_accepted


def test_ocsp_when_its_delegate_is_revoked_then_refused(forge, leafwise, respond):
    data = respond(responder=forge.pki.issued["mo-ocsp"])
    delegate, issuer = map(certificate.parse, forge.pki.chain("mo-ocsp")[:2])
    gone = (delegate.der,)
    lists = forge.pki.crls(forge.made, revoked=gone)
    key = (ocsp.cert_id(delegate, issuer).issuer_key_hash, delegate.serial)
    known = {key: trust.Revoked(forge.made, "keyCompromise", "operator")}
    verdict = leafwise(responses=[data], revoked=known)
    assert verdict.reason == "the OCSP signer's own certificate is revoked"
    stale = issue.crl(
        forge.pki.issued["mo-sub2"], [(delegate.serial, forge.made)], forge.made - timedelta(days=9)
    )
    assert not leafwise(responses=[data], crls=[stale]).is_accepted
    assert leafwise(responses=[data], crls=[lists["mo-sub2"]]).is_accepted


def test_ocsp_when_revoked_then_refused(forge, leafwise, respond):
    data = respond(status=c_ocsp.OCSPCertStatus.REVOKED, revoked_at=forge.made)
    for verdict in (
        leafwise(responses=[data]),
        leafwise(responses=[respond(), data]),
        leafwise(responses=[data], now=forge.now + 48 * HOUR),
        leafwise(responses=[data], crls=forge.pki.crls(forge.made).values()),
    ):
        assert verdict.certificate_status == "CertificateRevoked"
        assert verdict.step == "revocation"
        assert verdict.id_token_status == "Invalid"


CASES = {
    "stranger": "the OCSP response is signed by a stranger",
    "impostor": "is not certified by the key of",
    "without purpose": "lacks the purpose OCSPSigning",
    "other CA": "is not certified by the key of",
    "expired delegate": "is not valid now",
    "unknown": "the OCSP responder does not know it",
    "other certificate": "nobody says whether it is revoked",
    "other issuer": "nobody says whether it is revoked",
    "stale": "was due for renewal",
    "old": "is older than",
    "future": "begins to hold",
    "no next update": "names no next update",
}


@pytest.mark.parametrize("case", CASES)
def test_ocsp_when_not_fit_then_refused(forge, leafwise, respond, case):
    issued = forge.pki.issued
    twin = authority.make(forge.made)
    makers = {
        "stranger": lambda: _without_certificates(respond(responder=issued["mo-ocsp"]), forge.tlv),
        "impostor": lambda: respond(responder=twin.issued["mo-ocsp"]),
        "without purpose": lambda: respond(responder=forge.issue("mo-ocsp", purposes=())),
        "other CA": lambda: respond(responder=forge.issue("mo-ocsp", "mo-sub1")),
        "expired delegate": lambda: respond(
            responder=forge.issue("mo-ocsp", days=1, made=forge.made - timedelta(days=3))
        ),
        "unknown": lambda: respond(status=c_ocsp.OCSPCertStatus.UNKNOWN),
        "other certificate": lambda: respond(name="mo-ocsp"),
        "other issuer": lambda: respond(issuer="mo-sub1"),
        "stale": lambda: respond(next_update=forge.now),
        "old": lambda: respond(this_update=forge.now - 25 * HOUR),
        "future": lambda: respond(this_update=forge.now + HOUR),
        "no next update": lambda: respond(next_update=None),
    }
    verdict = leafwise(responses=[makers[case]()])
    assert (verdict.step, verdict.certificate_status) == ("revocation", "CertChainError")
    assert CASES[case] in verdict.reason


def _without_certificates(data, tlv):
    """The response with the delegate's certificate left out."""
    from pnc import der

    start, end = der.whole(data, 0x30)
    _, pos = der.expect(data, start, end, 0x0A)
    inner, _ = der.expect(data, pos, end, 0xA0)
    seq, stop = der.expect(data, inner, end, 0x30)
    _, after = der.expect(data, seq, stop, 0x06)
    body, body_stop = der.expect(data, after, stop, 0x04)
    at, last = der.expect(data, body, body_stop, 0x30)
    parts = [data[p:q] for _, p, _, q in der.elements(data, at, last, 4)][:3]
    basic = tlv(0x04, tlv(0x30, b"".join(parts)))
    return tlv(0x30, data[start:pos] + tlv(0xA0, tlv(0x30, data[seq:after] + basic)))


def test_ocsp_when_one_byte_is_flipped_then_never_accepted(leafwise, respond):
    data = respond()
    for at in range(len(data)):
        raw = bytearray(data)
        raw[at] ^= 1
        try:
            verdict = leafwise(responses=[bytes(raw)])
        except ValueError:
            continue
        assert not verdict.is_accepted, at


def test_ocsp_when_the_responder_refuses_then_nothing_is_known(leafwise):
    raw = c_ocsp.OCSPResponseBuilder.build_unsuccessful(c_ocsp.OCSPResponseStatus.TRY_LATER)
    data = raw.public_bytes(serialization.Encoding.DER)
    assert ocsp.parse(data).refusal == "tryLater"
    assert leafwise(responses=[data]).step == "revocation"


def test_ocsp_nonce_when_sent_then_read(forge, respond):
    assert ocsp.parse(respond(nonce=b"12345678")).nonce == b"12345678"
    assert ocsp.nonce_defect(ocsp.parse(respond(nonce=b"12345678")), b"12345678") is None
    assert "nonce" in ocsp.nonce_defect(ocsp.parse(respond(nonce=b"12345679")), b"12345678")
    assert "nonce" in ocsp.nonce_defect(ocsp.parse(respond()), b"12345678")


def test_cert_id_when_made_then_as_cryptography_makes_it(forge):
    leaf, issuer = forge.pki.chain("contract")[:2]
    for digest, theirs in (
        ("sha1", hashes.SHA1()),
        ("sha256", hashes.SHA256()),
        ("sha512", hashes.SHA512()),
    ):
        request = (
            c_ocsp.OCSPRequestBuilder()
            .add_certificate(
                x509.load_der_x509_certificate(leaf), x509.load_der_x509_certificate(issuer), theirs
            )
            .build()
        )
        ours = ocsp.cert_id(certificate.parse(leaf), certificate.parse(issuer), digest)
        assert ours.issuer_name_hash == request.issuer_name_hash
        assert ours.issuer_key_hash == request.issuer_key_hash
        assert ours.serial == request.serial_number
        if digest != "sha512":
            assert ocsp.request(ours) == request.public_bytes(serialization.Encoding.DER)


def test_crl_when_the_leaf_or_a_sub_ca_is_listed_then_revoked(forge):
    chain = forge.pki.chain("contract")
    for gone in chain:
        snapshot = forge.pki.snapshot(forge.made, revoked=(gone,))
        verdict = forge.verify(chain, snapshot=snapshot)
        assert (verdict.step, verdict.certificate_status) == ("revocation", "CertificateRevoked")
        assert verdict.certificate == certificate.parse(gone).subject_text


CRL_CASES = {
    "bad signature": "signature does not verify",
    "other issuer": "nobody says whether it is revoked",
    "same name, other key": "signature does not verify",
    "expired": "was due for renewal",
    "future": "begins to hold",
    "without number": "no CRL number",
    "critical number": "must not be critical",
    "critical unknown": "is not supported",
    "delta": "is not supported",
}


@pytest.mark.parametrize("case", CRL_CASES)
def test_crl_when_not_fit_then_refused(forge, leafwise, case):
    lists = forge.pki.crls(forge.made)
    own = forge.pki.issued["mo-sub2"]
    damaged = bytearray(lists["mo-sub2"])
    damaged[-1] ^= 1
    makers = {
        "bad signature": lambda: bytes(damaged),
        "other issuer": lambda: lists["mo-sub1"],
        "same name, other key": lambda: authority.make(forge.made).crls(forge.made)["mo-sub2"],
        "expired": lambda: issue.crl(own, [], forge.made - timedelta(days=8)),
        "future": lambda: issue.crl(own, [], forge.now + HOUR),
        "without number": lambda: _crl(own, forge.made, []),
        "critical number": lambda: _crl(own, forge.made, [(x509.CRLNumber(1), True)]),
        "critical unknown": lambda: _crl(
            own, forge.made, [(x509.CRLNumber(1), False), (_unknown(), True)]
        ),
        "delta": lambda: _crl(
            own, forge.made, [(x509.CRLNumber(2), False), (x509.DeltaCRLIndicator(1), True)]
        ),
    }
    verdict = leafwise(crls=[makers[case]()])
    assert (verdict.step, verdict.certificate_status) == ("revocation", "CertChainError")
    assert CRL_CASES[case] in verdict.reason


def _unknown():
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55738.1"), b"\x05\x00")


def _crl(issuer, now, extensions):
    signer = x509.load_der_x509_certificate(issuer.certificate)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.subject)
        .last_update(now)
        .next_update(now + 24 * HOUR)
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(issue.load_key(issuer.key), hashes.SHA256()).public_bytes(
        serialization.Encoding.DER
    )


def test_crl_when_its_issuer_lacks_crl_sign_then_refused(forge, leafwise):
    sub2 = forge.issue("mo-sub2", "mo-sub1", usage=ext.KEY_CERT_SIGN)
    leaf = forge.issue("contract", sub2)
    snapshot = forge.trusting("mo-root", crls=[crl.parse(issue.crl(sub2, [], forge.made))])
    ders = [leaf.certificate, sub2.certificate, *forge.pki.chain("mo-sub1")]
    verdict = forge.verify(ders, snapshot=snapshot)
    assert "lacks cRLSign" in verdict.reason


def test_bad_evidence_when_silence_is_tolerated_then_still_refused(forge):
    stale = crl.parse(issue.crl(forge.pki.issued["mo-sub2"], [], forge.made - timedelta(days=30)))
    snapshot = forge.trusting("mo-root", crls=[stale])
    verdict = forge.verify(forge.pki.chain("contract"), snapshot=snapshot, soft=True)
    assert "was due for renewal" in verdict.reason


def test_revocation_when_known_from_elsewhere_then_refused(forge):
    leaf, issuer = map(certificate.parse, forge.pki.chain("contract")[:2])
    known = {
        (ocsp.cert_id(leaf, issuer).issuer_key_hash, leaf.serial): trust.Revoked(
            forge.made, "stolen", "operator"
        )
    }
    lists = [crl.parse(data) for data in forge.pki.crls(forge.made).values()]
    snapshot = forge.trusting("mo-root", crls=lists, revoked=known)
    verdict = forge.verify(forge.pki.chain("contract"), snapshot=snapshot)
    assert verdict.certificate_status == "CertificateRevoked"
    assert "stolen" in verdict.reason


def test_crl_when_long_then_read_in_a_moment(forge):
    import time

    entries = [(number + 1, forge.made) for number in range(5000)]
    data = issue.crl(forge.pki.issued["mo-sub2"], entries, forge.made)
    before = time.process_time()
    found = crl.parse(data)
    assert time.process_time() - before < 1
    assert len(found.revoked) == 5000
    assert found.revoked[77].reason == "cessationOfOperation"
