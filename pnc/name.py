"""Distinguished names (RFC 5280 §4.1.2.4): read strictly, shown as people write them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from pnc import der
from pnc.errors import DerError

COMMON_NAME: Final = "CN"
DOMAIN_COMPONENT: Final = "DC"

_SHORT: Final = {
    b"\x55\x04\x03": "CN",
    b"\x55\x04\x05": "serialNumber",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x07": "L",
    b"\x55\x04\x08": "ST",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
    b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19": "DC",
    b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01": "UID",
}
_CODEC: Final = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x16: "ascii",
    0x1A: "ascii",
    0x14: "latin-1",
    0x1E: "utf-16-be",
    0x1C: "utf-32-be",
}
ATTRIBUTES_MAX: Final = 4096
"""More than any path that can be accepted: the size limit of a certificate is met first."""


class Attribute(msgspec.Struct, frozen=True, gc=False):
    """One attribute of a name; ``kind`` is its short name or dotted OBJECT IDENTIFIER."""

    kind: str
    value: str


@lru_cache(maxsize=1024)
def parse(data: bytes) -> tuple[Attribute, ...]:
    """The attributes of a DER Name, in their order; remembered, as few CAs issue most leaves."""
    return _usual(data) or _any(data)


def _usual(data: bytes) -> tuple[Attribute, ...] | None:
    """A name of the usual shape: short lengths, one known attribute a part; else None.

    Reads nothing that `_any` would not read the same; it exists for speed alone.
    """
    size, pos = len(data), 2
    found: list[Attribute] = []
    if size > 0x81 or size < 2 or data[0] != 0x30 or data[1] != size - 2:
        return None
    try:
        while pos < size:
            stop = pos + 2 + data[pos + 1]
            value = pos + 6 + data[pos + 5]
            if (
                data[pos] != 0x31
                or data[pos + 2] != 0x30
                or data[pos + 3] != stop - pos - 4
                or data[pos + 4] != 0x06
                or value + 2 > stop
                or data[value + 1] != stop - value - 2
                or stop > size
            ):
                return None
            kind, codec = _SHORT[data[pos + 6 : value]], _CODEC[data[value]]
            found.append(Attribute(kind, data[value + 2 : stop].decode(codec)))
            pos = stop
    except (IndexError, KeyError, UnicodeDecodeError):
        return None
    return tuple(found)


def _any(data: bytes) -> tuple[Attribute, ...]:
    start, stop = der.whole(data, der.SEQUENCE)
    found: list[Attribute] = []
    header = der.header
    while start < stop:
        tag, inner, start = header(data, start, stop)
        if tag != 0x31 or inner == start:
            raise DerError("a name part is not a SET with content")
        while inner < start:
            tag, at, inner = header(data, inner, start)
            if tag != 0x30:
                raise DerError("a name attribute is not a SEQUENCE")
            found.append(_attribute(data, at, inner))
        if len(found) > ATTRIBUTES_MAX:
            raise DerError("a name with too many attributes")
    return tuple(found)


def _attribute(data: bytes, start: int, stop: int) -> Attribute:
    tag, kind_start, kind_stop = der.header(data, start, stop)
    value_tag, value_start, value_stop = der.header(data, kind_stop, stop)
    if tag != 0x06 or value_stop != stop:
        raise DerError("a name attribute is not a type and a value")
    codec = _CODEC.get(value_tag)
    if codec is None:
        raise DerError(f"a name attribute of string type 0x{value_tag:02x}")
    try:
        value = data[value_start:value_stop].decode(codec)
    except UnicodeDecodeError as error:
        raise DerError("a name attribute is not text of its string type") from error
    oid = data[kind_start:kind_stop]
    return Attribute(_SHORT.get(oid) or der.oid_text(oid), value)


def values(attributes: tuple[Attribute, ...], kind: str) -> tuple[str, ...]:
    """All values of one kind of attribute."""
    return tuple(attribute.value for attribute in attributes if attribute.kind == kind)


def text(attributes: tuple[Attribute, ...]) -> str:
    """The name on one line, most specific part as written; control characters are escaped."""
    shown = ",".join(f"{attribute.kind}={attribute.value}" for attribute in attributes[:16])
    return shown.encode("unicode_escape").decode("ascii") if not shown.isprintable() else shown
