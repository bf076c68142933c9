"""Outbound credentials at rest: AES-256-GCM under NETWORKCORE_SECRET_KEY (reliability §5.1)."""

from __future__ import annotations

import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_LENGTH = 12
TOKEN_BYTES = 32  # 256 bits; 43 characters of URL-safe base64, OCPI allows 64


class SealBroken(RuntimeError):  # noqa: N818 - it says what happened
    """The sealed text was made under another key, or changed."""


class Seal:
    """Seals short texts; `context` (who it belongs to) is bound in, so rows cannot be swapped."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"networkcore credential seal\0" + secret).digest())

    def close(self, text: str, *, context: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_LENGTH)
        return nonce + self._cipher.encrypt(nonce, text.encode(), context.encode())

    def open(self, sealed: bytes, *, context: str) -> str:
        nonce, cipher_text = sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:]
        try:
            return self._cipher.decrypt(nonce, cipher_text, context.encode()).decode()
        except InvalidTag as error:
            raise SealBroken("sealed under another NETWORKCORE_SECRET_KEY") from error


def new_token() -> str:
    """A fresh credentials token: printable, no blanks, unguessable."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """What is stored of a token that the hub gave out."""
    return hashlib.sha256(token.encode()).digest()
