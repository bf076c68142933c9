"""Keys and signature algorithms, as tables of their exact DER (RFC 5480, RFC 5758, RFC 8410).

An algorithm that stands in no table keeps its dotted name, so that a policy can refuse it by name.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Family = Literal["ec", "ed448", "rsa"]

P256: Final = "P-256"
P384: Final = "P-384"
P521: Final = "P-521"
ED448: Final = "Ed448"

ECDSA_SHA256: Final = "ecdsa-with-SHA256"
ECDSA_SHA384: Final = "ecdsa-with-SHA384"
ECDSA_SHA512: Final = "ecdsa-with-SHA512"
RSA_SHA256: Final = "sha256WithRSAEncryption"
RSA_SHA384: Final = "sha384WithRSAEncryption"
RSA_SHA512: Final = "sha512WithRSAEncryption"


class Signature(msgspec.Struct, frozen=True):
    """A signature algorithm: its name, the keys it needs and its digest."""

    name: str
    family: Family
    digest: str


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A short Weierstrass curve y² = x³ - 3x + b over a prime field."""

    name: str
    octets: int
    prime: int
    b: int
    order: int


_P256_PRIME: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P384_PRIME: Final = 2**384 - 2**128 - 2**96 + 2**32 - 1
_P521_PRIME: Final = 2**521 - 1

CURVES: Final = {
    P256: Curve(
        name=P256,
        octets=32,
        prime=_P256_PRIME,
        b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        order=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
    P384: Curve(
        name=P384,
        octets=48,
        prime=_P384_PRIME,
        b=int(
            "B3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875A"
            "C656398D8A2ED19D2A85C8EDD3EC2AEF",
            16,
        ),
        order=int(
            "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF"
            "581A0DB248B0A77AECEC196ACCC52973",
            16,
        ),
    ),
    P521: Curve(
        name=P521,
        octets=66,
        prime=_P521_PRIME,
        b=int(
            "0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF1"
            "09E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00",
            16,
        ),
        order=int(
            "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
            "FFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409",
            16,
        ),
    ),
}

_SIGNATURES: Final = {
    "300a06082a8648ce3d040302": Signature(ECDSA_SHA256, "ec", "SHA-256"),
    "300a06082a8648ce3d040303": Signature(ECDSA_SHA384, "ec", "SHA-384"),
    "300a06082a8648ce3d040304": Signature(ECDSA_SHA512, "ec", "SHA-512"),
    "300506032b6571": Signature(ED448, "ed448", "SHAKE256"),
    "300d06092a864886f70d01010b0500": Signature(RSA_SHA256, "rsa", "SHA-256"),
    "300d06092a864886f70d01010c0500": Signature(RSA_SHA384, "rsa", "SHA-384"),
    "300d06092a864886f70d01010d0500": Signature(RSA_SHA512, "rsa", "SHA-512"),
}
SIGNATURES: Final = {bytes.fromhex(text): row for text, row in _SIGNATURES.items()}
SIGNATURES_BY_NAME: Final = {row.name: row for row in SIGNATURES.values()}

_EC: Final = "06072a8648ce3d0201"
_KEYS: Final = {
    f"3013{_EC}06082a8648ce3d030107": P256,
    f"3010{_EC}06052b81040022": P384,
    f"3010{_EC}06052b81040023": P521,
    "300506032b6571": ED448,
}
KEYS: Final = {bytes.fromhex(text): name for text, name in _KEYS.items()}
EC_PUBLIC_KEY: Final = bytes.fromhex(_EC)
RSA_KEY: Final = bytes.fromhex("300d06092a864886f70d0101010500")
ED448_KEY_OCTETS: Final = 57


def is_on_curve(name: str, point: bytes) -> bool:
    """Whether `point` is an uncompressed point of the named curve (SEC 1 §2.3.4)."""
    curve = CURVES[name]
    size = curve.octets
    if len(point) != 2 * size + 1 or point[0] != 4:
        return False
    x = int.from_bytes(point[1 : size + 1], "big")
    y = int.from_bytes(point[size + 1 :], "big")
    if x >= curve.prime or y >= curve.prime:
        return False
    return (y * y - (x * x - 3) * x - curve.b) % curve.prime == 0
