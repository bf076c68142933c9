"""The tables of XML signatures (xmldsig-core), with what ISO 15118 forbids as refused rows.

KeyInfo, Object, HMACOutputLength, XPath and foreign elements are declared by the schema, so they
count among the productions, and reading one is a refusal ([V2G2-771]).
"""

from __future__ import annotations

from typing import Final

from pnc.exi import message
from pnc.exi.datatype import Binary, Integer, Text
from pnc.exi.grammar import attribute, derive, element, refused, text

ID: Final = Text(most=128)
_URI: Final = Text(most=256)
_DIGEST: Final = Binary(most=64)
_SIGNATURE: Final = Binary(most=256)
_REFERENCES_MAX: Final = 4
"""[V2G2-909]."""
_TRANSFORMS_MAX: Final = 4
_ALGORITHM: Final = attribute("Algorithm", "algorithm", _URI)
_ANY: Final = refused("a foreign element")

_CANONICALIZATION: Final = derive(
    "CanonicalizationMethodType", message.Method, (_ALGORITHM, _ANY), is_mixed=True
)
_SIGNATURE_METHOD: Final = derive(
    "SignatureMethodType",
    message.Method,
    (_ALGORITHM, refused("HMACOutputLength"), _ANY),
    is_mixed=True,
)
_TRANSFORM: Final = derive(
    "TransformType", message.Method, (_ALGORITHM, refused("XPath"), _ANY), is_mixed=True
)
_DIGEST_METHOD: Final = derive(
    "DigestMethodType", message.Method, (_ALGORITHM, _ANY), is_mixed=True
)
_TRANSFORMS: Final = derive(
    "TransformsType",
    message.Transforms,
    (element("Transform", "transforms", _TRANSFORM, most=None, limit=_TRANSFORMS_MAX),),
)
_REFERENCE: Final = derive(
    "ReferenceType",
    message.Reference,
    (
        attribute("Id", "id", ID, least=0),
        attribute("Type", "type", _URI, least=0),
        attribute("URI", "uri", _URI, least=0),
        element("Transforms", "transforms", _TRANSFORMS, least=0),
        element("DigestMethod", "digest_method", _DIGEST_METHOD),
        element("DigestValue", "digest_value", _DIGEST),
    ),
)
SIGNED_INFO: Final = derive(
    "SignedInfoType",
    message.SignedInfo,
    (
        attribute("Id", "id", ID, least=0),
        element("CanonicalizationMethod", "canonicalization_method", _CANONICALIZATION),
        element("SignatureMethod", "signature_method", _SIGNATURE_METHOD),
        element("Reference", "references", _REFERENCE, most=None, limit=_REFERENCES_MAX),
    ),
)
_SIGNATURE_VALUE: Final = derive(
    "SignatureValueType",
    message.SignatureValue,
    (attribute("Id", "id", ID, least=0), text("value", _SIGNATURE)),
)
SIGNATURE: Final = derive(
    "SignatureType",
    message.Signature,
    (
        attribute("Id", "id", ID, least=0),
        element("SignedInfo", "signed_info", SIGNED_INFO),
        element("SignatureValue", "signature_value", _SIGNATURE_VALUE),
        refused("KeyInfo"),
        refused("Object"),
    ),
)
ISSUER_SERIAL: Final = derive(
    "X509IssuerSerialType",
    message.RootCertificateId,
    (
        element("X509IssuerName", "issuer_name", Text(most=1024)),
        element("X509SerialNumber", "serial_number", Integer(bits_max=168)),
    ),
)
