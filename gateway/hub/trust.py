"""Trust as this process knows it: one immutable snapshot, exchanged when anything in it changes.

The hot set holds a number that changes with every acknowledged change of trust; as long as it is
the one the snapshot was read under, the snapshot is true. Without Redis a stamp is asked of
PostgreSQL instead; without either nothing is verified: fail closed.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

from gateway.cache.hot import MISS, Found
from gateway.hub.authorise.keeper import Keeper, Unreadable
from gateway.hub.authorise.record import TRUST_KEY
from gateway.store import trust as store
from gateway.store.database import Database, StoreUnavailable
from gateway.store.trust import AnchorRow, RevocationRow, SourceRow, TrustRows
from pnc import certificate, pem, trust
from pnc.certificate import Certificate
from pnc.errors import DerError, RequestError
from pnc.policy import TOLERANCES
from pnc.profile import AnchorRole
from pnc.revocation import crl, ocsp
from pnc.trust import TrustSnapshot

ROLES = ("V2G", "MO", "OEM", "CPO", "PE")


class Trust:
    """One per process: `await snapshot()` is always as new as the last acknowledged change."""

    def __init__(self, db: Database, keeper: Keeper) -> None:
        self._db = db
        self._keeper = keeper
        self._snapshot = trust.snapshot(anchors=())
        self._epoch: Found = MISS
        self._stamp = ""
        self._lock = asyncio.Lock()

    async def snapshot(self) -> TrustSnapshot:
        """The snapshot in force now; raises Unreadable when nobody can say which that is."""
        epoch = await self._keeper.hot.get(TRUST_KEY)
        if epoch is not MISS and epoch == self._epoch:
            return self._snapshot
        async with self._lock:
            try:
                return await self._read(epoch)
            except StoreUnavailable as error:
                raise Unreadable(str(error)) from error

    async def _read(self, epoch: Found) -> TrustSnapshot:
        """The epoch is known before the tables are read: the snapshot is never older than it."""
        if epoch is not MISS and epoch == self._epoch:
            return self._snapshot
        if epoch is MISS and self._keeper.hot.trusted:
            epoch = await self._keeper.trust_changed()
        stamp = await store.read_stamp(self._db)
        if stamp != self._stamp or epoch is not MISS:
            rows = await store.read(self._db)
            self._snapshot = await asyncio.to_thread(build, rows)
            self._stamp = stamp
        self._epoch = epoch
        return self._snapshot


def build(rows: TrustRows) -> TrustSnapshot:
    """The snapshot of what the tables hold; what cannot be read was refused when it was added."""
    anchors = [
        trust.anchor(certificate.parse(row.der), cast("AnchorRole", row.role), row.tolerances)
        for row in rows.anchors
    ]
    return trust.snapshot(
        anchors=anchors,
        crls=[crl.parse(row.der) for row in rows.sources if row.kind == "crl"],
        ocsp=[ocsp.parse(row.der) for row in rows.sources if row.kind == "ocsp"],
        revoked={
            (row.issuer_key_hash, row.serial): trust.Revoked(row.revoked_at, row.reason, row.source)
            for row in rows.revocations
        },
        cancelled=rows.cancelled,
    )


async def add_anchor(
    conn: Any, der: bytes, role: str, tolerances: tuple[str, ...], source: str
) -> Certificate:
    """Trusts a root for one role from the commit on; RequestError says why it cannot be one."""
    if role not in ROLES:
        raise RequestError(f"role: {role!r} is none of {', '.join(ROLES)}")
    unknown = sorted(set(tolerances) - set(TOLERANCES))
    if unknown:
        raise RequestError(f"tolerances: {unknown[0]!r} is none of {', '.join(sorted(TOLERANCES))}")
    root = certificate.parse(der)
    row = AnchorRow(
        fingerprint=root.fingerprint,
        role=role,
        der=der,
        subject=root.subject_text,
        not_after=root.not_after,
        tolerances=tolerances,
        source=source,
    )
    await store.add_anchor(conn, row)
    return root


async def keep_evidence(conn: Any, raw: bytes, kind: str, now: datetime, name: str = "") -> bool:
    """Keeps a CRL or an OCSP answer; False when a newer one of that source is kept already."""
    der, named, this_update, next_update = _evidence(raw, kind)
    row = SourceRow(
        source=name or named,
        kind=kind,
        der=der,
        this_update=this_update,
        next_update=next_update,
        fetched_at=now,
    )
    return await store.keep_source(conn, row)


def _evidence(raw: bytes, kind: str) -> tuple[bytes, str, datetime, datetime | None]:
    if kind == "crl":
        der = pem.read(raw, pem.CRL)[0]
        found = crl.parse(der)
        who = sha256(found.issuer).hexdigest()[:16]
        return der, f"crl:{who}", found.this_update, found.next_update
    der = pem.read(raw, pem.OCSP_RESPONSE)[0]
    response = ocsp.parse(der)
    if not response.answers:
        raise RequestError(f"the responder answers {response.refusal or 'nothing'}")
    answer = response.answers[0]
    who = sha256(repr(answer.cert_id).encode()).hexdigest()[:16]
    return der, f"ocsp:{who}", answer.this_update, answer.next_update


async def revoke(
    conn: Any, leaf: Certificate, issuer: Certificate, *, now: datetime, reason: str, source: str
) -> None:
    """Revokes one certificate, whatever its CA says; for ever."""
    if leaf.issuer != issuer.subject:
        raise DerError(f"{issuer.subject_text} did not issue {leaf.subject_text}")
    row = RevocationRow(
        issuer_key_hash=sha256(issuer.key.bits).digest(),
        serial=leaf.serial,
        revoked_at=now,
        reason=reason,
        source=source,
    )
    await store.revoke(conn, row)
