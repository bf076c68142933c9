"""PEM text to DER bytes (RFC 7468), strict and bounded."""

from __future__ import annotations

import binascii
import re
from typing import Final

from pnc.errors import PemError

CERTIFICATE: Final = "CERTIFICATE"
CRL: Final = "X509 CRL"
OCSP_RESPONSE: Final = "OCSP RESPONSE"

TEXT_MAX: Final = 16 * 1024 * 1024
BLOCKS_MAX: Final = 1024

_BLOCK: Final = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]{1,40})-----[ \t]*\r?\n([A-Za-z0-9+/=\r\n\t ]*)-----END \1-----"
)
_BLANK: Final = b" \t\r\n"


def split(
    text: str | bytes, label: str = CERTIFICATE, *, blocks_max: int = BLOCKS_MAX
) -> list[bytes]:
    """The DER of each block labelled `label`, in order (RFC 7468 §3).

    Text around the blocks is ignored, as OpenSSL prints it there; a block that is begun and not
    readable is an error, never skipped.
    """
    raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    if len(raw) > TEXT_MAX:
        raise PemError(f"PEM text of {len(raw)} bytes, at most {TEXT_MAX} are read")
    blocks = list(_BLOCK.finditer(raw))
    if len(blocks) != raw.count(b"-----BEGIN "):
        raise PemError("a PEM block is not closed, or holds something else than base64")
    wanted = [block[2] for block in blocks if block[1] == label.encode()]
    if len(wanted) > blocks_max:
        raise PemError(f"{len(wanted)} PEM blocks, at most {blocks_max} are read")
    if not wanted:
        raise PemError(f"no PEM block labelled {label}")
    return [_decoded(body) for body in wanted]


def read(raw: bytes, label: str = CERTIFICATE) -> list[bytes]:
    """The DER in a file that holds either PEM blocks or one bare DER value."""
    if raw[:1] == b"\x30":
        return [raw]
    return split(raw, label)


def join(ders: list[bytes] | tuple[bytes, ...], label: str = CERTIFICATE) -> bytes:
    """PEM text of `ders`, in order."""
    return b"".join(_encoded(der, label.encode()) for der in ders)


def _decoded(body: bytes) -> bytes:
    compact = body.translate(None, _BLANK)
    try:
        der = binascii.a2b_base64(compact, strict_mode=True)
    except binascii.Error as error:
        raise PemError(f"a PEM block is not base64: {error}") from error
    if binascii.b2a_base64(der, newline=False) != compact:
        raise PemError("a PEM block is not canonical base64")
    return der


def _encoded(der: bytes, label: bytes) -> bytes:
    body = binascii.b2a_base64(der, newline=False)
    lines = b"\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return b"-----BEGIN " + label + b"-----\n" + lines + b"\n-----END " + label + b"-----\n"
