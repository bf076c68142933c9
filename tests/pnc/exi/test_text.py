"""The JSON face: names as in the standard."""

from __future__ import annotations

import json
from base64 import b64encode

import msgspec
import pytest

from pnc import exi
from pnc.errors import ExiError


@pytest.fixture
def said(vehicle):
    return json.loads(exi.to_json(exi.encode(vehicle.signed_request())))


def _load(said):
    return exi.from_json(json.dumps(said).encode())


def test_json_when_written_then_names_of_the_standard(vehicle, said):
    message = said["V2G_Message"]
    assert message["Header"]["SessionID"] == "0102"
    signature = message["Header"]["Signature"]
    assert signature["SignedInfo"]["Reference"][0]["URI"] == "#ID1"
    assert len(signature["SignatureValue"]["value"]) == 88
    body = message["Body"]["CertificateInstallationReq"]
    assert body["Id"] == "ID1"
    der = vehicle.pki.issued["provisioning"].certificate
    assert body["OEMProvisioningCert"] == b64encode(der).decode()
    first, second = body["ListOfRootCertificateIDs"]["RootCertificateID"]
    assert first == {"X509IssuerName": "CN=Root,O=Ö,C=DE", "X509SerialNumber": str(1 << 127)}
    assert second["X509SerialNumber"] == -5


def test_json_when_serial_is_number_or_text_then_same_bytes(said):
    roots = said["V2G_Message"]["Body"]["CertificateInstallationReq"]["ListOfRootCertificateIDs"]
    raw = _load(said)
    roots["RootCertificateID"][0]["X509SerialNumber"] = 1 << 127
    roots["RootCertificateID"][1]["X509SerialNumber"] = "-5"
    assert _load(said) == raw


WRONG = {
    "unknown": (("Header", "Extra"), 1, "V2G_Message.Header: 'Extra' is not known here"),
    "missing": (("Header", "SessionID"), None, "V2G_Message.Header.SessionID: is missing"),
    "not hexadecimal": (("Header", "SessionID"), "0g", "SessionID: not hexadecimal"),
    "not base64": (("Header", "Signature", "SignatureValue", "value"), "a", "SignatureValue.value: not base64"),
    "not text": (("Header", "Signature", "SignatureValue", "value"), 5, "base64 text is expected"),
    "not an object": (("Header", "Signature"), [], "Signature: an object is expected"),
    "not a list": (("Header", "Signature", "SignedInfo", "Reference"), {}, "Reference: a list is expected"),
    "too many": (("Header", "Signature", "SignedInfo", "Reference"), [{}] * 5, "Reference: 5, at most 4 are allowed"),
    "empty list": (("Header", "Signature", "SignedInfo", "Reference"), [], "Reference is missing"),
    "bad enumeration": (("Header", "Notification"), {"FaultCode": "Oops"}, "FaultCode: 'Oops' is none of the values allowed"),
    "enumeration of number": (("Header", "Notification"), {"FaultCode": 0}, "FaultCode: text is expected"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_json_when_wrong_then_the_field_is_named(said, name):
    path, value, reason = WRONG[name]
    place = said["V2G_Message"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ExiError) as caught:
        _load(said)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("V2G_Message.")


@pytest.mark.parametrize("value", [True, 1.5, "", "-", "1.5", "0x10", "٣", "9" * 70, [], 1 << 300])
def test_serial_when_no_integer_of_its_size_then_refused(said, value):
    roots = said["V2G_Message"]["Body"]["CertificateInstallationReq"]["ListOfRootCertificateIDs"]
    roots["RootCertificateID"][0]["X509SerialNumber"] = value
    with pytest.raises(ExiError, match=r"RootCertificateID\.X509SerialNumber"):
        _load(said)


def test_json_when_two_documents_then_refused(said):
    with pytest.raises(ExiError, match="one object with one key"):
        _load(said | {"other": 1})
    assert msgspec.json.decode(exi.to_json(_load(said))) == said


@pytest.mark.parametrize("digits", [25, 400, 4300, 4301, 20_000])
def test_number_when_absurdly_long_then_refused_in_a_short_line(said, digits):
    raw = json.dumps(said).replace("-5", "9" * digits).encode()
    if digits < 50:
        exi.from_json(raw)
        return
    with pytest.raises(ExiError) as caught:
        exi.from_json(raw)
    assert len(str(caught.value)) < 200
