"""Verifying one signature, by `cryptography` primitives only (RFC 5280 §6.1.3 (a)(1))."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, padding, rsa

from pnc import algorithm, der
from pnc.certificate import PublicKey
from pnc.errors import DerError

Key = ec.EllipticCurvePublicKey | ed448.Ed448PublicKey | rsa.RSAPublicKey

_DIGESTS: Final[dict[str, hashes.HashAlgorithm]] = {
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
}
_ECDSA: Final = {
    name: ec.ECDSA(_DIGESTS[row.digest])
    for name, row in algorithm.SIGNATURES_BY_NAME.items()
    if row.family == "ec"
}


def load(key: PublicKey) -> Key | None:
    """The key, ready to verify with, or None when it is of a kind that nothing is verified with."""
    try:
        loaded = serialization.load_der_public_key(key.spki)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(loaded, ec.EllipticCurvePublicKey | ed448.Ed448PublicKey | rsa.RSAPublicKey):
        return loaded
    return None


def is_valid(key: Key, algorithm_name: str, signed: bytes, signature: bytes) -> bool:
    """Whether `signature` over `signed` verifies under `key` with the named algorithm."""
    try:
        return _verify(key, algorithm_name, signed, signature)
    except InvalidSignature:
        return False


def is_ecdsa_value(signature: bytes, order: int) -> bool:
    """Whether this is the strict DER of an r and an s in 1 … order-1 (RFC 3279 §2.2.3)."""
    try:
        start, stop = der.whole(signature, der.SEQUENCE)
        r_start, r_stop = der.expect(signature, start, stop, der.INTEGER)
        s_start, s_stop = der.expect(signature, r_stop, stop, der.INTEGER)
        r = der.integer(signature, r_start, r_stop)
        s = der.integer(signature, s_start, s_stop)
    except DerError:
        return False
    return s_stop == stop and 0 < r < order and 0 < s < order


_ORDERS: Final = {
    "secp256r1": algorithm.CURVES[algorithm.P256].order,
    "secp384r1": algorithm.CURVES[algorithm.P384].order,
    "secp521r1": algorithm.CURVES[algorithm.P521].order,
}


def _verify(key: Key, algorithm_name: str, signed: bytes, signature: bytes) -> bool:
    if isinstance(key, ec.EllipticCurvePublicKey):
        ecdsa, order = _ECDSA.get(algorithm_name), _ORDERS.get(key.curve.name)
        if ecdsa is None or order is None or not is_ecdsa_value(signature, order):
            return False
        key.verify(signature, signed, ecdsa)
        return True
    row = algorithm.SIGNATURES_BY_NAME.get(algorithm_name)
    if isinstance(key, ed448.Ed448PublicKey):
        if row is None or row.family != "ed448":
            return False
        key.verify(signature, signed)
        return True
    if row is None or row.family != "rsa":
        return False
    key.verify(signature, signed, padding.PKCS1v15(), _DIGESTS[row.digest])
    return True
