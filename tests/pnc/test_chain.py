from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pnc import authority, certificate, trust
from pnc import policy as rules
from pnc.revocation import crl

ROLES = {
    "contract": "contract",
    "contract-v2g": "contract",
    "provisioning": "provisioning",
    "secc": "secc",
    "secc-private": "secc",
    "cps": "cps",
    "vehicle": "vehicle",
}


@pytest.mark.parametrize("which", ["forge", "forge20"])
def test_every_leaf_of_the_pki_when_used_in_its_role_then_accepted_and_in_no_other(request, which):
    forge = request.getfixturevalue(which)
    for name, own in ROLES.items():
        if name not in forge.pki.issued:
            continue
        for role in forge.profile.roles:
            verdict = forge.verify(forge.pki.chain(name), role)
            assert verdict.is_accepted == (role == own), (name, role, verdict.reason)


def test_verdict_when_accepted_then_says_all_that_was_looked_at(forge):
    verdict = forge.verify(forge.pki.chain("contract"), emaid="de-8aa-c12345678-9")
    assert verdict.is_accepted
    assert verdict.emaid == "DE8AAC12345678"
    assert verdict.certificate_status == verdict.id_token_status == "Accepted"
    assert [text.split("CN=")[1].split(",")[0] for text in verdict.path][1:] == [
        "MO Sub2 CA",
        "MO Sub1 CA",
        "MO Root CA",
    ]
    steps = [check.step for check in verdict.checks]
    assert steps == [
        "profile",
        "signature",
        "signature",
        "signature",
        "anchor",
        "validity",
        "revocation",
        "revocation",
        "revocation",
        "emaid",
    ]
    assert {check.result for check in verdict.checks} == {"passed"}
    assert verdict.holds_until == forge.made + timedelta(days=7)
    assert verdict.fingerprint == certificate.parse(forge.pki.chain("contract")[0]).fingerprint


def test_order_when_sub_cas_are_shuffled_or_doubled_then_accepted(forge):
    leaf, two, one = forge.pki.chain("contract")
    root = forge.pki.issued["mo-root"].certificate
    for ders in ([leaf, one, two], [leaf, root, one, two], [leaf, two, one, two, leaf]):
        assert forge.verify(ders).is_accepted


@pytest.fixture(scope="module")
def whole(forge):
    """Leaf, both sub-CAs and the root appended."""
    return [*forge.pki.chain("contract"), forge.pki.issued["mo-root"].certificate]


@given(data=st.data())
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_byte_when_changed_anywhere_then_never_accepted(forge, whole, data):
    which = data.draw(st.integers(0, 3))
    at = data.draw(st.integers(0, len(whole[which]) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != whole[which][at]))
    raw = bytearray(whole[which])
    raw[at] = value
    ders = [*whole[:which], bytes(raw), *whole[which + 1 :]]
    verdict = forge.verify(ders, soft=True)
    assert verdict.verdict == "refused"
    assert verdict.reason


def test_every_byte_when_its_lowest_bit_is_flipped_then_refused(forge, whole):
    for which, der in enumerate(whole):
        for at in range(0, len(der), 3):
            raw = bytearray(der)
            raw[at] ^= 1
            ders = [*whole[:which], bytes(raw), *whole[which + 1 :]]
            assert forge.verify(ders, soft=True).verdict == "refused", (which, at)


def test_trusted_root_when_one_byte_is_flipped_then_refused(forge):
    root = forge.pki.issued["mo-root"].certificate
    for at in range(len(root)):
        raw = bytearray(root)
        raw[at] ^= 1
        try:
            anchor = trust.anchor(certificate.parse(bytes(raw)), "MO")
        except ValueError:
            continue
        verdict = forge.verify(
            forge.pki.chain("contract"), snapshot=trust.snapshot(anchors=[anchor]), soft=True
        )
        assert verdict.verdict == "refused", at


def test_cross_certificate_when_only_the_other_root_is_trusted_then_accepted(forge):
    ders = forge.pki.chain("contract-v2g")
    cross = certificate.parse(forge.pki.issued["v2g-root-cross"].certificate)
    assert forge.verify(ders, snapshot=forge.trusting("v2g-root-2")).step == "path"
    snapshot = forge.trusting("v2g-root-2", intermediates=[cross])
    verdict = forge.verify(ders, snapshot=snapshot)
    assert verdict.is_accepted, verdict.reason
    assert "V2G Root CA 2" in verdict.path[-1]
    assert len(verdict.path) == 5
    both = forge.trusting("v2g-root", "v2g-root-2", intermediates=[cross])
    assert len(forge.verify(ders, snapshot=both).path) == 4


def test_tolerance_when_granted_to_a_root_then_for_its_domain_only(forge):
    sub2 = forge.issue("mo-sub2", "mo-sub1", path_length=None)
    leaf = forge.issue("contract", sub2)
    ders = [leaf.certificate, sub2.certificate, forge.pki.issued["mo-sub1"].certificate]
    root = certificate.parse(forge.pki.issued["mo-root"].certificate)
    other = certificate.parse(forge.pki.issued["v2g-root"].certificate)
    granted = {rules.SUB_CA_WITHOUT_PATH_LENGTH, rules.REVOCATION_UNKNOWN}
    for tolerances, of_other, accepted in ((granted, (), True), ((), granted, False)):
        anchors = [trust.anchor(root, "MO", tolerances), trust.anchor(other, "V2G", of_other)]
        verdict = forge.verify(ders, snapshot=trust.snapshot(anchors=anchors))
        assert verdict.is_accepted is accepted
    assert set(rules.TOLERANCES) >= granted


def test_emaid_when_spellings_are_equated_by_policy_then_bound(forge):
    _, ders = authority.issue_contract(forge.pki, "NL-TNM-012204-5", forge.made)
    policy = msgspec.structs.replace(
        forge.profile.policy, equate_spellings_for=frozenset({"NLTNM"})
    )
    table = msgspec.structs.replace(forge.profile, policy=policy)
    for asked in ("NL-TNM-012204-5", "NL-TNM-C00122045-K", "NLTNM000122045"):
        assert forge.verify(ders, emaid=asked, profile=table).is_accepted
    assert forge.verify(ders, emaid="NL-TNM-000122045-X").is_accepted
    assert forge.verify(ders, emaid="NL-TNM-012204-5").step == "emaid"


def test_ca_path_when_known_then_a_new_leaf_is_still_judged_whole(forge):
    snapshot = forge.pki.snapshot(forge.made)
    assert forge.verify(forge.pki.chain("contract"), snapshot=snapshot).is_accepted
    assert len(snapshot.memory.paths) == 1
    twin = authority.make(forge.made)
    forged = [twin.chain("contract")[0], *forge.pki.chain("contract")[1:]]
    assert forge.verify(forged, snapshot=snapshot).step == "signature"
    late = forge.now + timedelta(days=365 * 5)
    assert forge.verify(forge.pki.chain("contract"), snapshot=snapshot, now=late).step == "validity"
    with_wrong = [*forge.pki.chain("contract"), twin.issued["mo-sub1"].certificate]
    assert forge.verify(with_wrong, snapshot=snapshot).step == "signature"


def test_revocation_when_silent_then_refused_unless_tolerated(forge):
    snapshot = forge.trusting("mo-root", crls=[])
    verdict = forge.verify(forge.pki.chain("contract"), snapshot=snapshot)
    assert (verdict.step, verdict.reason) == ("revocation", "nobody says whether it is revoked")
    verdict = forge.verify(forge.pki.chain("contract"), snapshot=snapshot, soft=True)
    assert verdict.is_accepted
    assert [check.result for check in verdict.checks].count("unchecked") == 3


def test_crls_when_made_by_the_pki_then_readable(forge):
    for data in forge.pki.crls(forge.made).values():
        assert crl.parse(data).defect is None
