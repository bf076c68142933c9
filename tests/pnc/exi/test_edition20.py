"""ISO 15118-20: the messages, and signatures by P-521 and Ed448."""

from __future__ import annotations

import json
import random

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization

from pnc import algorithm, exi, installation, issue, xmlsig
from pnc import extension as ext
from pnc.errors import ExiError
from pnc.exi import edition2, edition20
from pnc.exi import message as m
from pnc.exi import message20 as n

replace = msgspec.structs.replace
KEYS = {"secp521_private_key": 94, "x448_private_key": 84, "tpm_private_key": 206}
MUTATIONS = 6_000


def _subs(ders):
    return m.SubCertificates(certificates=tuple(ders)) if ders else None


def _request(chain, **changes):
    ids = (m.RootCertificateId(issuer_name="CN=Root", serial_number=1 << 120),)
    made = n.InstallationRequest(
        header=n.Header(session_id=bytes(range(8)), time_stamp=1_790_000_000),
        provisioning_chain=n.SignedCertificateChain(
            id="id1", certificate=chain[0], sub_certificates=_subs(chain[1:])
        ),
        root_certificate_ids=m.RootCertificateIds(ids=ids),
        contract_chains_max=255,
    )
    return replace(made, **changes)


def _response(cps, contract, key="secp521_private_key", **changes):
    made = n.InstallationResponse(
        header=n.Header(session_id=bytes(8), time_stamp=0),
        response_code="OK",
        evse_processing="Finished",
        provisioning_service_chain=n.CertificateChain(
            certificate=cps[0], sub_certificates=_subs(cps[1:])
        ),
        installation_data=n.InstallationData(
            id="id1",
            contract_chain=n.ContractCertificateChain(
                certificate=contract[0],
                sub_certificates=m.SubCertificates(certificates=tuple(contract[1:])),
            ),
            ecdh_curve="X448" if key.startswith("x") else "SECP521",
            dh_public_key=bytes(133),
            **{key: bytes(KEYS[key])},
        ),
        contract_chains_remaining=2,
    )
    return replace(made, **changes)


@pytest.fixture(scope="module")
def pki(forge20):
    return forge20.pki


@pytest.fixture(scope="module")
def signed(pki):
    def key(name):
        return serialization.load_pem_private_key(pki.issued[name].key, None)

    request = xmlsig.sign(_request(pki.chain("provisioning")), key("provisioning"))
    response = xmlsig.sign(_response(pki.chain("cps"), pki.chain("contract")), key("cps"))
    return request, response


def test_messages_when_written_then_read_as_they_were(signed):
    for message in signed:
        raw = exi.encode20(message)
        assert exi.decode20(raw) == message
        assert exi.from_json(exi.to_json(raw)) == raw
        with pytest.raises(ExiError, match="none of V2G_Message"):
            exi.decode(raw)
    names = ["CertificateInstallationReq", "CertificateInstallationRes"]
    assert [next(iter(json.loads(exi.to_json(exi.encode20(each))))) for each in signed] == names


@pytest.mark.parametrize("key", KEYS)
def test_response_when_it_has_one_of_three_keys_then_kept(key):
    message = _response([b"a"], [b"b", b"c"], key)
    assert exi.decode20(exi.encode20(message)) == message
    both = replace(message.installation_data, **{k: bytes(v) for k, v in KEYS.items()})
    with pytest.raises(ExiError, match="not allowed here"):
        exi.encode20(replace(message, installation_data=both))
    none = replace(message.installation_data, **dict.fromkeys(KEYS))
    with pytest.raises(
        ExiError,
        match="SECP521_EncryptedPrivateKey or X448_EncryptedPrivateKey or TPM_EncryptedPrivateKey is missing",
    ):
        exi.encode20(replace(message, installation_data=none))


def test_values_when_out_of_bounds_then_refused():
    for changes, reason in (
        ({"contract_chains_max": 256}, "MaximumContractCertificateChains: not a number of 8 bits"),
        ({"header": n.Header(session_id=bytes(7), time_stamp=0)}, "Header.SessionID: 7 octets, 8 to 8 are allowed"),
        ({"header": n.Header(session_id=bytes(8), time_stamp=-1)}, "Header.TimeStamp: not a number of 64 bits"),
        ({"prioritized_emaids": n.Emaids(emaids=("x",) * 9)}, "EMAID: 9, at most 8 are allowed"),
    ):  # fmt: skip
        with pytest.raises(ExiError) as caught:
            exi.encode20(_request([b"a"], **changes))
        assert reason in str(caught.value)


def test_signatures_when_p521_then_stand_and_every_change_is_seen(signed):
    request, response = signed
    assert xmlsig.verify_request(exi.decode20(exi.encode20(request))) is None
    assert xmlsig.verify_response(exi.decode20(exi.encode20(response))) is None
    assert len(request.header.signature.signature_value.value) == 132
    chain = replace(request.provisioning_chain, sub_certificates=None)
    refusal = xmlsig.verify_request(replace(request, provisioning_chain=chain))
    assert refusal.reason == "the digest of OEMProvisioningCertificateChain is another"
    data = replace(response.installation_data, dh_public_key=b"\x01" * 133)
    refusal = xmlsig.verify_response(replace(response, installation_data=data))
    assert refusal.reason == "the digest of SignedInstallationData is another"
    assert xmlsig.verify_request(response) is xmlsig.NO_REQUEST
    assert xmlsig.verify_response(request) is xmlsig.NO_RESPONSE


def test_signature_when_ed448_then_stands(forge20):
    blank = issue.Blank(
        subject=(("CN", "WBATESTPCID000001"), ("O", "Test")), usage=ext.DIGITAL_SIGNATURE,
        is_ca=False, days=9, key_kind=algorithm.ED448,
    )  # fmt: skip
    own = issue.issue(blank, None, forge20.made)
    key = serialization.load_pem_private_key(own.key, None)
    message = xmlsig.sign(_request([own.certificate]), key)
    assert xmlsig.verify_request(exi.decode20(exi.encode20(message))) is None
    made = message.header.signature
    assert (
        made.signed_info.signature_method.algorithm
        == "urn:iso:std:iso:15118:-20:Security:xmldsig#Ed448"
    )
    assert len(made.signature_value.value) == 114
    value = m.SignatureValue(value=b"\x00" + made.signature_value.value[1:])
    header = replace(message.header, signature=replace(made, signature_value=value))
    assert (
        xmlsig.verify_request(replace(message, header=header)).reason
        == "the signature does not verify"
    )


def test_signed_info_when_read_two_ways_then_one_byte_longer_inside(signed):
    info = signed[0].header.signature.signed_info
    alone = exi.fragment(edition2.SIGNED_INFO, info)
    inside = exi.fragment(edition20.SIGNED_INFO_INSIDE, info)
    assert len(inside) == len(alone) + 1
    for root, value in (
        (edition20.PROVISIONING_CHAIN, signed[0].provisioning_chain),
        (edition20.INSTALLATION_DATA, signed[1].installation_data),
        (edition20.SIGNED_INFO_INSIDE, info),
    ):
        raw = exi.fragment(root, value)
        assert exi.read_fragment(raw, root) == value
        assert int.from_bytes(raw[1:3], "big") >> 7 == root.code.value


def test_messages_when_judged_whole_then_chain_and_signature_count(forge20, signed):
    policy = replace(forge20.profile.policy, tolerances=frozenset({"revocation-unknown"}))
    rules = replace(forge20.profile, policy=policy)
    request, response = signed
    good = installation.judge_request(request, forge20.snapshot, rules, forge20.now)
    assert good.is_accepted, good.reason
    good = installation.judge_response(response, forge20.snapshot, rules, forge20.now)
    assert good.is_accepted, good.reason
    unsigned = replace(request, header=replace(request.header, signature=None))
    bad = installation.judge_request(unsigned, forge20.snapshot, rules, forge20.now)
    assert (bad.step, bad.reason) == ("signature", "the message is not signed")
    for judge, message in (
        (installation.judge_request, response),
        (installation.judge_response, request),
    ):
        assert judge(message, forge20.snapshot, rules, forge20.now).step == "parse"


def test_messages_when_mutated_then_a_value_or_one_kind_of_error(signed):
    draw = random.Random(20)
    raws = [exi.encode20(each) for each in signed]
    kept = 0
    for at in range(MUTATIONS):
        data = bytearray(raws[at % 2])
        for _ in range(draw.choice((1, 2, 5))):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        if at % 5 == 0:
            del data[draw.randrange(len(data)) :]
        raw = bytes(data)
        try:
            message = exi.decode20(raw)
        except ExiError:
            continue
        kept += 1
        assert exi.encode20(message) == raw
    assert 0 < kept < MUTATIONS
