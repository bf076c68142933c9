from __future__ import annotations

import base64

import msgspec
import pytest

from pnc import authority, certificate, hashdata, profile
from pnc.errors import RequestError
from pnc.revocation import ocsp


@pytest.fixture
def known(forge):
    return hashdata.pool([forge.pki.chain("contract")])


def data(forge, name="contract", digest="sha256", josev=False):
    leaf, issuer = map(certificate.parse, forge.pki.chain(name)[:2])
    found = ocsp.cert_id(leaf, issuer, digest)
    write = (lambda raw: base64.urlsafe_b64encode(raw).decode()) if josev else bytes.hex
    return hashdata.HashData(
        hash_algorithm=digest.upper(),
        issuer_name_hash=write(found.issuer_name_hash),
        issuer_key_hash=write(found.issuer_key_hash),
        serial_number=str(found.serial) if josev else f"{found.serial:X}",
        responder_url="http://127.0.0.1/never",
    )


@pytest.fixture
def judge(forge, known):
    def ask(ders, listed, *, emaid="DE8AAC12345678", snapshot=None):
        return hashdata.judge(
            ders,
            listed,
            known,
            snapshot or forge.snapshot,
            profile.ISO15118_2,
            now=forge.now,
            emaid=emaid,
        )

    return ask


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("josev", [False, True])
def test_hash_data_when_the_pool_knows_it_then_its_chain_is_judged(forge, judge, digest, josev):
    verdict = judge(None, [data(forge, digest=digest, josev=josev)])
    assert verdict.is_accepted, verdict.reason
    assert verdict.emaid == "DE8AAC12345678"


def test_hash_data_when_unknown_or_of_another_emaid_then_refused(forge, judge):
    unknown = judge(None, [data(forge, "contract-v2g")])
    assert (unknown.step, unknown.certificate_status) == ("pool", "CertChainError")
    assert unknown.id_token_status == "Invalid"
    other = judge(None, [data(forge)], emaid="DE8AAC99999999")
    assert (other.step, other.certificate_status) == ("emaid", "CertChainError")


def test_hash_data_when_the_leaf_is_revoked_then_refused(forge, judge):
    snapshot = forge.pki.snapshot(forge.made, revoked=forge.pki.chain("contract")[:1])
    assert judge(None, [data(forge)], snapshot=snapshot).certificate_status == "CertificateRevoked"


def test_chain_when_bad_and_hash_data_good_then_the_chain_decides(forge, judge):
    twin = authority.make(forge.made)
    verdict = judge(twin.chain("contract"), [data(forge)])
    assert (verdict.step, verdict.certificate_status) == ("signature", "CertChainError")


@pytest.mark.parametrize(
    "changes",
    [
        {"hash_algorithm": "MD5"},
        {"issuer_name_hash": "00"},
        {"issuer_key_hash": "z" * 64},
        {"issuer_key_hash": "0" * 400},
        {"serial_number": ""},
        {"serial_number": "-1"},
        {"serial_number": "1" * 65},
        {"serial_number": "\u0661"},
    ],
)
def test_hash_data_when_malformed_then_request_error(forge, judge, changes):
    with pytest.raises(RequestError):
        judge(None, [msgspec.structs.replace(data(forge), **changes)])


def test_hash_data_when_none_or_too_many_then_request_error(forge, judge):
    for listed in (None, [], [data(forge)] * 5):
        with pytest.raises(RequestError):
            judge(None, listed)
