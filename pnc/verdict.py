"""What a verification says: the verdict, why, and the words a charging station needs for it."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

Step = Literal[
    "limits",
    "parse",
    "algorithm",
    "extension",
    "profile",
    "path",
    "signature",
    "path_length",
    "anchor",
    "validity",
    "revocation",
    "contract",
    "emaid",
    "pool",
]
Result = Literal["passed", "tolerated", "failed", "unchecked"]
CertificateStatus = Literal[
    "Accepted",
    "SignatureError",
    "CertificateExpired",
    "CertificateRevoked",
    "NoCertificateAvailable",
    "CertChainError",
    "ContractCancelled",
]
TokenStatus = Literal["Accepted", "Expired", "Invalid"]


class Check(msgspec.Struct, frozen=True, gc=False):
    """One thing that was looked at, of which certificate, and what came out."""

    step: Step
    certificate: str
    result: Result
    reason: str


class Refusal(msgspec.Struct, frozen=True):
    """The first thing that decides against a chain."""

    step: Step
    certificate: str
    reason: str
    status: CertificateStatus = "CertChainError"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a chain is accepted, and if not, which step refused which certificate and why."""

    verdict: Literal["accepted", "refused"]
    step: Step | None = None
    certificate: str | None = None
    reason: str | None = None
    certificate_status: CertificateStatus
    emaid: str | None = None
    """The normalised contract id that the leaf names, when it names one."""
    path: tuple[str, ...] = ()
    """Subjects from the leaf to the anchor."""
    checks: tuple[Check, ...] = ()
    fingerprint: bytes | None = None
    """SHA-256 of the leaf."""
    holds_from: datetime | None = None
    """With ``holds_until``: while nothing but time changes, an acceptance stays true so long."""
    holds_until: datetime | None = None

    @property
    def is_accepted(self) -> bool:
        return self.verdict == "accepted"

    @property
    def id_token_status(self) -> TokenStatus:
        """The idTokenInfo.status that goes with the certificate status (OCPP 2.0.1 C07)."""
        return _TOKEN_STATUS.get(self.certificate_status, "Invalid")


_TOKEN_STATUS: Final[dict[CertificateStatus, TokenStatus]] = {
    "Accepted": "Accepted",
    "CertificateExpired": "Expired",
}
