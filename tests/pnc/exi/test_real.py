"""The two messages that were published with genuine signatures."""

from __future__ import annotations

import json
from datetime import datetime

import msgspec
import pytest

from pnc import certificate, chain, exi, installation, profile, trust, xmlsig
from pnc import policy as rules
from pnc.exi import edition2
from pnc.exi import message as m

pytestmark = pytest.mark.shared
TOLERATED = (certificate.EXPLICIT_CA_FALSE, rules.REVOCATION_UNKNOWN)
replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def index(shared):
    return json.loads((shared / "pnc-real/index.json").read_text())


@pytest.fixture(scope="module")
def raws(shared, index):
    found = {
        row["message"]: (shared / "pnc-real" / row["file"]).read_bytes() for row in index["exi"]
    }
    return found["CertificateInstallationReq"], found["CertificateInstallationRes"]


@pytest.fixture(scope="module")
def request_message(raws):
    return exi.decode(raws[0])


@pytest.fixture(scope="module")
def response_message(raws):
    return exi.decode(raws[1])


def test_real_messages_when_read_then_written_to_the_same_bytes(raws):
    for raw in raws:
        assert exi.encode(exi.decode(raw)) == raw
        assert exi.from_json(exi.to_json(raw)) == raw


def test_real_values_when_read_then_as_indexed(shared, index, request_message, response_message):
    assert request_message.header.session_id.hex().upper() == "69FC09895168C8B2"
    assert response_message.header.session_id == b"\x00"
    for row, message in zip(index["exi"], (request_message, response_message), strict=True):
        uris = [each.uri for each in message.header.signature.signed_info.references]
        assert uris == row["signed_elements"]
    response = response_message.body.response
    cps = index["chains"][1]
    ders = tuple((shared / "pnc-real" / name).read_bytes() for name in cps["leaf_first"])
    assert response.provisioning_service_chain.ders[:2] == ders[:2]
    assert response.response_code == "OK"
    assert len(response.emaid.value) in {14, 15}
    assert len(response.encrypted_private_key.value) == 48
    assert len(response.dh_public_key.value) == 65


def test_real_fragments_when_made_then_lengths_and_prefixes(request_message, response_message):
    r = response_message.body.response
    info = response_message.header.signature.signed_info
    for root, value, length, prefix in (
        (edition2.CONTRACT_CHAIN, r.contract_chain, 1608, "802101"),
        (edition2.PRIVATE_KEY, r.encrypted_private_key, 57, "8022"),
        (edition2.PUBLIC_KEY, r.dh_public_key, 74, "802d"),
        (edition2.EMAID, r.emaid, 26, "80ec"),
        (edition2.SIGNED_INFO, info, 559, "808112b4"),
    ):
        raw = exi.fragment(root, value)
        assert (len(raw), raw.hex()[: len(prefix)]) == (length, prefix)
        assert exi.read_fragment(raw, root) == value
    assert exi.fragment(edition2.REQUEST, request_message.body.request).startswith(b"\x80\x0f")


def test_real_signatures_when_verified_then_stand(request_message, response_message):
    assert xmlsig.verify_request(request_message) is None
    assert xmlsig.verify_response(response_message) is None


def test_real_response_when_changed_then_the_element_is_named(response_message):
    r = response_message.body.response
    for field, name, value in (
        ("emaid", "eMAID", m.IdentifiedText(id=r.emaid.id, value="DEABCC12345678")),
        ("dh_public_key", "DHpublickey", replace(r.dh_public_key, value=b"\x04" * 65)),
        ("encrypted_private_key", "ContractSignatureEncryptedPrivateKey", replace(r.encrypted_private_key, value=bytes(48))),
        ("contract_chain", "ContractSignatureCertChain", replace(r.contract_chain, sub_certificates=None)),
    ):  # fmt: skip
        changed = replace(response_message, body=m.Body(response=replace(r, **{field: value})))
        refusal = xmlsig.verify_response(changed)
        assert (refusal.step, refusal.status) == ("signature", "SignatureError")
        assert refusal.reason == f"the digest of {name} is another"
        assert "CPS 2024.4 QA" in refusal.certificate


def _snapshot(shared, case, tolerances):
    root = certificate.parse((shared / "pnc-real" / case["root"]).read_bytes())
    return trust.snapshot(anchors=[trust.anchor(root, "V2G", tolerances)])


def test_real_contract_chain_when_verified_at_its_time_then_accepted(
    shared, index, response_message
):
    case = index["chains"][0]
    at = datetime.fromisoformat(case["valid_at"])
    ders = response_message.body.response.contract_chain.ders
    verdict = chain.verify(
        ders, _snapshot(shared, case, TOLERATED), profile.ISO15118_2, "contract", at
    )
    assert verdict.is_accepted, verdict.reason
    assert verdict.emaid == response_message.body.response.emaid.value[:14].upper()
    strict = chain.verify(ders, _snapshot(shared, case, ()), profile.ISO15118_2, "contract", at)
    assert (strict.verdict, strict.step) == ("refused", "profile")


def test_real_response_when_judged_whole_then_accepted_where_tolerated(
    shared, index, response_message
):
    case = index["chains"][1]
    at = datetime.fromisoformat(case["valid_at"])
    good = installation.judge_response(
        response_message, _snapshot(shared, case, TOLERATED), profile.ISO15118_2, at
    )
    assert good.is_accepted, good.reason
    assert good.checks[-1].reason == "over the message"
    strict = installation.judge_response(
        response_message, _snapshot(shared, case, ()), profile.ISO15118_2, at
    )
    assert strict.verdict == "refused"


def test_real_request_when_its_root_is_unknown_then_chain_error(shared, index, request_message):
    case = index["chains"][1]
    verdict = installation.judge_request(
        request_message,
        _snapshot(shared, case, TOLERATED),
        profile.ISO15118_2,
        datetime.fromisoformat("2022-01-01T00:00:00Z"),
    )
    assert (verdict.verdict, verdict.certificate_status) == ("refused", "CertChainError")
    assert installation.RESPONSE_CODES[verdict.certificate_status] == "FAILED_CertChainError"


def test_real_messages_when_read_often_then_quick(raws):
    import time

    best = 1.0
    for _ in range(5):
        start = time.process_time()
        for _ in range(40):
            exi.encode(exi.decode(raws[1]))
        best = min(best, (time.process_time() - start) / 40)
    assert best < 0.002, f"{best * 1e6:.0f} µs to read and write a response"
