"""Verifying with a memory: the same chain under the same trust is judged once.

A verdict is found again by the SHA-256 of the chain. It lives in the snapshot's memory, so it ends
with the epoch, and it is used only inside the time for which it holds: from the newest notBefore to
the earliest notAfter, next update of a CRL or OCSP answer used. Refusals that time alone can change
are not kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from pnc import chain
from pnc.profile import Profile
from pnc.trust import TrustSnapshot
from pnc.verdict import Verdict

_CHANGES_WITH_TIME: Final = frozenset({"validity", "revocation"})


def verify(
    chain_ders: Sequence[bytes],
    snapshot: TrustSnapshot,
    profile: Profile,
    role: str,
    now: datetime,
    *,
    emaid: str | None = None,
) -> Verdict:
    """As ``pnc.chain.verify``, from memory where the same question was answered before."""
    where = (
        sha256(b"".join(chain_ders)).digest(),
        tuple(map(len, chain_ders)),
        profile.name,
        role,
        emaid,
    )
    known = snapshot.memory.verdicts.get(where)
    if known is not None and known[0] is profile:
        verdict = known[1]
        if verdict.holds_from is None or verdict.holds_until is None:
            return verdict
        if verdict.holds_from <= now <= verdict.holds_until:
            return verdict
    verdict = chain.verify(chain_ders, snapshot, profile, role, now, emaid=emaid)
    if verdict.step not in _CHANGES_WITH_TIME:
        snapshot.memory.verdicts.put(where, (profile, verdict))
    return verdict
