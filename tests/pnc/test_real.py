"""Certificates that were published by Hubject, BMW and Electrify America."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from pnc import certificate, chain, profile, trust
from pnc import policy as rules

pytestmark = pytest.mark.shared
TOLERATED = (certificate.EXPLICIT_CA_FALSE, rules.REVOCATION_UNKNOWN)


@pytest.fixture(scope="module")
def index(shared):
    return json.loads((shared / "pnc-real/index.json").read_text())


def _read(shared, name):
    return (shared / "pnc-real" / name).read_bytes()


def test_every_real_certificate_when_read_then_as_indexed(shared, index):
    for row in index["certificates"]:
        found = certificate.parse(_read(shared, row["file"]))
        assert found.fingerprint.hex() == row["sha256"]
        assert f"{found.serial:x}" == row["serial_hex"]
        assert found.not_before == datetime.fromisoformat(row["not_before"])
        assert found.not_after == datetime.fromisoformat(row["not_after"])
        assert found.key.kind == "P-256"


def _verify(shared, case, tolerances):
    ders = [_read(shared, name) for name in case["leaf_first"]]
    root = certificate.parse(_read(shared, case["root"]))
    snapshot = trust.snapshot(anchors=[trust.anchor(root, "V2G", tolerances)])
    at = datetime.fromisoformat(case["valid_at"])
    return chain.verify(ders, snapshot, profile.ISO15118_2, case["role"], at)


def test_real_chains_when_their_deviations_are_tolerated_then_accepted(shared, index):
    for case in index["chains"]:
        verdict = _verify(shared, case, TOLERATED)
        assert verdict.is_accepted, verdict.reason
        assert [check.result for check in verdict.checks].count("tolerated") >= 1
        if case["role"] == "contract":
            assert verdict.emaid == "DEICECOPNCCERT"
            assert verdict.path[-1].endswith("CN=V2G Root CA QA G1")


def test_real_chains_when_strict_then_refused_by_name(shared, index):
    for case in index["chains"]:
        verdict = _verify(shared, case, ())
        assert verdict.verdict == "refused"
        assert verdict.step == "profile"
        assert verdict.reason == "basicConstraints cA=FALSE is written out, which DER forbids"


def test_real_leaves_when_their_issuer_is_absent_then_no_path(shared, index):
    root = certificate.parse(_read(shared, index["chains"][0]["root"]))
    snapshot = trust.snapshot(anchors=[trust.anchor(root, "V2G", TOLERATED)])
    row = next(each for each in index["certificates"] if "DEHUBCOPNCPROVCER" in each["file"])
    at = datetime.fromisoformat("2025-01-01T00:00:00Z")
    ders = [_read(shared, row["file"])]
    verdict = chain.verify(ders, snapshot, profile.ISO15118_2, "provisioning", at)
    assert (verdict.step, verdict.certificate_status) == ("path", "CertChainError")
    assert "OEM Sub2 CA QA G1.2.1" in verdict.reason
