"""EXI for Plug & Charge: the certificate installation of ISO 15118-2, and what is signed in it.

``decode`` and ``encode`` are for documents; ``fragment`` makes the bytes that digests and
signatures are over. Whatever comes in, the answer is a value or an ExiError.
"""

from __future__ import annotations

from pnc.exi import document, edition2, text
from pnc.exi.document import Root
from pnc.exi.message import Message

__all__ = ["Message", "decode", "encode", "fragment", "from_json", "read_fragment", "to_json"]

_DOCUMENTS = (edition2.DOCUMENT,)


def decode(raw: bytes) -> Message:
    """The V2G_Message that `raw` is, or ExiError (ISO 15118-2 §7.9.1, EXI 1.0)."""
    _, value = document.read(raw, _DOCUMENTS)
    assert isinstance(value, Message), "the table of the document makes messages"
    return value


def encode(message: Message) -> bytes:
    """The one EXI form of `message`, or ExiError when a value cannot stand where it does."""
    return document.write(edition2.DOCUMENT, message)


def fragment(root: Root, value: object) -> bytes:
    """The EXI fragment of one signed element (ISO 15118-2 Annex J); roots are in ``edition2``."""
    return document.write(root, value)


def read_fragment(raw: bytes, root: Root) -> object:
    """The value of a fragment, or ExiError."""
    return document.read(raw, (root,))[1]


def to_json(raw: bytes) -> bytes:
    """An EXI document as JSON: names as in the standard, base64 for binaries."""
    return text.dump(*document.read(raw, _DOCUMENTS))


def from_json(raw: bytes) -> bytes:
    """The EXI document that the JSON says; undoes ``to_json``."""
    return document.write(*text.load(raw, _DOCUMENTS))
