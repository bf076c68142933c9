"""EXI for Plug & Charge: the certificate installation of ISO 15118, and what is signed in it.

``decode`` and ``encode`` are for documents of ISO 15118-2, ``decode20`` and ``encode20`` for those
of ISO 15118-20; ``fragment`` makes the bytes that digests and signatures are over. Whatever comes
in, the answer is a value or an ExiError.
"""

from __future__ import annotations

from typing import Final

from pnc.exi import document, edition2, edition20, message20, text
from pnc.exi.document import Root
from pnc.exi.message import Message

__all__ = [
    "Message",
    "decode",
    "decode20",
    "encode",
    "encode20",
    "fragment",
    "from_json",
    "read_fragment",
    "to_json",
]

_DOCUMENTS: Final = (edition2.DOCUMENT, *edition20.DOCUMENTS)
"""No two begin with the same bits, so that the bytes say which edition they are of."""


def decode(raw: bytes) -> Message:
    """The V2G_Message that `raw` is, or ExiError (ISO 15118-2 §7.9.1, EXI 1.0)."""
    _, value = document.read(raw, (edition2.DOCUMENT,))
    assert isinstance(value, Message), "the table of the document makes messages"
    return value


def encode(message: Message) -> bytes:
    """The one EXI form of `message`, or ExiError when a value cannot stand where it does."""
    return document.write(edition2.DOCUMENT, message)


def decode20(raw: bytes) -> message20.Message:
    """The CertificateInstallationReq or -Res of ISO 15118-20 that `raw` is, or ExiError."""
    _, value = document.read(raw, edition20.DOCUMENTS)
    assert isinstance(value, message20.Message), "the tables of the documents make these"
    return value


def encode20(message: message20.Message) -> bytes:
    """The one EXI form of a message of ISO 15118-20, or ExiError."""
    is_request = isinstance(message, message20.InstallationRequest)
    return document.write(edition20.REQUEST if is_request else edition20.RESPONSE, message)


def fragment(root: Root, value: object) -> bytes:
    """The EXI fragment of one signed element (ISO 15118-2 Annex J); roots are in the editions."""
    return document.write(root, value)


def read_fragment(raw: bytes, root: Root) -> object:
    """The value of a fragment, or ExiError."""
    return document.read(raw, (root,))[1]


def to_json(raw: bytes) -> bytes:
    """An EXI document of either edition as JSON: names as in the standard, base64 for binaries."""
    return text.dump(*document.read(raw, _DOCUMENTS))


def from_json(raw: bytes) -> bytes:
    """The EXI document that the JSON says; undoes ``to_json``."""
    return document.write(*text.load(raw, _DOCUMENTS))
