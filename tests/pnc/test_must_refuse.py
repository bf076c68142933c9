"""What open systems get wrong (must-refuse cases): each is refused, and for its own reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pnc import algorithm, authority, certificate, trust
from pnc import extension as ext
from pnc import policy as rules
from pnc.revocation import crl

CA_USAGE = ext.KEY_CERT_SIGN | ext.CRL_SIGN
SIGNS = ext.DIGITAL_SIGNATURE | ext.NON_REPUDIATION
VALUES = {
    "2.5.29.30": "3015a0133011a40f300d310b3009060355040a0c024d4f",
    "2.5.29.33": "300a300806022a0306022a04",
    "2.5.29.36": "3003800100",
    "2.5.29.54": "020100",
}
ENCODED_NAME = bytes.fromhex("300d310b3009060355040a0c02") + b"MO"


def refused(verdict, step, reason, status="CertChainError"):
    assert verdict.verdict == "refused"
    assert (verdict.step, verdict.certificate_status) == (step, status), verdict.reason
    assert reason in verdict.reason, verdict.reason
    assert verdict.certificate
    assert verdict.checks[-1].result == "failed"
    assert verdict.id_token_status != "Accepted"


# 1, 2: a leaf under an attacker's own sub-CA, with the names of the real one


@pytest.mark.parametrize(
    ("kind", "step", "reason"),
    [
        (algorithm.ED448, "algorithm", "a key of kind Ed448 is not allowed"),
        (algorithm.P384, "algorithm", "a key of kind P-384 is not allowed"),
        (algorithm.P256, "signature", "does not verify under"),
    ],
)
def test_leaf_when_under_an_attackers_sub_ca_then_refused(forge, kind, step, reason):
    fake_root = forge.issue("mo-sub1", None)
    fake = forge.issue("mo-sub2", fake_root, key_kind=kind)
    leaf = forge.issue("contract", fake)
    ders = [leaf.certificate, fake.certificate, *forge.below(leaf)[2:]]
    refused(forge.verify(ders), step, reason)


def test_leaf_when_under_an_attackers_rsa_sub_ca_then_refused(forge, rsa_sub_ca):
    ders = [forge.pki.issued["contract"].certificate, rsa_sub_ca, *forge.pki.chain("mo-sub1")]
    refused(forge.verify(ders), "algorithm", "a key of kind RSA-2048 is not allowed")


@pytest.fixture(scope="module")
def rsa_sub_ca(forge):
    """A sub-CA with the right names and an RSA key, certified by the real Sub 1."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048).public_key()
    spki = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return forge.resign(forge.pki.issued["mo-sub2"], forge.pki.issued["mo-sub1"], spki=spki)


# 3: time


@pytest.mark.parametrize("days", [-1, 366 * 2, 366 * 5, 366 * 9, 366 * 41])
def test_chain_when_any_certificate_is_out_of_time_then_expired(forge, days):
    now = forge.now + timedelta(days=days)
    verdict = forge.verify(
        forge.pki.chain("contract"), now=now, soft=True, snapshot=forge.trusting("mo-root", crls=[])
    )
    reason = "not valid before" if days < 0 else "expired at"
    refused(verdict, "validity", reason, "CertificateExpired")
    assert verdict.id_token_status == "Expired"


@pytest.mark.parametrize(
    ("at", "who"), [(0, "DE8AAC12345678"), (1, "Sub2"), (2, "Sub1"), (3, "Root")]
)
def test_chain_when_one_certificate_expired_then_that_one_is_named(forge, at, who):
    names = ["mo-root", "mo-sub1", "mo-sub2", "contract"]
    issued, issuer = [], None
    for name in names:
        days = 1 if name == names[3 - at] else 300
        issuer = forge.issue(name, issuer, days=days)
        issued.insert(0, issuer)
    root = trust.anchor(certificate.parse(issued[3].certificate), "MO")
    snapshot = trust.snapshot(anchors=[root])
    ders = [each.certificate for each in issued[:3]]
    assert forge.verify(ders, snapshot=snapshot, soft=True).is_accepted
    verdict = forge.verify(ders, snapshot=snapshot, soft=True, now=forge.now + timedelta(days=2))
    refused(verdict, "validity", "expired at", "CertificateExpired")
    assert who in verdict.certificate


# 4, 9, 22, 23: roles


def test_contract_leaf_when_domain_component_is_cpo_then_refused(forge):
    subject = (("CN", "DE8AAC12345678"), ("DC", "CPO"))
    leaf = forge.issue(subject=subject)
    refused(forge.verify(forge.below(leaf)), "profile", "with the domain component CPO")


def test_secc_leaf_when_used_as_contract_then_refused(forge):
    refused(forge.verify(forge.pki.chain("secc")), "profile", "a contract leaf")


@pytest.mark.parametrize(
    ("root", "name", "role"),
    [
        ("oem-root", "contract", "contract"),
        ("mo-root", "provisioning", "provisioning"),
        ("mo-root", "secc", "secc"),
        ("oem-root", "cps", "cps"),
        ("pe-root", "cps", "cps"),
    ],
)
def test_chain_when_the_root_is_of_the_wrong_role_then_refused(forge, root, name, role):
    """[V2G2-925]: a valid root, signatures that fit, and the wrong use."""
    sub1 = forge.issue(
        {"secc": "cpo-sub1", "cps": "cps-sub1"}.get(
            name, "mo-sub1" if name == "contract" else "oem-sub1"
        ),
        root,
    )
    sub2 = forge.issue(
        {"secc": "cpo-sub2", "cps": "cps-sub2"}.get(
            name, "mo-sub2" if name == "contract" else "oem-sub2"
        ),
        sub1,
    )
    leaf = forge.issue(name, sub2)
    ders = [leaf.certificate, sub2.certificate, sub1.certificate]
    refused(forge.verify(ders, role), "anchor", "a root of role")


def test_leaf_when_purpose_is_of_another_use_then_refused(forge):
    leaf = forge.issue(purposes=(ext.SERVER_AUTH,))
    refused(forge.verify(forge.below(leaf)), "profile", "with purpose serverAuth")
    for purposes in ((), (ext.CLIENT_AUTH,)):
        leaf = forge.issue("secc", "cpo-sub2", purposes=purposes)
        verdict = forge.verify(forge.below(leaf, "cpo-sub2", "cpo-sub1"), "secc")
        refused(verdict, "profile", "a SECC leaf without serverAuth")


def test_secc_leaf_when_under_the_mo_branch_then_refused(forge):
    leaf = forge.issue("secc", "mo-v2g-sub2")
    verdict = forge.verify(forge.below(leaf, "mo-v2g-sub2", "mo-v2g-sub1"), "secc")
    refused(verdict, "profile", "a CPO sub-CA with the domain component MO")


# 5, 6, 8, 17, 18: the path


def test_leaf_when_issuer_name_differs_and_signature_fits_then_refused(forge):
    leaf = forge.issue()
    changed = forge.resign(leaf, forge.pki.issued["mo-sub2"], issuer=ENCODED_NAME)
    refused(forge.verify(forge.below(changed)), "path", "no issuer O=MO is presented or trusted")


def test_leaf_when_it_is_a_ca_then_refused(forge):
    leaf = forge.issue(is_ca=True, usage=SIGNS | CA_USAGE)
    refused(forge.verify(forge.below(leaf)), "profile", "a contract leaf that is a CA")


def test_sub_ca_when_without_key_cert_sign_then_refused(forge):
    sub2 = forge.issue("mo-sub2", "mo-sub1", usage=ext.CRL_SIGN)
    leaf = forge.issue("contract", sub2)
    ders = [leaf.certificate, sub2.certificate, *forge.pki.chain("mo-sub1")]
    refused(forge.verify(ders), "profile", "a CA whose keyUsage lacks keyCertSign")


def test_sub_ca_when_it_is_itself_a_leaf_then_refused(forge):
    middle = forge.pki.issued["contract"]
    leaf = forge.issue("contract", middle)
    ders = [leaf.certificate, *forge.pki.chain("contract")]
    refused(forge.verify(ders), "profile", "a MO sub-CA that is no CA")


def test_path_when_path_length_is_exceeded_then_refused(forge):
    sub2 = forge.issue("mo-sub2", "mo-sub1", path_length=0)
    sub3 = forge.issue("mo-sub2", sub2, subject=(("CN", "MO Sub3 CA"),))
    leaf = forge.issue("contract", sub3)
    ders = [leaf.certificate, sub3.certificate, sub2.certificate, *forge.pki.chain("mo-sub1")]
    refused(forge.verify(ders), "path_length", "its path length allows no 1 CAs below it")


def test_path_when_longer_than_three_then_refused(forge):
    """[V2G2-009] even where every path length would allow it."""
    root = forge.issue("mo-root", None)
    chain, issuer = [], root
    for number in (1, 2, 3):
        issuer = forge.issue(
            "mo-sub1", issuer, path_length=1 if number < 3 else 0, subject=(("CN", f"Sub{number}"),)
        )
        chain.insert(0, issuer.certificate)
    leaf = forge.issue("contract", issuer)
    anchor = trust.anchor(certificate.parse(root.certificate), "MO")
    verdict = forge.verify([leaf.certificate, *chain], snapshot=trust.snapshot(anchors=[anchor]))
    refused(verdict, "path_length", "")


# 7, 21, 24, 25, 26: the certificate itself


@pytest.mark.parametrize(
    ("oid", "is_critical", "reason"),
    [
        ("1.3.6.1.4.1.55738.666.1", True, "unknown critical extension 1.3.6.1.4.1.55738.666.1"),
        ("2.5.29.30", True, "nameConstraints"),
        ("2.5.29.33", True, "policyMappings has no place"),
        ("2.5.29.33", False, "policyMappings has no place"),
        ("2.5.29.36", True, "policyConstraints has no place"),
        ("2.5.29.54", True, "inhibitAnyPolicy has no place"),
    ],
)
@pytest.mark.parametrize("where", ["leaf", "sub"])
def test_extension_when_unknown_critical_or_out_of_place_then_refused(
    forge, oid, is_critical, reason, where
):
    value = bytes.fromhex(VALUES.get(oid, "3003020100"))
    extra = ((oid, is_critical, value),)
    sub2 = forge.issue("mo-sub2", "mo-sub1", extra=extra if where == "sub" else ())
    leaf = forge.issue("contract", sub2, extra=extra if where == "leaf" else ())
    ders = [leaf.certificate, sub2.certificate, *forge.pki.chain("mo-sub1")]
    refused(forge.verify(ders), "extension", reason)


def test_key_usage_when_not_critical_then_refused(forge):
    leaf = forge.issue(is_critical=False)
    refused(forge.verify(forge.below(leaf)), "profile", "is not critical")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"usage": ext.DIGITAL_SIGNATURE}, "lacks nonRepudiation"),
        ({"usage": ext.NON_REPUDIATION}, "lacks digitalSignature"),
        ({"usage": SIGNS | ext.CRL_SIGN}, "has cRLSign"),
        ({"usage": None}, "no keyUsage"),
        ({"is_ca": None}, "no basicConstraints"),
        ({"usage": SIGNS | ext.KEY_CERT_SIGN}, "keyCertSign in a certificate of no CA"),
    ],
)
def test_contract_leaf_when_not_of_its_profile_then_refused(forge, changes, reason):
    refused(forge.verify(forge.below(forge.issue(**changes))), "profile", reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"path_length": None}, "a MO sub-CA without a path length"),
        ({"path_length": 4}, "a MO sub-CA with path length 4"),
        ({"usage": CA_USAGE | ext.KEY_AGREEMENT}, "has keyAgreement"),
    ],
)
def test_sub_ca_when_not_of_its_profile_then_refused(forge, changes, reason):
    sub2 = forge.issue("mo-sub2", "mo-sub1", **changes)
    leaf = forge.issue("contract", sub2)
    ders = [leaf.certificate, sub2.certificate, *forge.pki.chain("mo-sub1")]
    refused(forge.verify(ders), "profile", reason)


def test_signature_algorithm_when_inside_and_outside_differ_then_refused(forge):
    other = bytes.fromhex("300a06082a8648ce3d040303")
    leaf = forge.resign(forge.pki.issued["contract"], forge.pki.issued["mo-sub2"], algorithm=other)
    refused(forge.verify(forge.below(leaf)), "parse", "differs from the one outside")


def test_extension_when_duplicate_then_refused(forge):
    issued = forge.pki.issued["contract"]
    listed = forge.extensions_of(issued)
    leaf = forge.with_extensions(issued, forge.pki.issued["mo-sub2"], [*listed, listed[0]])
    refused(forge.verify(forge.below(leaf)), "parse", "duplicate extension basicConstraints")


def _long_form(der):
    return der[:1] + b"\x83\x00" + der[2:4] + der[4:]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda der: der + b"\x00", "trailing bytes"),
        (_long_form, "non-minimal length"),
        (lambda der: der[:1] + b"\x80" + der[4:] + b"\x00\x00", "indefinite length"),
        (lambda der: der[:-1], "longer than what holds it"),
        (lambda der: b"", "truncated"),
        (lambda der: der + b"\x00" * 9000, "at most 8192 are read"),
    ],
)
def test_certificate_when_not_der_then_refused(forge, change, reason):
    der = forge.pki.issued["contract"].certificate
    refused(forge.verify(forge.below(change(der))), "parse", reason)
    refused(forge.verify([der, change(forge.pki.issued["mo-sub2"].certificate)]), "parse", reason)


def _sized(forge, generation, size):
    """A contract leaf of exactly `size` bytes."""
    padding = 1
    for _ in range(400):
        extra = (
            (
                "1.3.6.1.4.1.55738.1",
                False,
                b"\x04\x82" + padding.to_bytes(2, "big") + b"\x00" * padding,
            ),
        )
        leaf = forge.issue(extra=extra).certificate
        if len(leaf) == size:
            return leaf
        padding = max(1, padding + size - len(leaf))
    raise AssertionError("no such size")


@pytest.mark.parametrize(("which", "most"), [("forge", 800), ("forge20", 1600)])
def test_certificate_when_too_large_then_refused(request, which, most):
    forge = request.getfixturevalue(which)
    assert forge.verify(forge.below(_sized(forge, which, most))).is_accepted
    verdict = forge.verify(forge.below(_sized(forge, which, most + 1)))
    refused(verdict, "limits", f"{most + 1} bytes, at most {most} are allowed")


def test_chain_when_empty_or_too_long_then_refused(forge):
    refused(forge.verify([]), "limits", "0 certificates")
    ders = forge.below(forge.issue(), *["mo-sub2"] * 6)
    refused(forge.verify(ders), "limits", "7 certificates")


# 10, 12: the contract


@pytest.mark.parametrize(
    "subject",
    [
        (("O", "nobody"),),
        (("CN", "NOTANEMAID"),),
        (("CN", "DE8AAC12345678"), ("CN", "DE8AAC12345679")),
        (("CN", "DE8AAC12345678"), ("CN", "DE8AAC12345678")),
    ],
)
def test_contract_leaf_when_not_one_common_name_then_refused(forge, subject):
    leaf = forge.issue(subject=subject)
    refused(forge.verify(forge.below(leaf)), "emaid", "not exactly one contract id")


@pytest.mark.parametrize("asked", ["DE8AAC12345679", "", "nonsense", "DE8ABC12345678", "\u212a"])
def test_contract_leaf_when_another_emaid_is_asked_then_refused(forge, asked):
    verdict = forge.verify(forge.pki.chain("contract"), emaid=asked)
    refused(verdict, "emaid", "it is issued for DE8AAC12345678")


def test_contract_when_deleted_in_the_pool_then_cancelled(forge):
    ders = forge.pki.chain("contract")
    lists = [crl.parse(data) for data in forge.pki.crls(forge.made).values()]
    gone = certificate.parse(ders[0]).fingerprint
    snapshot = forge.trusting("mo-root", crls=lists, cancelled=[gone])
    refused(
        forge.verify(ders, snapshot=snapshot),
        "contract",
        "was deleted in the pool",
        "ContractCancelled",
    )


# 15, 20, 31: keys and signatures


def test_key_when_explicit_parameters_then_refused(forge):
    from cryptography.hazmat.primitives.asymmetric import ec

    from pnc import issue

    issued = forge.issue()
    point = issue.load_key(issued.key).public_key()
    assert isinstance(point, ec.EllipticCurvePublicKey)
    tlv = forge.tlv
    curve = algorithm.CURVES[algorithm.P256]
    bits = certificate.parse(issued.certificate).key.bits
    number = lambda value: tlv(2, b"\x00" + value.to_bytes(32, "big"))  # noqa: E731
    field = tlv(0x30, bytes.fromhex("06072a8648ce3d0101") + number(curve.prime))
    explicit = tlv(0x30, b"\x02\x01\x01" + field + tlv(0x30, b"\x04\x00") + number(curve.order))
    spki = tlv(0x30, tlv(0x30, algorithm.EC_PUBLIC_KEY + explicit) + tlv(3, b"\x00" + bits))
    leaf = forge.resign(issued, forge.pki.issued["mo-sub2"], spki=spki)
    refused(forge.verify(forge.below(leaf)), "algorithm", "explicit parameters")


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p[:-1] + bytes([p[-1] ^ 1]),
        lambda p: b"\x02" + p[1:33],
        lambda p: b"\x04" + b"\xff" * 64,
        lambda p: b"\x00",
    ],
)
def test_key_when_the_point_is_not_on_the_curve_then_refused(forge, change):
    issued = forge.issue()
    key = certificate.parse(issued.certificate).key
    changed = forge.tlv(0x30, key.spki[2:23] + forge.tlv(3, b"\x00" + change(key.bits)))
    leaf = forge.resign(issued, forge.pki.issued["mo-sub2"], spki=changed)
    refused(forge.verify(forge.below(leaf)), "parse", "not an uncompressed point of P-256")


def test_leaf_when_of_another_key_family_then_refused(forge, forge20):
    for kind in (algorithm.P384, algorithm.P521, algorithm.ED448):
        leaf = forge.issue(key_kind=kind)
        refused(
            forge.verify(forge.below(leaf)), "algorithm", f"a key of kind {kind} is not allowed"
        )
    leaf = forge20.issue(key_kind=algorithm.P256)
    refused(forge20.verify(forge20.below(leaf)), "algorithm", "a key of kind P-256 is not allowed")
    leaf = forge20.issue(key_kind=algorithm.ED448)
    reason = "a key of kind Ed448 below one of kind P-521"
    refused(forge20.verify(forge20.below(leaf)), "algorithm", reason)


def test_leaf_when_rsa_1024_then_refused(forge, rsa_1024_leaf):
    refused(forge.verify(forge.below(rsa_1024_leaf)), "algorithm", "RSA-1024")


@pytest.fixture(scope="module")
def rsa_1024_leaf(forge):
    modulus = (1 << 1023) + 12345
    number = forge.tlv(2, b"\x00" + modulus.to_bytes(128, "big"))
    key = forge.tlv(0x30, number + bytes.fromhex("0203010001"))
    spki = forge.tlv(0x30, algorithm.RSA_KEY + forge.tlv(3, b"\x00" + key))
    return forge.resign(forge.issue(), forge.pki.issued["mo-sub2"], spki=spki)


N = algorithm.CURVES[algorithm.P256].order


@pytest.mark.parametrize(
    "value",
    [(0, 1), (1, 0), (N, 1), (1, N), (N + 1, 1), (-1, 1), "trailing", "long", "empty"],
)
def test_signature_when_r_or_s_is_out_of_range_or_not_der_then_refused(forge, value):
    tlv = forge.tlv
    found = certificate.parse(forge.pki.issued["contract"].certificate)
    if isinstance(value, tuple):
        parts = [
            tlv(2, number.to_bytes(34, "big", signed=True).lstrip(b"\x00") or b"\x00")
            for number in value
        ]
        parts = [
            tlv(2, b"\x00" + part[2:]) if part[2] >= 0x80 and number > 0 else part
            for part, number in zip(parts, value, strict=True)
        ]
        signature = tlv(0x30, b"".join(parts))
    elif value == "trailing":
        signature = found.signature + b"\x00"
    elif value == "long":
        signature = b"\x30\x81" + found.signature[1:]
    else:
        signature = b""
    leaf = tlv(0x30, found.tbs + forge.ecdsa_sha256 + tlv(3, b"\x00" + signature))
    refused(forge.verify(forge.below(leaf)), "signature", "does not verify")


# 16, 19: trust


def test_root_when_presented_but_not_trusted_then_refused(forge):
    ders = [*forge.pki.chain("contract"), forge.pki.issued["mo-root"].certificate]
    assert forge.verify(ders).is_accepted
    verdict = forge.verify(ders, snapshot=forge.trusting("v2g-root", "oem-root"))
    refused(
        verdict, "path", "a MO sub-CA without a path length"
    ) if verdict.step == "profile" else None
    assert verdict.verdict == "refused"
    verdict = forge.verify(ders[:3], snapshot=forge.trusting("v2g-root", "oem-root"))
    refused(verdict, "path", "is presented or trusted")


def test_evil_twin_when_all_names_are_equal_then_refused(forge):
    twin = authority.make(forge.made)
    refused(forge.verify(twin.chain("contract")), "signature", "does not verify under")
    evil = [*twin.chain("contract"), twin.issued["mo-root"].certificate]
    assert forge.verify(evil).verdict == "refused"


def test_anchor_when_not_a_root_then_refused(forge):
    sub1 = certificate.parse(forge.pki.issued["mo-sub1"].certificate)
    snapshot = trust.snapshot(anchors=[trust.anchor(sub1, "MO")])
    verdict = forge.verify(forge.pki.chain("contract")[:2], snapshot=snapshot)
    refused(verdict, "anchor", "not a self-signed root")
    tolerant = trust.anchor(sub1, "MO", {rules.ANCHOR_NOT_SELF_SIGNED, rules.REVOCATION_UNKNOWN})
    snapshot = trust.snapshot(anchors=[tolerant])
    assert forge.verify(forge.pki.chain("contract")[:2], snapshot=snapshot).is_accepted


def test_v2g_root_when_without_domain_component_then_refused(forge):
    root = forge.issue("v2g-root", None, subject=(("CN", "Root"),))
    sub1 = forge.issue("mo-sub1", root)
    sub2 = forge.issue("mo-sub2", sub1)
    leaf = forge.issue("contract", sub2)
    anchor = trust.anchor(certificate.parse(root.certificate), "V2G")
    ders = [each.certificate for each in (leaf, sub2, sub1)]
    verdict = forge.verify(ders, snapshot=trust.snapshot(anchors=[anchor]))
    refused(verdict, "anchor", "without the domain component V2G")


def test_chain_when_something_unrelated_is_presented_then_refused(forge):
    stranger = authority.make(forge.made).issued["oem-root"].certificate
    damaged = bytearray(stranger)
    damaged[-1] ^= 1
    ders = [*forge.pki.chain("contract"), bytes(damaged)]
    verdict = forge.verify(ders)
    assert verdict.verdict == "refused"
    refused(verdict, verdict.step, "")


# 30: bounded work


def test_mesh_when_hundreds_of_cas_share_a_name_then_refused_in_little_time(forge):
    import time

    from pnc import chain, profile

    cas = [forge.issue("mo-sub1", "mo-sub1") for _ in range(60)]
    cas += [forge.issue("mo-sub1", cas[at], key=None) for at in range(60)]
    leaf = forge.issue("contract", cas[0])
    mesh = [certificate.parse(each.certificate) for each in cas]
    snapshot = trust.snapshot(anchors=forge.pki.anchors()[:1], intermediates=mesh * 4)
    before = time.process_time()
    verdict = chain.verify([leaf.certificate], snapshot, profile.ISO15118_2, "contract", forge.now)
    assert time.process_time() - before < 1
    assert verdict.verdict == "refused"
    before = time.process_time()
    ders = [leaf.certificate, *(each.certificate for each in cas)]
    verdict = chain.verify(ders, snapshot, profile.RFC5280, "any", forge.now)
    assert time.process_time() - before < 1
    refused(verdict, "limits", "the search for a path was given up")


def test_cross_certificates_when_cyclic_then_refused(forge):
    one = forge.issue("mo-sub1", None, subject=(("CN", "A"),))
    two = forge.issue("mo-sub1", None, subject=(("CN", "B"),))
    from pnc import issue

    one_by_two = forge.issue("mo-sub1", two, subject=(("CN", "A"),), key=issue.load_key(one.key))
    two_by_one = forge.issue("mo-sub1", one, subject=(("CN", "B"),), key=issue.load_key(two.key))
    leaf = forge.issue("contract", one)
    verdict = forge.verify([leaf.certificate, one_by_two.certificate, two_by_one.certificate])
    assert verdict.verdict == "refused"
    assert verdict.step in {"path", "path_length"}
