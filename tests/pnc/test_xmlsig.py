"""Signatures of installations: what stands, and each refusal by its reason."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from pnc import exi, installation, profile, xmlsig
from pnc.errors import ExiError
from pnc.exi import edition2
from pnc.exi import message as m

replace = msgspec.structs.replace


def _key(pki, name):
    return serialization.load_pem_private_key(pki.issued[name].key, None)


def _chain(ders, name):
    return m.CertificateChain(
        id=name,
        certificate=ders[0],
        sub_certificates=m.SubCertificates(certificates=tuple(ders[1:])),
    )


@pytest.fixture(scope="module")
def request_message(forge):
    roots = m.RootCertificateIds(ids=(m.RootCertificateId(issuer_name="CN=R", serial_number=9),))
    made = m.InstallationRequest(
        id="ID1",
        provisioning_certificate=forge.pki.issued["provisioning"].certificate,
        root_certificate_ids=roots,
    )
    message = m.Message(header=m.Header(session_id=b"\x07"), body=m.Body(request=made))
    return xmlsig.sign(message, _key(forge.pki, "provisioning"))


@pytest.fixture(scope="module")
def response_message(forge):
    made = m.InstallationResponse(
        response_code="OK",
        provisioning_service_chain=_chain(forge.pki.chain("cps"), None),
        contract_chain=_chain(forge.pki.chain("contract"), "id1"),
        encrypted_private_key=m.IdentifiedBytes(id="id2", value=bytes(48)),
        dh_public_key=m.IdentifiedBytes(id="id3", value=bytes(65)),
        emaid=m.IdentifiedText(id="id4", value="DE8AAC12345678"),
    )
    message = m.Message(header=m.Header(session_id=b"\x07"), body=m.Body(response=made))
    return xmlsig.sign(message, _key(forge.pki, "cps"))


def _with(message, signature):
    return replace(message, header=replace(message.header, signature=signature))


def _signed_again(message, key, reading=edition2.SIGNED_INFO, **changes):
    """The message with parts of SignedInfo changed, and a signature that fits them."""
    old = message.header.signature
    info = replace(old.signed_info, **changes)
    r, s = utils.decode_dss_signature(
        key.sign(exi.fragment(reading, info), ec.ECDSA(hashes.SHA256()))
    )
    value = m.SignatureValue(value=r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return _with(message, m.Signature(signed_info=info, signature_value=value))


def test_signed_messages_when_sent_then_stand(request_message, response_message):
    assert xmlsig.verify_request(exi.decode(exi.encode(request_message))) is None
    assert xmlsig.verify_response(exi.decode(exi.encode(response_message))) is None
    assert len(response_message.header.signature.signed_info.references) == 4


def test_request_when_signed_inside_the_message_schemas_then_stands(forge, request_message):
    key = _key(forge.pki, "provisioning")
    message = _signed_again(request_message, key, edition2.SIGNED_INFO_INSIDE)
    assert message.header.signature != request_message.header.signature
    assert xmlsig.verify_request(message) is None


def test_response_when_references_are_in_any_order_then_stands(forge, response_message):
    references = response_message.header.signature.signed_info.references
    message = _signed_again(response_message, _key(forge.pki, "cps"), references=references[::-1])
    assert xmlsig.verify_response(message) is None


_OTHER = m.Method(algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
_CHANGED_REFERENCE = {
    "Id": ({"id": "x"}, "reference '#ID1' has an Id or a Type"),
    "Type": ({"type": "urn:x"}, "reference '#ID1' has an Id or a Type"),
    "another transform": ({"transforms": m.Transforms(transforms=(_OTHER,))}, "not transformed by canonical EXI alone"),
    "two transforms": ({"transforms": m.Transforms(transforms=(m.Method(algorithm=xmlsig.CANONICAL_EXI),) * 2)}, "not transformed by canonical EXI alone"),
    "no transform": ({"transforms": None}, "not transformed by canonical EXI alone"),
    "another digest": ({"digest_method": m.Method(algorithm="http://www.w3.org/2000/09/xmldsig#sha1")}, "digest method 'http://www.w3.org/2000/09/xmldsig#sha1' is not allowed"),
    "another element": ({"uri": "#ID2"}, "a reference to '#ID2', which is not to be signed"),
    "no URI": ({"uri": None}, "a reference to None, which is not to be signed"),
    "whole document": ({"uri": ""}, "a reference to '', which is not to be signed"),
    "another digest value": ({"digest_value": bytes(32)}, "the digest of CertificateInstallationReq is another"),
    "short digest value": ({"digest_value": b""}, "the digest of CertificateInstallationReq is another"),
}  # fmt: skip


@pytest.mark.parametrize("name", _CHANGED_REFERENCE)
def test_request_when_its_reference_is_not_allowed_then_refused(forge, request_message, name):
    changes, reason = _CHANGED_REFERENCE[name]
    reference = replace(request_message.header.signature.signed_info.references[0], **changes)
    key = _key(forge.pki, "provisioning")
    refusal = xmlsig.verify_request(_signed_again(request_message, key, references=(reference,)))
    assert (refusal.step, refusal.status) == ("signature", "SignatureError")
    assert reason in refusal.reason
    assert "CN=WBATESTPCID000001" in refusal.certificate


_CHANGED_INFO = {
    "Id": ({"id": "x"}, "SignedInfo or SignatureValue has an Id"),
    "canonicalization": ({"canonicalization_method": _OTHER}, "canonicalization 'http://www.w3.org/2001/10/xml-exc-c14n#' is not allowed"),
    "signature method": ({"signature_method": m.Method(algorithm="http://www.w3.org/2000/09/xmldsig#hmac-sha1")}, "signature method"),
}  # fmt: skip


@pytest.mark.parametrize("name", _CHANGED_INFO)
def test_request_when_signed_info_is_not_allowed_then_refused(forge, request_message, name):
    changes, reason = _CHANGED_INFO[name]
    key = _key(forge.pki, "provisioning")
    refusal = xmlsig.verify_request(_signed_again(request_message, key, **changes))
    assert reason in refusal.reason


def test_response_when_an_element_is_not_signed_then_refused(forge, response_message):
    references = response_message.header.signature.signed_info.references
    names = (
        "ContractSignatureCertChain",
        "ContractSignatureEncryptedPrivateKey",
        "DHpublickey",
        "eMAID",
    )
    for at, name in enumerate(names):
        fewer = references[:at] + references[at + 1 :]
        message = _signed_again(response_message, _key(forge.pki, "cps"), references=fewer)
        assert xmlsig.verify_response(message).reason == f"{name} is not signed"


def test_response_when_an_element_is_signed_twice_then_refused(forge, response_message):
    references = response_message.header.signature.signed_info.references
    twice = (*references[:3], references[0])
    message = _signed_again(response_message, _key(forge.pki, "cps"), references=twice)
    assert xmlsig.verify_response(message).reason == "two references to the same element"


def test_response_when_ids_are_missing_or_shared_then_refused(response_message):
    response = response_message.body.response
    for changes in (
        {"contract_chain": replace(response.contract_chain, id=None)},
        {"emaid": replace(response.emaid, id="id1")},
        {"emaid": replace(response.emaid, id="")},
    ):
        body = m.Body(response=replace(response, **changes))
        refusal = xmlsig.verify_response(replace(response_message, body=body))
        assert refusal.reason == "an element that must be signed has no Id of its own"


def test_signature_value_when_malformed_then_refused(request_message):
    signed = request_message.header.signature
    good = signed.signature_value.value
    for value, reason in (
        (b"", "a signature of 0 octets instead of 64"),
        (good + b"\x00", "a signature of 65 octets instead of 64"),
        (bytes(64), "the signature does not verify"),
        (bytes(32) + good[32:], "the signature does not verify"),
        (b"\xff" * 64, "the signature does not verify"),
        (good[32:] + good[:32], "the signature does not verify"),
    ):
        other = replace(signed, signature_value=m.SignatureValue(value=value))
        assert xmlsig.verify_request(_with(request_message, other)).reason == reason
    named = replace(signed, signature_value=m.SignatureValue(id="v", value=good))
    assert "has an Id" in xmlsig.verify_request(_with(request_message, named)).reason


def test_message_when_not_signed_or_of_the_other_kind_then_refused(
    request_message, response_message
):
    assert xmlsig.verify_request(_with(request_message, None)).reason == "the message is not signed"
    assert xmlsig.verify_request(response_message) is xmlsig.NO_REQUEST
    assert xmlsig.verify_response(request_message) is xmlsig.NO_RESPONSE


def test_request_when_signed_by_another_key_then_refused(forge, request_message):
    message = _signed_again(request_message, _key(forge.pki, "contract"))
    assert xmlsig.verify_request(message).reason == "the signature does not verify"


def test_request_when_its_certificate_is_none_or_of_another_kind_then_refused(
    forge20, request_message
):
    request = request_message.body.request
    other = forge20.pki.issued["provisioning"].certificate[:800]
    broken = replace(
        request_message, body=m.Body(request=replace(request, provisioning_certificate=other[:90]))
    )
    assert xmlsig.verify_request(broken).step == "parse"
    p521 = replace(
        request_message,
        body=m.Body(
            request=replace(
                request, provisioning_certificate=forge20.pki.issued["provisioning"].certificate
            )
        ),
    )
    assert xmlsig.verify_request(p521).step == "algorithm"
    with pytest.raises(ExiError, match="does not sign messages of ISO 15118-2"):
        xmlsig.sign(request_message, _key(forge20.pki, "provisioning"))


def test_request_when_it_cannot_be_digested_then_refused(request_message):
    request = replace(
        request_message.body.request, root_certificate_ids=m.RootCertificateIds(ids=())
    )
    refusal = xmlsig.verify_request(replace(request_message, body=m.Body(request=request)))
    assert refusal.reason.startswith("it cannot be digested: CertificateInstallationReq.")


def test_forbidden_content_when_read_then_refused_by_name(request_message):
    """The bits just behind Algorithm of SignatureMethod: HMACOutputLength is production 0 of 3 bits."""
    raw = exi.encode(request_message)
    number = int.from_bytes(raw, "big")
    needle = int.from_bytes(b"#ecdsa-sha256", "big")
    text, size = format(number, f"0{8 * len(raw)}b"), 8 * 13
    at = text.index(format(needle, f"0{size}b")) + size
    assert text[at : at + 3] == "010"
    for code, name in (
        (0b000, "HMACOutputLength"),
        (0b001, "a foreign element"),
        (0b011, "characters"),
    ):
        changed = text[:at] + format(code, "03b") + text[at + 3 :]
        with pytest.raises(ExiError, match=f"SignatureMethod.{name}: is not allowed in ISO 15118"):
            exi.decode(int(changed, 2).to_bytes(len(raw), "big"))


def test_request_when_judged_whole_then_chain_before_signature(forge, request_message):
    sub_cas = forge.pki.chain("provisioning")[1:]
    strict = profile.ISO15118_2
    policy = replace(strict.policy, tolerances=frozenset({"revocation-unknown"}))
    strict = replace(strict, policy=policy)
    unsigned = _with(request_message, None)
    good = installation.judge_request(
        request_message, forge.snapshot, strict, forge.now, sub_cas=sub_cas
    )
    assert good.is_accepted, good.reason
    bad = installation.judge_request(unsigned, forge.snapshot, strict, forge.now, sub_cas=sub_cas)
    assert (bad.step, bad.certificate_status) == ("signature", "SignatureError")
    assert installation.RESPONSE_CODES[bad.certificate_status] == "FAILED_SignatureError"
    alone = installation.judge_request(unsigned, forge.snapshot, strict, forge.now)
    assert (alone.step, alone.certificate_status) == ("path", "CertChainError")
    assert set(installation.RESPONSE_CODES.values()) <= set(edition2.RESPONSE_CODES)


def test_response_when_judged_whole_then_accepted(forge, request_message, response_message):
    policy = replace(profile.ISO15118_2.policy, tolerances=frozenset({"revocation-unknown"}))
    rules = replace(profile.ISO15118_2, policy=policy)
    good = installation.judge_response(response_message, forge.snapshot, rules, forge.now)
    assert good.is_accepted, good.reason
    for judge, message in (
        (installation.judge_response, request_message),
        (installation.judge_request, response_message),
    ):
        assert judge(message, forge.snapshot, rules, forge.now).step == "parse"


def test_message_when_it_cannot_be_signed_then_refused(forge, response_message):
    key = _key(forge.pki, "cps")
    response = response_message.body.response
    nameless = replace(response, contract_chain=replace(response.contract_chain, id=None))
    for body in (m.Body(), m.Body(response=nameless)):
        with pytest.raises(ExiError, match="no body, or an element that must be signed has no Id"):
            xmlsig.sign(replace(response_message, body=body), key)
    with pytest.raises(ExiError, match="a key of kind secp384r1 does not sign"):
        xmlsig.sign(response_message, ec.generate_private_key(ec.SECP384R1()))
