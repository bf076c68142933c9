"""Certificate revocation lists (RFC 5280 §5): read strictly, judged against their issuer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from pnc import der, name
from pnc import extension as ext
from pnc.certificate import Certificate, signature_name
from pnc.errors import DerError

BYTES_MAX: Final = 8 * 1024 * 1024
_CRL_NUMBER: Final = b"\x55\x1d\x14"
_REASON_CODE: Final = b"\x55\x1d\x15"
_DELTA: Final = b"\x55\x1d\x1b"
_ISSUING_POINT: Final = b"\x55\x1d\x1c"
_EXTENSIONS_MAX: Final = 16
_REASONS: Final = {
    0: "unspecified",
    1: "keyCompromise",
    2: "cACompromise",
    3: "affiliationChanged",
    4: "superseded",
    5: "cessationOfOperation",
    6: "certificateHold",
    8: "removeFromCRL",
    9: "privilegeWithdrawn",
    10: "aACompromise",
}


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One revoked certificate of a list."""

    revoked_at: datetime
    reason: str


class Crl(msgspec.Struct, frozen=True, kw_only=True):
    """A list as read; ``defect`` says why it may not be used although it can be read."""

    tbs: bytes
    signature_algorithm: str
    signature: bytes
    issuer: bytes
    issuer_text: str
    this_update: datetime
    next_update: datetime | None
    revoked: Mapping[int, Entry]
    defect: str | None
    fingerprint: bytes


def parse(data: bytes) -> Crl:
    """The list that `data` is, or DerError (RFC 5280 §5.1)."""
    if len(data) > BYTES_MAX:
        raise DerError(f"a CRL of {len(data)} bytes, at most {BYTES_MAX} are read")
    start, end = der.whole(data, der.SEQUENCE)
    pos, tbs_end = der.expect(data, start, end, der.SEQUENCE)
    tag, version_start, after = der.header(data, pos, tbs_end)
    if tag == der.INTEGER:
        if data[version_start:after] != b"\x01":
            raise DerError("a CRL that is not v2")
        pos = after
    _, inner_end = der.expect(data, pos, tbs_end, der.SEQUENCE)
    _, issuer_end = der.expect(data, inner_end, tbs_end, der.SEQUENCE)
    this_update, next_update, after = _dates(data, issuer_end, tbs_end)
    revoked, entry_defect, after = _entries(data, after, tbs_end)
    defect = _extensions(data, after, tbs_end) or entry_defect
    _, outer_end = der.expect(data, tbs_end, end, der.SEQUENCE)
    if data[pos:inner_end] != data[tbs_end:outer_end]:
        raise DerError("the signature algorithm inside differs from the one outside")
    bits_start, bits_end = der.expect(data, outer_end, end, der.BIT_STRING)
    if bits_end != end:
        raise DerError("trailing bytes")
    issuer = data[inner_end:issuer_end]
    return Crl(
        tbs=data[start:tbs_end],
        signature_algorithm=signature_name(data[pos:inner_end]),
        signature=data[der.octet_aligned_bits(data, bits_start, bits_end) : bits_end],
        issuer=issuer,
        issuer_text=name.text(name.parse(issuer)),
        this_update=this_update,
        next_update=next_update,
        revoked=revoked,
        defect=defect,
        fingerprint=sha256(data).digest(),
    )


def defect(crl: Crl, issuer: Certificate, now: datetime) -> str | None:
    """Why the list may not be used for certificates of `issuer` at `now`, beside its signature."""
    usage = issuer.extensions.key_usage
    if crl.issuer != issuer.subject:
        return f"the CRL is of another issuer, {crl.issuer_text}"
    if usage is not None and not usage & ext.CRL_SIGN:
        return f"the CRL's issuer {issuer.subject_text} lacks cRLSign"
    return crl.defect or _staleness(crl, now)


def _staleness(crl: Crl, now: datetime) -> str | None:
    if now < crl.this_update:
        return f"the CRL begins to hold at {crl.this_update.isoformat()}"
    if crl.next_update is None:
        return "the CRL names no next update"
    if now >= crl.next_update:
        return f"the CRL was due for renewal at {crl.next_update.isoformat()}"
    return None


def _dates(data: bytes, pos: int, end: int) -> tuple[datetime, datetime | None, int]:
    tag, start, after = der.header(data, pos, end)
    this_update = der.time(data, tag, start, after)
    if after < end and data[after] in {der.UTC_TIME, der.GENERALIZED_TIME}:
        tag, start, stop = der.header(data, after, end)
        return this_update, der.time(data, tag, start, stop), stop
    return this_update, None, after


def _entries(data: bytes, pos: int, end: int) -> tuple[dict[int, Entry], str | None, int]:
    revoked: dict[int, Entry] = {}
    if pos == end or data[pos] != der.SEQUENCE:
        return revoked, None, pos
    pos, stop = der.expect(data, pos, end, der.SEQUENCE)
    defect = None
    while pos < stop:
        inner, after = der.expect(data, pos, stop, der.SEQUENCE)
        serial_start, serial_stop = der.expect(data, inner, after, der.INTEGER)
        tag, start, time_stop = der.header(data, serial_stop, after)
        reason, entry_defect = _entry_extensions(data, time_stop, after)
        entry = Entry(der.time(data, tag, start, time_stop), reason)
        revoked[der.integer(data, serial_start, serial_stop)] = entry
        defect = defect or entry_defect
        pos = after
    return revoked, defect, stop


def _entry_extensions(data: bytes, pos: int, end: int) -> tuple[str, str | None]:
    if pos == end:
        return "unspecified", None
    start, stop = der.expect(data, pos, end, der.SEQUENCE)
    if stop != end:
        raise DerError("trailing bytes in a CRL entry")
    reason, defect = "unspecified", None
    for oid, is_critical, value_start, value_stop in _listed(data, start, stop):
        if oid == _REASON_CODE:
            inner, after = der.expect(data, value_start, value_stop, der.ENUMERATED)
            reason = _REASONS.get(der.integer(data, inner, after), "unspecified")
        elif is_critical:
            defect = f"a CRL entry with critical extension {der.oid_text(oid)}"
    return reason, defect


def _extensions(data: bytes, pos: int, end: int) -> str | None:
    """The first defect that the list's extensions show (RFC 5280 §5.2)."""
    if pos == end:
        return "the CRL has no CRL number"
    start, stop = der.expect(data, pos, end, 0xA0)
    inner, after = der.expect(data, start, stop, der.SEQUENCE)
    if stop != end or after != stop:
        raise DerError("trailing bytes in a CRL")
    seen = set()
    for oid, is_critical, value_start, value_stop in _listed(data, inner, after):
        seen.add(oid)
        if oid == _CRL_NUMBER:
            der.integer(data, *der.expect(data, value_start, value_stop, der.INTEGER))
            if is_critical:
                return "the CRL number must not be critical"
        elif oid in {_DELTA, _ISSUING_POINT} or is_critical:
            return f"a CRL with extension {der.oid_text(oid)} is not supported"
    return None if _CRL_NUMBER in seen else "the CRL has no CRL number"


def _listed(data: bytes, start: int, stop: int) -> list[tuple[bytes, bool, int, int]]:
    """(OID, critical, value start, value stop) of each extension; duplicates are refused."""
    found = []
    for _, pos, _, _ in der.elements(data, start, stop, _EXTENSIONS_MAX):
        found.append(ext.one(data, pos, stop)[:4])
    if len({oid for oid, *_ in found}) != len(found):
        raise DerError("duplicate extension in a CRL")
    return found
