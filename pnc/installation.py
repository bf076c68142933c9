"""Judging a certificate installation whole: the chain of the key that signs, then the signature.

ISO 15118-2 [V2G2-924], [V2G2-925]; the order matters: a signature says nothing
before the certificate whose key made it is believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from pnc import verify, xmlsig
from pnc.exi import message20
from pnc.exi.message import Message
from pnc.profile import Profile
from pnc.signed import AnyMessage
from pnc.trust import TrustSnapshot
from pnc.verdict import CertificateStatus, Check, Refusal, Verdict

RESPONSE_CODES: Final[Mapping[CertificateStatus, str]] = {
    "Accepted": "OK",
    "SignatureError": "FAILED_SignatureError",
    "CertificateExpired": "FAILED_CertificateExpired",
    "CertificateRevoked": "FAILED_CertificateRevoked",
    "NoCertificateAvailable": "FAILED_NoCertificateAvailable",
    "CertChainError": "FAILED_CertChainError",
    "ContractCancelled": "FAILED_ContractCanceled",
}
"""What a CertificateInstallationRes of ISO 15118-2 says for each certificate status."""


def judge_request(
    message: AnyMessage,
    snapshot: TrustSnapshot,
    profile: Profile,
    now: datetime,
    *,
    sub_cas: Sequence[bytes] = (),
) -> Verdict:
    """Whether a CertificateInstallationReq comes from a vehicle whose maker is trusted.

    In ISO 15118-2 the message brings the provisioning certificate alone; its CAs come as `sub_cas`,
    or stand in the snapshot's pool.
    """
    if isinstance(message, message20.InstallationRequest):
        chain = message.provisioning_chain.ders
    elif isinstance(message, Message) and message.body.request is not None:
        chain = (message.body.request.provisioning_certificate,)
    else:
        return _refused(xmlsig.NO_REQUEST)
    verdict = verify.verify((*chain, *sub_cas), snapshot, profile, "provisioning", now)
    return _with_signature(verdict, xmlsig.verify_request(message))


def judge_response(
    message: AnyMessage, snapshot: TrustSnapshot, profile: Profile, now: datetime
) -> Verdict:
    """Whether a CertificateInstallationRes is signed by a provisioning service that is trusted.

    Its contract chain is another question: role ``contract``, over ``contract_chain.ders``.
    """
    if isinstance(message, message20.InstallationResponse):
        chain = message.provisioning_service_chain.ders
    elif isinstance(message, Message) and message.body.response is not None:
        chain = message.body.response.provisioning_service_chain.ders
    else:
        return _refused(xmlsig.NO_RESPONSE)
    verdict = verify.verify(chain, snapshot, profile, "cps", now)
    return _with_signature(verdict, xmlsig.verify_response(message))


def _with_signature(verdict: Verdict, refusal: Refusal | None) -> Verdict:
    if not verdict.is_accepted:
        return verdict
    if refusal is not None:
        return _refused(refusal, verdict)
    passed = Check("signature", verdict.path[0], "passed", "over the message")
    return msgspec.structs.replace(verdict, checks=(*verdict.checks, passed))


def _refused(refusal: Refusal, before: Verdict | None = None) -> Verdict:
    failed = Check(refusal.step, refusal.certificate, "failed", refusal.reason)
    return Verdict(
        verdict="refused",
        step=refusal.step,
        certificate=refusal.certificate,
        reason=refusal.reason,
        certificate_status=refusal.status,
        checks=(*(before.checks if before else ()), failed),
        fingerprint=before.fingerprint if before else None,
    )
