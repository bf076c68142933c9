"""C2SP/x509-limbo: the 108 cases about paths, by the same door as ``pnc verify --batch``."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from pnc import batch, chain, pem, profile, trust
from pnc import certificate as x509

pytestmark = pytest.mark.shared
LEAF_RULE = "webpki::ca-as-leaf"


@pytest.fixture(scope="module")
def cases(shared):
    listed = set(json.loads((shared / "x509-limbo/applicable.json").read_text())["ids"])
    suite = json.loads((shared / "x509-limbo/limbo.json").read_text())
    return {case["id"]: case for case in suite["testcases"] if case["id"] in listed}


def _b64(text, label=pem.CERTIFICATE):
    return base64.b64encode(pem.split(text, label)[0]).decode()


def request(case):
    return {
        "id": case["id"],
        "chain": [_b64(case["peer_certificate"])],
        "pool": [_b64(text) for text in case["untrusted_intermediates"]],
        "roots": [_b64(text) for text in case["trusted_certs"]],
        "profile": "rfc5280",
        "role": "any",
        "at": case["validation_time"],
        "crls": [_b64(text, pem.CRL) for text in case["crls"]],
        "max_chain_depth": case["max_chain_depth"],
    }


def test_limbo_when_one_policy_then_all_but_the_contradictory_twin(cases):
    assert len(cases) == 108
    wrong = {}
    for name, case in cases.items():
        answer = json.loads(
            batch.answer_line(json.dumps(request(case)).encode(), datetime.now(UTC))
        )
        assert answer["id"] == name
        if (answer["verdict"] == "accepted") != (case["expected_result"] == "SUCCESS"):
            wrong[name] = answer
        if answer["verdict"] == "refused":
            assert answer["reason"]
            assert answer["step"]
            assert answer["certificate"]
    assert set(wrong) == {LEAF_RULE}


def test_limbo_when_an_end_entity_is_never_a_ca_then_the_twin_too(cases):
    table = msgspec.structs.replace(
        profile.RFC5280,
        leaf_may_be_ca=False,
        policy=msgspec.structs.replace(
            profile.RFC5280.policy, tolerances=frozenset({"revocation-unknown"})
        ),
    )
    case = cases[LEAF_RULE]
    roots = [trust.anchor(x509.parse(pem.split(text)[0]), None) for text in case["trusted_certs"]]
    ders = [pem.split(case["peer_certificate"])[0]]
    verdict = chain.verify(ders, trust.snapshot(anchors=roots), table, "any", datetime.now(UTC))
    assert verdict.verdict == "refused"
    assert verdict.reason == "an end entity that is a CA"


def test_limbo_when_pathological_then_bounded(cases):
    for name, case in cases.items():
        if not name.startswith("pathological::"):
            continue
        line = json.dumps(request(case)).encode()
        before = datetime.now(UTC)
        batch.answer_line(line, before)
        assert datetime.now(UTC) - before < timedelta(seconds=1), name
