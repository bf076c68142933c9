"""The tables of ISO 15118-2: two messages, and the fragments that are signed in them.

Code points follow from the schema's global elements in order; they are data here.
"""

from __future__ import annotations

from typing import Final

from pnc.exi import dsig, message
from pnc.exi.datatype import Binary, Enumeration, Hex, Text
from pnc.exi.document import Code, Root
from pnc.exi.grammar import END, Grammar, Step, attribute, derive, element, state, text

RESPONSE_CODES: Final = (
    "OK",
    "OK_NewSessionEstablished",
    "OK_OldSessionJoined",
    "OK_CertificateExpiresSoon",
    "FAILED",
    "FAILED_SequenceError",
    "FAILED_ServiceIDInvalid",
    "FAILED_UnknownSession",
    "FAILED_ServiceSelectionInvalid",
    "FAILED_PaymentSelectionInvalid",
    "FAILED_CertificateExpired",
    "FAILED_SignatureError",
    "FAILED_NoCertificateAvailable",
    "FAILED_CertChainError",
    "FAILED_ChallengeInvalid",
    "FAILED_ContractCanceled",
    "FAILED_WrongChargeParameter",
    "FAILED_PowerDeliveryNotApplied",
    "FAILED_TariffSelectionInvalid",
    "FAILED_ChargingProfileInvalid",
    "FAILED_MeteringSignatureNotValid",
    "FAILED_NoChargeServiceSelected",
    "FAILED_WrongEnergyTransferMode",
    "FAILED_ContactorError",
    "FAILED_CertificateNotAllowedAtThisEVSE",
    "FAILED_CertificateRevoked",
)
_FAULT_CODES: Final = ("ParsingError", "NoTLSRootCertificatAvailable", "UnknownError")
_CERTIFICATE: Final = Binary(most=800)

_SUB_CERTIFICATES: Final = derive(
    "SubCertificatesType",
    message.SubCertificates,
    (element("Certificate", "certificates", _CERTIFICATE, most=4),),
)
_CHAIN: Final = derive(
    "CertificateChainType",
    message.CertificateChain,
    (
        attribute("Id", "id", dsig.ID, least=0),
        element("Certificate", "certificate", _CERTIFICATE),
        element("SubCertificates", "sub_certificates", _SUB_CERTIFICATES, least=0),
    ),
)


def _identified(name: str, most: int) -> Grammar:
    rows = (attribute("Id", "id", dsig.ID), text("value", Binary(most=most)))
    return derive(name, message.IdentifiedBytes, rows)


_PRIVATE_KEY: Final = _identified("ContractSignatureEncryptedPrivateKeyType", 48)
_PUBLIC_KEY: Final = _identified("DiffieHellmanPublickeyType", 65)
_EMAID_ROWS: Final = (
    attribute("Id", "id", dsig.ID),
    text("value", Text(least=14, most=15)),
)
_EMAID: Final = derive("EMAIDType", message.IdentifiedText, _EMAID_ROWS)
_RELAXED_EMAID: Final = Grammar(
    "eMAID",
    message.IdentifiedText,
    _EMAID_ROWS,
    (
        state(9, {4: Step(_EMAID_ROWS[0], 1)}),
        state(9, {256: Step(_EMAID_ROWS[1], 2)}),
        state(8, {244: Step(END, 0)}),
    ),
)
"""The schema declares eMAID twice with different types, so that as a fragment it has the relaxed
element-fragment grammar (EXI 1.0 §8.5.3): every attribute and element of the schema is offered."""

_ROOTS_MAX: Final = 20
_ROOTS: Final = derive(
    "ListOfRootCertificateIDsType",
    message.RootCertificateIds,
    (element("RootCertificateID", "ids", dsig.ISSUER_SERIAL, most=None, limit=_ROOTS_MAX),),
)
"""The schema ends the list at 20. EXIficient and libcbv2g both write the twentieth as if there
could be another, with two bits for the end: the row is unbounded here, and limited by hand."""
_REQUEST: Final = derive(
    "CertificateInstallationReqType",
    message.InstallationRequest,
    (
        attribute("Id", "id", dsig.ID),
        element("OEMProvisioningCert", "provisioning_certificate", _CERTIFICATE),
        element("ListOfRootCertificateIDs", "root_certificate_ids", _ROOTS),
    ),
)
_RESPONSE: Final = derive(
    "CertificateInstallationResType",
    message.InstallationResponse,
    (
        element("ResponseCode", "response_code", Enumeration(RESPONSE_CODES)),
        element("SAProvisioningCertificateChain", "provisioning_service_chain", _CHAIN),
        element("ContractSignatureCertChain", "contract_chain", _CHAIN),
        element("ContractSignatureEncryptedPrivateKey", "encrypted_private_key", _PRIVATE_KEY),
        element("DHpublickey", "dh_public_key", _PUBLIC_KEY),
        element("eMAID", "emaid", _EMAID),
    ),
)
_NOTIFICATION: Final = derive(
    "NotificationType",
    message.Notification,
    (
        element("FaultCode", "fault_code", Enumeration(_FAULT_CODES)),
        element("FaultMsg", "fault_message", Text(most=64), least=0),
    ),
)
_HEADER: Final = derive(
    "MessageHeaderType",
    message.Header,
    (
        element("SessionID", "session_id", Hex(most=8)),
        element("Notification", "notification", _NOTIFICATION, least=0),
        element("Signature", "signature", dsig.SIGNATURE, least=0),
    ),
)
_BODY_ROWS: Final = (
    element("CertificateInstallationReq", "request", _REQUEST, least=0),
    element("CertificateInstallationRes", "response", _RESPONSE, least=0),
)
_BODY: Final = Grammar(
    "BodyType",
    message.Body,
    _BODY_ROWS,
    (
        state(6, {5: Step(_BODY_ROWS[0], 1), 6: Step(_BODY_ROWS[1], 1)}),
        state(1, {0: Step(END, 0)}),
    ),
)
"""The other messages of the choice are left out: a hub never sees them."""
_MESSAGE: Final = derive(
    "V2G_Message",
    message.Message,
    (element("Header", "header", _HEADER), element("Body", "body", _BODY)),
)

DOCUMENT: Final = Root("V2G_Message", Code(76, 7), _MESSAGE)
_END: Final = Code(244, 8)
REQUEST: Final = Root("CertificateInstallationReq", Code(15, 8), _REQUEST, _END)
CONTRACT_CHAIN: Final = Root("ContractSignatureCertChain", Code(33, 8), _CHAIN, _END)
PRIVATE_KEY: Final = Root("ContractSignatureEncryptedPrivateKey", Code(34, 8), _PRIVATE_KEY, _END)
PUBLIC_KEY: Final = Root("DHpublickey", Code(45, 8), _PUBLIC_KEY, _END)
EMAID: Final = Root("eMAID", Code(236, 8), _RELAXED_EMAID, _END)
SIGNED_INFO: Final = Root("SignedInfo", Code(32, 6), dsig.SIGNED_INFO, Code(46, 6))
"""As ISO 15118-2 Annex J says: against the schema of XML signatures alone."""
SIGNED_INFO_INSIDE: Final = Root("SignedInfo", Code(208, 8), dsig.SIGNED_INFO, _END)
"""As some coders do it: inside the schema set of the messages."""
FRAGMENTS: Final = (
    REQUEST,
    CONTRACT_CHAIN,
    PRIVATE_KEY,
    PUBLIC_KEY,
    EMAID,
    SIGNED_INFO,
    SIGNED_INFO_INSIDE,
)
