"""The tables of ISO 15118-20: two messages, and the fragments that are signed in them.

Code points follow from the schema's global elements in order; they are data here.
"""

from __future__ import annotations

from typing import Final

from pnc.exi import dsig, message, message20
from pnc.exi.datatype import Binary, Enumeration, Hex, Text, Unsigned
from pnc.exi.document import Code, Root
from pnc.exi.grammar import END, Grammar, Step, attribute, derive, element, state

RESPONSE_CODES: Final = (
    "OK",
    "OK_CertificateExpiresSoon",
    "OK_NewSessionEstablished",
    "OK_OldSessionJoined",
    "OK_PowerToleranceConfirmed",
    "WARNING_AuthorizationSelectionInvalid",
    "WARNING_CertificateExpired",
    "WARNING_CertificateNotYetValid",
    "WARNING_CertificateRevoked",
    "WARNING_CertificateValidationError",
    "WARNING_ChallengeInvalid",
    "WARNING_EIMAuthorizationFailure",
    "WARNING_eMSPUnknown",
    "WARNING_EVPowerProfileViolation",
    "WARNING_GeneralPnCAuthorizationError",
    "WARNING_NoCertificateAvailable",
    "WARNING_NoContractMatchingPCIDFound",
    "WARNING_PowerToleranceNotConfirmed",
    "WARNING_ScheduleRenegotiationFailed",
    "WARNING_StandbyNotAllowed",
    "WARNING_WPT",
    "FAILED",
    "FAILED_AssociationError",
    "FAILED_ContactorError",
    "FAILED_EVPowerProfileInvalid",
    "FAILED_EVPowerProfileViolation",
    "FAILED_MeteringSignatureNotValid",
    "FAILED_NoEnergyTransferServiceSelected",
    "FAILED_NoServiceRenegotiationSupported",
    "FAILED_PauseNotAllowed",
    "FAILED_PowerDeliveryNotApplied",
    "FAILED_PowerToleranceNotConfirmed",
    "FAILED_ScheduleRenegotiation",
    "FAILED_ScheduleSelectionInvalid",
    "FAILED_SequenceError",
    "FAILED_ServiceIDInvalid",
    "FAILED_ServiceSelectionInvalid",
    "FAILED_SignatureError",
    "FAILED_UnknownSession",
    "FAILED_WrongChargeParameter",
)
_PROCESSING: Final = ("Finished", "Ongoing", "Ongoing_WaitingForCustomerInteraction")
_CURVES: Final = ("SECP521", "X448")
_CERTIFICATE: Final = Binary(most=1600)
_BYTE: Final = Unsigned(bits_max=8, is_byte=True)

_SUB_CERTIFICATES: Final = derive(
    "SubCertificatesType",
    message.SubCertificates,
    (element("Certificate", "certificates", _CERTIFICATE, most=3),),
)
_LEAF: Final = element("Certificate", "certificate", _CERTIFICATE)
_SUBS: Final = element("SubCertificates", "sub_certificates", _SUB_CERTIFICATES, least=0)
_CHAIN: Final = derive("CertificateChainType", message20.CertificateChain, (_LEAF, _SUBS))
_PROVISIONING_CHAIN: Final = derive(
    "SignedCertificateChainType",
    message20.SignedCertificateChain,
    (attribute("Id", "id", dsig.ID), _LEAF, _SUBS),
)
_CONTRACT_CHAIN: Final = derive(
    "ContractCertificateChainType",
    message20.ContractCertificateChain,
    (_LEAF, element("SubCertificates", "sub_certificates", _SUB_CERTIFICATES)),
)
_HEADER: Final = derive(
    "MessageHeaderType",
    message20.Header,
    (
        element("SessionID", "session_id", Hex(least=8, most=8)),
        element("TimeStamp", "time_stamp", Unsigned()),
        element("Signature", "signature", dsig.SIGNATURE, least=0),
    ),
)
_EMAIDS: Final = derive(
    "EMAIDListType",
    message20.Emaids,
    (element("EMAID", "emaids", Text(most=255), most=8),),
)
_ROOTS: Final = derive(
    "ListOfRootCertificateIDsType",
    message.RootCertificateIds,
    (element("RootCertificateID", "ids", dsig.ISSUER_SERIAL, most=20),),
)
_REQUEST: Final = derive(
    "CertificateInstallationReqType",
    message20.InstallationRequest,
    (
        element("Header", "header", _HEADER),
        element("OEMProvisioningCertificateChain", "provisioning_chain", _PROVISIONING_CHAIN),
        element("ListOfRootCertificateIDs", "root_certificate_ids", _ROOTS),
        element("MaximumContractCertificateChains", "contract_chains_max", _BYTE),
        element("PrioritizedEMAIDs", "prioritized_emaids", _EMAIDS, least=0),
    ),
)
_DATA_ROWS: Final = (
    attribute("Id", "id", dsig.ID),
    element("ContractCertificateChain", "contract_chain", _CONTRACT_CHAIN),
    element("ECDHCurve", "ecdh_curve", Enumeration(_CURVES)),
    element("DHPublicKey", "dh_public_key", Binary(least=133, most=133)),
)
_KEY_ROWS: Final = (
    element(
        "SECP521_EncryptedPrivateKey", "secp521_private_key", Binary(least=94, most=94), least=0
    ),
    element("X448_EncryptedPrivateKey", "x448_private_key", Binary(least=84, most=84), least=0),
    element("TPM_EncryptedPrivateKey", "tpm_private_key", Binary(least=206, most=206), least=0),
)
_DATA: Final = Grammar(
    "SignedInstallationDataType",
    message20.InstallationData,
    (*_DATA_ROWS, *_KEY_ROWS),
    (
        *(state(1, {0: Step(row, at + 1)}) for at, row in enumerate(_DATA_ROWS)),
        state(2, {code: Step(row, 5) for code, row in enumerate(_KEY_ROWS)}),
        state(1, {0: Step(END, 0)}),
    ),
)
"""A choice of three keys: one state offers them all, and behind each is the end."""
_RESPONSE: Final = derive(
    "CertificateInstallationResType",
    message20.InstallationResponse,
    (
        element("Header", "header", _HEADER),
        element("ResponseCode", "response_code", Enumeration(RESPONSE_CODES)),
        element("EVSEProcessing", "evse_processing", Enumeration(_PROCESSING)),
        element("CPSCertificateChain", "provisioning_service_chain", _CHAIN),
        element("SignedInstallationData", "installation_data", _DATA),
        element("RemainingContractCertificateChains", "contract_chains_remaining", _BYTE),
    ),
)

REQUEST: Final = Root("CertificateInstallationReq", Code(7, 6), _REQUEST)
RESPONSE: Final = Root("CertificateInstallationRes", Code(8, 6), _RESPONSE)
DOCUMENTS: Final = (REQUEST, RESPONSE)
_END: Final = Code(282, 9)
PROVISIONING_CHAIN: Final = Root(
    "OEMProvisioningCertificateChain", Code(128, 9), _PROVISIONING_CHAIN, _END
)
INSTALLATION_DATA: Final = Root("SignedInstallationData", Code(231, 9), _DATA, _END)
"""Digested as a fragment; as a document it would have other bytes."""
SIGNED_INFO_INSIDE: Final = Root("SignedInfo", Code(230, 9), dsig.SIGNED_INFO, _END)
FRAGMENTS: Final = (PROVISIONING_CHAIN, INSTALLATION_DATA, SIGNED_INFO_INSIDE)
