"""Certificate hash data instead of a chain (OCPP 2.0.1 iso15118CertificateHashData), from a pool.

A station that has checked the chain itself sends only which certificates it saw. The pool knows the
contract certificates by these ids, so the question is answered offline by judging the pool's own
copy of the chain, bound to the contract id like any other. What the pool does not know is refused.
When a chain came as well, the chain decides and the hash data is not looked at.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from pnc import certificate as x509
from pnc.errors import RequestError
from pnc.profile import Profile
from pnc.revocation.ocsp import CertId, cert_id
from pnc.trust import TrustSnapshot
from pnc.verdict import Check, Verdict
from pnc.verify import verify

HASH_DATA_MAX: Final = 4
_FIELD_MAX: Final = 128
_SERIAL_MAX: Final = 64
_DIGESTS: Final = {"SHA256": ("sha256", 32), "SHA384": ("sha384", 48), "SHA512": ("sha512", 64)}


class HashData(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate as OCPP names it; ``responder_url`` is never called."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    responder_url: str | None = None


class Pool(msgspec.Struct, frozen=True):
    """Contract chains by the ids of their leaf."""

    chains: Mapping[CertId, tuple[bytes, ...]]


def pool(chains: Iterable[tuple[bytes, ...]]) -> Pool:
    """The index over contract chains, leaf first and its issuer second."""
    found: dict[CertId, tuple[bytes, ...]] = {}
    for ders in chains:
        if len(ders) < 2:
            continue
        leaf, issuer = x509.parse(ders[0]), x509.parse(ders[1])
        for digest, _ in _DIGESTS.values():
            found[cert_id(leaf, issuer, digest)] = ders
    return Pool(found)


def find(known: Pool, listed: Sequence[HashData]) -> tuple[bytes, ...] | None:
    """The chain whose leaf one of the listed ids names; raises RequestError on malformed ids."""
    if not 1 <= len(listed) <= HASH_DATA_MAX:
        raise RequestError(f"certificate_hash_data: {len(listed)} entries, 1 to {HASH_DATA_MAX}")
    for each in listed:
        for candidate in spelled(each):
            if (ders := known.chains.get(candidate)) is not None:
                return ders
    return None


def judge(
    chain_ders: Sequence[bytes] | None,
    listed: Sequence[HashData] | None,
    known: Pool,
    snapshot: TrustSnapshot,
    profile: Profile,
    *,
    now: datetime,
    emaid: str | None,
) -> Verdict:
    """The verdict on what a station sent: the chain when there is one, else the pool's copy."""
    if chain_ders:
        return verify(chain_ders, snapshot, profile, "contract", now, emaid=emaid)
    ders = find(known, listed or ())
    if ders is None:
        reason = "the pool knows no contract certificate with this hash data"
        return Verdict(
            verdict="refused",
            step="pool",
            certificate="the hash data",
            reason=reason,
            certificate_status="CertChainError",
            checks=(Check("pool", "the hash data", "failed", reason),),
        )
    return verify(ders, snapshot, profile, "contract", now, emaid=emaid)


def spelled(data: HashData) -> Iterator[CertId]:
    """The ids that the text may mean: hexadecimal first, then what josev writes.

    OCPP means hexadecimal; josev writes the hashes in base64url and the serial number in decimal.
    """
    row = _DIGESTS.get(data.hash_algorithm.upper())
    if row is None:
        raise RequestError("hash_algorithm: none of SHA256, SHA384, SHA512")
    digest, size = row
    fields = (data.issuer_name_hash, data.issuer_key_hash)
    if len(data.serial_number) > _SERIAL_MAX or any(len(each) > _FIELD_MAX for each in fields):
        raise RequestError("certificate_hash_data: a field is too long")
    name = [found for found in _hashes(fields[0]) if len(found) == size]
    key = [found for found in _hashes(fields[1]) if len(found) == size]
    serials = _serials(data.serial_number)
    if not name or not key or not serials:
        raise RequestError("certificate_hash_data: neither hexadecimal nor base64url")
    for name_hash, key_hash in zip(name, key, strict=False):
        for serial in serials:
            yield CertId(digest, name_hash, key_hash, serial)


def _hashes(text: str) -> list[bytes]:
    found = []
    try:
        found.append(bytes.fromhex(text) if " " not in text else b"")
    except ValueError:
        found.append(b"")
    try:
        padded = text.translate(_FROM_URL) + "=" * (-len(text) % 4)
        found.append(binascii.a2b_base64(padded, strict_mode=True))
    except ValueError:
        found.append(b"")
    return found


_FROM_URL: Final = str.maketrans("-_", "+/")


def _serials(text: str) -> list[int]:
    if not text.isascii() or not text.isalnum():
        return []
    found = []
    for base in (16, 10):
        try:
            found.append(int(text, base))
        except ValueError:
            continue
    return found
