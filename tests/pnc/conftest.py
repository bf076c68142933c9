"""A PKI made once, and a forge that issues what must be refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, settings

from pnc import authority, chain, issue, profile, trust
from pnc import der as asn1
from pnc.authority import Pki
from pnc.issue import Issued
from pnc.revocation import crl
from pnc.verdict import Verdict

settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

MADE = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


class Forge:
    """Issues and verifies variants of the certificates of one PKI."""

    tlv = staticmethod(tlv)
    ecdsa_sha256 = ECDSA_SHA256

    def __init__(self, pki: Pki) -> None:
        self.pki = pki
        self.made = MADE
        self.now = MADE + timedelta(minutes=5)
        self.profile = profile.PROFILES[pki.generation]
        self.snapshot = pki.snapshot(MADE)

    def issue(
        self, name: str = "contract", issuer: str | Issued | None = "mo-sub2", **changes: Any
    ) -> Issued:
        """The named certificate of the tree, changed, and signed by another of the tree."""
        made, key = changes.pop("made", MADE), changes.pop("key", None)
        entry = next(each for each in authority.TREES[self.pki.generation] if each.name == name)
        text = entry.common_name
        if name.startswith("contract"):
            text = authority._contract_name(text)
        blank = msgspec.structs.replace(
            authority._blank(entry, self.pki.generation, text), **changes
        )
        signer = self.pki.issued[issuer] if isinstance(issuer, str) else issuer
        return issue.issue(blank, signer, made, key=key)

    def resign(self, issued: Issued, signer: Issued, **parts: bytes) -> bytes:
        """The certificate with top-level parts of its TBS replaced and signed again."""
        names = ("version", "serial", "algorithm", "issuer", "validity", "subject", "spki", "ext")
        data = issued.certificate
        start, end = asn1.whole(data, 0x30)
        inner, stop = asn1.expect(data, start, end, 0x30)
        found = {
            name: data[at:after]
            for name, (_, at, _, after) in zip(
                names, asn1.elements(data, inner, stop, 8), strict=False
            )
        }
        found |= parts
        tbs = tlv(0x30, b"".join(found.values()))
        key = issue.load_key(signer.key)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        signature = key.sign(tbs, ec.ECDSA(issue.digest_of(key)))
        return tlv(0x30, tbs + ECDSA_SHA256 + tlv(0x03, b"\x00" + signature))

    def extensions_of(self, issued: Issued) -> list[bytes]:
        """Each extension of the certificate, as DER."""
        data = issued.certificate
        start, end = asn1.whole(data, 0x30)
        inner, stop = asn1.expect(data, start, end, 0x30)
        outer = asn1.elements(data, inner, stop, 8)[-1]
        at, after = asn1.expect(data, outer[2], outer[3], 0x30)
        return [data[a:b] for _, a, _, b in asn1.elements(data, at, after, 20)]

    def with_extensions(self, issued: Issued, signer: Issued, listed: Sequence[bytes]) -> bytes:
        return self.resign(issued, signer, ext=tlv(0xA3, tlv(0x30, b"".join(listed))))

    def below(self, leaf: bytes | Issued, *names: str) -> list[bytes]:
        """A chain of a leaf and the named CAs, usually the two of the MO."""
        data = leaf if isinstance(leaf, bytes) else leaf.certificate
        names = names or ("mo-sub2", "mo-sub1")
        return [data, *(self.pki.issued[name].certificate for name in names)]

    def verify(self, ders: Sequence[bytes], role: str = "contract", **more: Any) -> Verdict:
        """The verdict of the strict profile; `soft` lets silence about revocation pass."""
        table = more.pop("profile", self.profile)
        if more.pop("soft", False):
            policy = msgspec.structs.replace(
                table.policy, tolerances=frozenset({"revocation-unknown"})
            )
            table = msgspec.structs.replace(table, policy=policy)
        snapshot = more.pop("snapshot", self.snapshot)
        now = more.pop("now", self.now)
        return chain.verify(ders, snapshot, table, role, now, **more)

    def trusting(self, *names: str, **more: Any) -> trust.TrustSnapshot:
        """A snapshot with only the named roots, and all CRLs unless told otherwise."""
        anchors = dict(zip(authority.ANCHORS, self.pki.anchors(), strict=True))
        if "crls" not in more:
            more["crls"] = [crl.parse(data) for data in self.pki.crls(MADE).values()]
        return trust.snapshot(anchors=[anchors[name] for name in names], **more)


@pytest.fixture(scope="session")
def forge() -> Forge:
    return Forge(authority.make(MADE))


@pytest.fixture(scope="session")
def forge20() -> Forge:
    return Forge(authority.make(MADE, "iso15118-20"))


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the data folder beside the project is absent")
    return SHARED / "data"
