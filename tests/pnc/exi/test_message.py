"""Reading and writing what the tables declare, and naming where something does not fit."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pnc import exi
from pnc.errors import ExiError, PncError
from pnc.exi import document, edition2, edition20
from pnc.exi import message as m
from pnc.exi.grammar import Grammar

replace = msgspec.structs.replace


def test_emaid_fragment_when_written_then_relaxed_grammar():
    value = m.IdentifiedText(id="id4", value="DEABCC123ABC56")
    raw = exi.fragment(edition2.EMAID, value)
    assert raw.hex().upper() == "80EC0202B4B21A40041111505090D0CC4C8CD05090CD4DBD3D00"
    assert exi.read_fragment(raw, edition2.EMAID) == value


def test_messages_when_written_then_read_as_they_were(vehicle):
    for message in (vehicle.request(), vehicle.signed_request(), vehicle.signed_response()):
        raw = exi.encode(message)
        assert raw[:2] == b"\x80\x98"
        assert exi.decode(raw) == message
        assert exi.encode(exi.decode(raw)) == raw
        assert exi.from_json(exi.to_json(raw)) == raw


def test_header_when_it_notifies_then_kept(vehicle):
    said = m.Notification(fault_code="UnknownError", fault_message="it — broke")
    header = m.Header(session_id=b"", notification=said)
    message = replace(vehicle.request(), header=header)
    assert exi.decode(exi.encode(message)) == message
    for bare in (replace(said, fault_message=None), replace(said, fault_message="")):
        message = replace(message, header=replace(header, notification=bare))
        assert exi.decode(exi.encode(message)) == message


@pytest.mark.parametrize("count", [1, 2, 19, 20])
def test_roots_when_up_to_twenty_then_kept(vehicle, count):
    ids = tuple(m.RootCertificateId(issuer_name="", serial_number=n - 3) for n in range(count))
    message = vehicle.request(root_certificate_ids=m.RootCertificateIds(ids=ids))
    raw = exi.encode(message)
    assert exi.decode(raw) == message
    assert exi.from_json(exi.to_json(raw)) == raw


@pytest.mark.parametrize("count", [0, 1, 4])
def test_sub_certificates_when_none_to_four_then_kept(vehicle, count):
    subs = m.SubCertificates(certificates=(b"x",) * count) if count else None
    chain = m.CertificateChain(certificate=b"\x00" * 800, sub_certificates=subs)
    message = vehicle.response(provisioning_service_chain=chain)
    assert exi.decode(exi.encode(message)) == message
    assert len(chain.ders) == count + 1


def test_every_response_code_when_written_then_read(vehicle):
    for code in edition2.RESPONSE_CODES:
        found = exi.decode(exi.encode(vehicle.response(response_code=code)))
        assert found.body.response.response_code == code


def test_signature_when_it_has_every_attribute_then_kept(vehicle):
    message = vehicle.signed_request()
    signed = message.header.signature
    reference = replace(signed.signed_info.references[0], id="r", type="urn:t")
    info = replace(signed.signed_info, id="i", references=(reference, replace(reference, uri=None)))
    value = replace(signed.signature_value, id="v")
    signed = m.Signature(id="s", signed_info=info, signature_value=value)
    message = replace(message, header=replace(message.header, signature=signed))
    raw = exi.encode(message)
    assert exi.decode(raw) == message
    assert exi.from_json(exi.to_json(raw)) == raw
    without = replace(info, references=(replace(reference, transforms=None),))
    assert (
        exi.read_fragment(exi.fragment(edition2.SIGNED_INFO, without), edition2.SIGNED_INFO)
        == without
    )


_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff").filter(
        lambda c: ord(c) >= 32 and ord(c) & 0xFFFF < 0xFFFE
    ),
    max_size=100,
)


@given(
    st.lists(st.tuples(_TEXT, st.integers(-(2**160), 2**160)), min_size=1, max_size=20),
    st.binary(max_size=800),
    st.binary(max_size=8),
    _TEXT,
)
def test_request_when_of_any_values_then_read_as_written(roots, certificate, session, name):
    ids = tuple(m.RootCertificateId(issuer_name=a, serial_number=b) for a, b in roots)
    made = m.InstallationRequest(
        id=name,
        provisioning_certificate=certificate,
        root_certificate_ids=m.RootCertificateIds(ids=ids),
    )
    message = m.Message(header=m.Header(session_id=session), body=m.Body(request=made))
    raw = exi.encode(message)
    assert exi.decode(raw) == message
    assert exi.from_json(exi.to_json(raw)) == raw
    piece = exi.fragment(edition2.REQUEST, made)
    assert piece.startswith(b"\x80\x0f")
    assert exi.read_fragment(piece, edition2.REQUEST) == made


_BIG = 1 << 200
UNFIT = {
    "certificate of 801 octets": ({"provisioning_certificate": bytes(801)}, "OEMProvisioningCert: 801 octets, 0 to 800 are allowed"),
    "no roots": ({"root_certificate_ids": m.RootCertificateIds(ids=())}, "ListOfRootCertificateIDs: RootCertificateID is missing"),
    "21 roots": (
        {"root_certificate_ids": m.RootCertificateIds(ids=(m.RootCertificateId(issuer_name="", serial_number=0),) * 21)},
        "ListOfRootCertificateIDs.RootCertificateID: 21, at most 20 are allowed",
    ),
    "serial number": (
        {"root_certificate_ids": m.RootCertificateIds(ids=(m.RootCertificateId(issuer_name="", serial_number=_BIG),))},
        "X509SerialNumber: a number of more than 168 bits",
    ),
    "surrogate": ({"id": "\ud800"}, "Id: U+D800 is not a character of XML"),
    "control character": ({"id": "\x00"}, "Id: U+0000 is not a character of XML"),
    "long id": ({"id": "x" * 129}, "Id: 129 characters, 0 to 128 are allowed"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNFIT)
def test_request_when_a_value_does_not_fit_then_refused_by_name(vehicle, name):
    changes, reason = UNFIT[name]
    with pytest.raises(ExiError) as caught:
        exi.encode(vehicle.request(**changes))
    assert str(caught.value).startswith("V2G_Message.Body.CertificateInstallationReq.")
    assert str(caught.value).endswith(reason)
    assert isinstance(caught.value, PncError)


def test_response_when_a_value_does_not_fit_then_refused_by_name(vehicle):
    for changes, reason in (
        ({"response_code": "FINE"}, "ResponseCode: 'FINE' is none of the values allowed"),
        ({"emaid": m.IdentifiedText(id="a", value="DEABC")}, "eMAID.value: 5 characters, 14 to 15 are allowed"),
        ({"dh_public_key": m.IdentifiedBytes(id="a", value=bytes(66))}, "DHpublickey.value: 66 octets, 0 to 65 are allowed"),
        ({"encrypted_private_key": m.IdentifiedBytes(id="a", value=bytes(49))}, "ContractSignatureEncryptedPrivateKey.value: 49 octets, 0 to 48 are allowed"),
    ):  # fmt: skip
        with pytest.raises(
            ExiError, match=r"^V2G_Message\.Body.CertificateInstallationRes"
        ) as caught:
            exi.encode(vehicle.response(**changes))
        assert str(caught.value).endswith(reason)


def test_body_when_none_or_both_then_refused(vehicle):
    one, other = vehicle.request(), vehicle.response()
    with pytest.raises(ExiError, match="is missing"):
        exi.encode(replace(one, body=m.Body()))
    both = m.Body(request=one.body.request, response=other.body.response)
    with pytest.raises(ExiError, match="not allowed here"):
        exi.encode(replace(one, body=both))


def test_signed_info_when_five_references_then_refused(vehicle):
    message = vehicle.signed_request()
    info = message.header.signature.signed_info
    many = replace(info, references=info.references * 5)
    with pytest.raises(ExiError, match="Reference: 5, at most 4"):
        exi.fragment(edition2.SIGNED_INFO, many)


def test_message_when_it_would_be_absurdly_long_then_refused():
    names = ("Ö" * 1024,) * 20
    ids = tuple(m.RootCertificateId(issuer_name=n, serial_number=0) for n in names)
    made = m.InstallationRequest(
        id="a", provisioning_certificate=b"", root_certificate_ids=m.RootCertificateIds(ids=ids)
    )
    message = m.Message(header=m.Header(session_id=b""), body=m.Body(request=made))
    with pytest.raises(ExiError, match="bytes, at most 32768 are written"):
        exi.encode(message)
    with pytest.raises(ExiError, match="bytes, at most 32768 are read"):
        exi.decode(b"\x80\x98" + bytes(40_000))


def _grammars(grammar: Grammar, seen: dict[int, Grammar]) -> dict[int, Grammar]:
    if id(grammar) not in seen:
        seen[id(grammar)] = grammar
        for row in grammar.rows:
            if row.grammar is not None:
                _grammars(row.grammar, seen)
    return seen


def test_tables_and_values_when_compared_then_same_fields():
    seen: dict[int, Grammar] = {}
    twenty = (*edition20.DOCUMENTS, *edition20.FRAGMENTS)
    for root in (edition2.DOCUMENT, *edition2.FRAGMENTS, *twenty):
        _grammars(root.grammar, seen)
    assert len(seen) >= 30
    for grammar in seen.values():
        fields = grammar.make.__struct_fields__
        assert sorted(fields) == sorted(row.field for row in grammar.rows), grammar.name
        for info, row in (
            (f, r)
            for f in msgspec.structs.fields(grammar.make)
            for r in grammar.rows
            if r.field == f.name
        ):
            is_optional = info.default is not msgspec.NODEFAULT
            assert is_optional == (not row.least), (grammar.name, row.name)
        for state in grammar.states:
            assert all(code < 1 << state.width for code in state.steps)
            assert all(step.then < len(grammar.states) for step in state.steps.values())


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("CertificateChainType", [2, 1, 2, 1]),
        ("MessageHeaderType", [1, 2, 2, 1]),
        ("ReferenceType", [3, 3, 2, 2, 1, 1, 1]),
        ("SignatureMethodType", [1, 3]),
        ("DigestMethodType", [1, 2]),
    ],
)
def test_states_when_derived_then_widths_count_the_escape(name, widths):
    seen = _grammars(edition2.DOCUMENT.grammar, {})
    grammar = next(each for each in seen.values() if each.name == name)
    assert sorted(state.width for state in grammar.states) == sorted(widths)


def _bits(text: str) -> bytes:
    digits = text.replace(" ", "")
    digits += "0" * (-len(digits) % 8)
    return int(digits, 2).to_bytes(len(digits) // 8, "big")


REFUSED = {
    "not EXI": (b"\x24EXI\x80", "its first byte is not 0x80"),
    "empty": (b"", "ends too early"),
    "only a header": (b"\x80", "ends too early"),
    "another document": (_bits("10000000 1001101"), "it holds none of V2G_Message"),
    "escape": (_bits("10000000 1001100 1"), "V2G_Message: content that is not known here"),
    "another message": (_bits("10000000 1001100 0 0 0 00000000 0 10 0 000111"), "Body: content that is not known here"),
    "number not shortest": (_bits("10000000 1001100 0 0 0 10000000 00000000"), "SessionID: a number that is not in its shortest form"),
    "session too long": (_bits("10000000 1001100 0 0 0 00001001" + "0" * 80), "V2G_Message.Header.SessionID: 9 octets, 0 to 8 are allowed"),
    "endless number": (_bits("10000000 1001100 0 0 0" + "11111111" * 30), "a number of more than 32 bits"),
    "fault code 3": (_bits("10000000 1001100 0 0 0 00000000 0 00 0 0 11"), "FaultCode: value 3 of an enumeration of 3"),
    "string table": (_bits("10000000 1001100 0 0 0 00000000 0 00 0 0 00 0 00 0 00000000"), "FaultMsg: a hit in the string table"),
    "announced, absent": (_bits("10000000 1001100 0 0 0 00001000 0000"), "8 octets are announced"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bytes_when_not_a_message_then_refused_by_name(name):
    raw, reason = REFUSED[name]
    with pytest.raises(ExiError) as caught:
        exi.decode(raw)
    assert reason in str(caught.value)


def test_padding_and_trailing_bytes_when_present_then_refused(samples):
    for raw in samples:
        with pytest.raises(ExiError, match="1 bytes follow"):
            exi.decode(raw + b"\x00")
        loud = [raw[:-1] + bytes([raw[-1] | 1 << bit]) for bit in range(8)]
        for each in loud:
            if each != raw:
                with pytest.raises(ExiError):
                    exi.decode(each)


def test_fragment_when_of_another_root_or_end_then_refused(vehicle):
    chain = vehicle.response().body.response.contract_chain
    raw = exi.fragment(edition2.CONTRACT_CHAIN, chain)
    with pytest.raises(ExiError, match="none of DHpublickey"):
        exi.read_fragment(raw, edition2.PUBLIC_KEY)
    other = document.Root(
        "ContractSignatureCertChain",
        edition2.CONTRACT_CHAIN.code,
        edition2.CONTRACT_CHAIN.grammar,
        document.Code(243, 8),
    )
    with pytest.raises(ExiError, match="does not end after it"):
        exi.read_fragment(exi.fragment(other, chain), edition2.CONTRACT_CHAIN)
