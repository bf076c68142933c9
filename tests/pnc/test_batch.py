from __future__ import annotations

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pnc import authority, batch, certificate, pem
from pnc.errors import RequestError


def b64(data):
    return base64.b64encode(data).decode()


@pytest.fixture
def ask(forge):
    def make(**changes):
        ders = forge.pki.chain("contract")
        line = {
            "id": "q1",
            "chain": [b64(ders[0])],
            "pool": [b64(der) for der in reversed(ders[1:])],
            "roots": [b64(forge.pki.issued["mo-root"].certificate)],
            "profile": "iso15118-2",
            "role": "contract",
            "at": forge.now.isoformat(),
        } | changes
        return json.loads(batch.answer_line(json.dumps(line).encode(), forge.now))

    return make


def test_line_when_good_then_accepted(ask):
    assert ask() == {
        "id": "q1",
        "verdict": "accepted",
        "reason": None,
        "step": None,
        "certificate": None,
    }


def test_line_when_evidence_is_given_then_the_leaf_must_be_covered(forge, ask):
    lists = forge.pki.crls(forge.made, revoked=forge.pki.chain("contract")[:1])
    assert ask(crls=[b64(lists["mo-sub2"])])["step"] == "revocation"
    assert ask(crls=[b64(lists["mo-sub1"])])["reason"] == "nobody says whether it is revoked"
    assert ask(crls=[b64(forge.pki.crls(forge.made)["mo-sub2"])])["verdict"] == "accepted"
    assert ask(crls=[b64(b"\x30\x00")])["step"] == "revocation"
    assert (
        ask(ocsp=[b64(authority.ocsp_good(forge.pki, "contract", forge.made))])["verdict"]
        == "accepted"
    )
    assert ask(revocation="hard")["step"] == "revocation"


def test_line_when_the_root_is_of_another_family_then_refused(forge, ask):
    root = forge.pki.issued["oem-root"].certificate
    assert ask(roots=[b64(root)])["step"] == "path"
    assert batch.root_role(certificate.parse(root)) == "OEM"
    assert ask(role="secc")["step"] == "profile"


def test_line_when_a_cross_certificate_is_in_the_pool_then_used(forge, ask):
    ders = [b64(der) for der in forge.pki.chain("contract-v2g")]
    cross, other = (
        b64(forge.pki.issued[name].certificate) for name in ("v2g-root-cross", "v2g-root-2")
    )
    assert ask(chain=ders, pool=[cross], roots=[other])["verdict"] == "accepted"
    assert ask(chain=ders, pool=[], roots=[other])["step"] == "path"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"profile": "iso"}, "profile: 'iso' is none of"),
        ({"role": "driver"}, "role: 'driver' is none of"),
        ({"at": "yesterday"}, "at: not an RFC 3339 time"),
        ({"at": "2026-01-01T00:00:00"}, "at: a time without zone"),
        ({"chain": []}, "chain: no certificate"),
        ({"chain": ["?"]}, "chain: not base64"),
        ({"chain": ["\u00e4"]}, "chain: not base64"),
        ({"chain": 5}, "the line is not a request"),
        ({"roots": ["AA=="] * 1025}, "roots: 1025 values"),
        ({"max_chain_depth": -1}, "max_chain_depth: below 0"),
        ({"tolerances": ["anything"]}, "tolerances: 'anything' is none of"),
        ({"revocation": "maybe"}, "revocation: none of hard, leaf, soft"),
    ],
)
def test_line_when_not_understood_then_says_which_field(ask, changes, reason):
    answer = ask(**changes)
    assert answer["id"] == "q1"
    assert (answer["verdict"], answer["step"]) == ("refused", "request")
    assert reason in answer["reason"]


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_line_when_any_bytes_then_one_answer(forge, raw):
    answer = json.loads(batch.answer_line(raw, forge.now))
    assert answer["verdict"] == "refused"


def test_line_when_nested_deeply_then_answered(forge):
    assert json.loads(batch.answer_line(b"[" * 100_000, forge.now))["verdict"] == "refused"


def test_question_when_asked_directly_then_the_documented_report(forge):
    question = batch.Question(
        chain=forge.pki.chain("contract"), roots=(forge.pki.issued["mo-root"].certificate,)
    )
    report = msgspec.to_builtins(batch.report(batch.verify(question, forge.now)))
    assert set(report) >= {"verdict", "emaid", "certificate_status", "path", "checks"}
    assert (report["verdict"], report["emaid"]) == ("accepted", "DE8AAC12345678")
    assert len(report["path"]) == 4
    assert set(report["checks"][0]) == {"step", "certificate", "result", "reason"}
    with pytest.raises(RequestError):
        batch.verify(msgspec.structs.replace(question, profile="x"), forge.now)


def test_pki_when_written_and_loaded_then_the_same(forge):
    stored = authority.init(forge.made)
    for generation in authority.TREES:
        prefix = f"{generation}/"
        own = {
            name[len(prefix) :]: data for name, data in stored.items() if name.startswith(prefix)
        }
        pki = authority.load(own, generation)
        chain = tuple(pem.split(own["chains/contract.pem"]))
        assert pki.chain("contract") == chain
        roots = tuple(pem.split(own["roots.pem"]))
        question = batch.Question(
            chain=chain,
            roots=roots,
            profile=generation,
            at=forge.now,
            crls=tuple(pem.split(own["crls/mo-sub2.pem"], pem.CRL)),
            ocsp=(own["ocsp/contract.der"],),
        )
        assert batch.verify(question, forge.now).is_accepted
        made, presented = authority.issue_contract(pki, "FR-XYZ-123456789", forge.made)
        assert "key not shown" in repr(made)
        assert (
            batch.verify(
                msgspec.structs.replace(question, chain=presented, crls=(), ocsp=()), forge.now
            ).emaid
            == "FRXYZ123456789"
        )
    with pytest.raises(RequestError):
        authority.load({})
    with pytest.raises(RequestError):
        authority.issue_contract(pki, "nobody", forge.made)
