"""How values are written in EXI (EXI 1.0 §7.1) and in JSON, each with its facets.

Each datatype reads only what its own writing would have made: numbers in their shortest form, no
hits in the string table ([V2G2-099]: the table's capacity is 0). So a message that is read can be
written again to the same bytes.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import Final

import msgspec

from pnc.errors import ExiError
from pnc.exi.bits import Reader, Writer

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

_LENGTH_BITS: Final = 32
_SAFE_INTEGER: Final = 1 << 53
_STRING_TABLE: Final = "a hit in the string table, whose capacity is 0 in ISO 15118"


class Binary(msgspec.Struct, frozen=True, kw_only=True):
    """xs:base64Binary; base64 in JSON."""

    most: int
    least: int = 0

    def read(self, reader: Reader) -> bytes:
        return reader.octets(self._fit(reader.unsigned(_LENGTH_BITS)))

    def write(self, writer: Writer, value: bytes) -> None:
        writer.unsigned(self._fit(len(value)))
        writer.octets(value)

    def to_json(self, value: bytes) -> Json:
        return b64encode(value).decode("ascii")

    def from_json(self, value: Json) -> bytes:
        if not isinstance(value, str):
            raise ExiError("base64 text is expected")
        try:
            return b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise ExiError("not base64") from None

    def _fit(self, length: int) -> int:
        if not self.least <= length <= self.most:
            raise ExiError(f"{length} octets, {self.least} to {self.most} are allowed")
        return length


class Hex(Binary, frozen=True, kw_only=True):
    """xs:hexBinary; capital hexadecimal digits in JSON."""

    def to_json(self, value: bytes) -> Json:
        return value.hex().upper()

    def from_json(self, value: Json) -> bytes:
        if not isinstance(value, str):
            raise ExiError("hexadecimal text is expected")
        try:
            return binascii.unhexlify(value)
        except (binascii.Error, ValueError):
            raise ExiError("not hexadecimal") from None


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """xs:string, xs:ID, xs:anyURI: characters, never a hit in the string table."""

    most: int
    least: int = 0

    def read(self, reader: Reader) -> str:
        length = reader.unsigned(_LENGTH_BITS) - 2
        if length < 0:
            raise ExiError(_STRING_TABLE)
        self._fit(length)
        quick = reader.ascii(length)
        if quick is not None:
            return quick
        return "".join([_character(reader.unsigned(21)) for _ in range(length)])

    def write(self, writer: Writer, value: str) -> None:
        writer.unsigned(self._fit(len(value)) + 2)
        if value.isascii() and value.isprintable():
            writer.octets(value.encode("ascii"))
            return
        for each in value:
            _character(ord(each))
            writer.unsigned(ord(each))

    def to_json(self, value: str) -> Json:
        return value

    def from_json(self, value: Json) -> str:
        if not isinstance(value, str):
            raise ExiError("text is expected")
        return value

    def _fit(self, length: int) -> int:
        if not self.least <= length <= self.most:
            raise ExiError(f"{length} characters, {self.least} to {self.most} are allowed")
        return length


class Integer(msgspec.Struct, frozen=True, kw_only=True):
    """xs:integer: a sign and a magnitude; in JSON a number, or text where a number is not safe."""

    bits_max: int

    def read(self, reader: Reader) -> int:
        is_negative = reader.bits(1)
        magnitude = reader.unsigned(self.bits_max)
        return -magnitude - 1 if is_negative else magnitude

    def write(self, writer: Writer, value: int) -> None:
        magnitude = -value - 1 if value < 0 else value
        if magnitude.bit_length() > self.bits_max:
            raise ExiError(f"a number of more than {self.bits_max} bits")
        writer.bits(int(value < 0), 1)
        writer.unsigned(magnitude)

    def to_json(self, value: int) -> Json:
        return value if -_SAFE_INTEGER < value < _SAFE_INTEGER else str(value)

    def from_json(self, value: Json) -> int:
        return _integer(value, self.bits_max)


class Unsigned(msgspec.Struct, frozen=True, kw_only=True):
    """xs:unsignedLong, or with `is_byte` xs:unsignedByte, which is eight plain bits."""

    bits_max: int = 64
    is_byte: bool = False

    def read(self, reader: Reader) -> int:
        return reader.bits(8) if self.is_byte else reader.unsigned(self.bits_max)

    def write(self, writer: Writer, value: int) -> None:
        bits_max = 8 if self.is_byte else self.bits_max
        if value < 0 or value.bit_length() > bits_max:
            raise ExiError(f"not a number of {bits_max} bits without sign")
        if self.is_byte:
            writer.bits(value, 8)
        else:
            writer.unsigned(value)

    def to_json(self, value: int) -> Json:
        return value if value < _SAFE_INTEGER else str(value)

    def from_json(self, value: Json) -> int:
        return _integer(value, self.bits_max)


class Enumeration(msgspec.Struct, frozen=True):
    """A choice of names, numbered in the order of the schema (§7.2)."""

    names: tuple[str, ...]

    @property
    def width(self) -> int:
        return (len(self.names) - 1).bit_length()

    def read(self, reader: Reader) -> str:
        number = reader.bits(self.width)
        if number >= len(self.names):
            raise ExiError(f"value {number} of an enumeration of {len(self.names)}")
        return self.names[number]

    def write(self, writer: Writer, value: str) -> None:
        if value not in self.names:
            raise ExiError(f"{value[:64]!r} is none of the values allowed")
        writer.bits(self.names.index(value), self.width)

    def to_json(self, value: str) -> Json:
        return value

    def from_json(self, value: Json) -> str:
        if not isinstance(value, str):
            raise ExiError("text is expected")
        return value


Datatype = Binary | Text | Integer | Unsigned | Enumeration


def _character(point: int) -> str:
    """A character that XML allows (XML 1.0 §2.2)."""
    is_plain = 0x20 <= point <= 0xD7FF or point in {0x9, 0xA, 0xD}
    if is_plain or 0xE000 <= point <= 0xFFFD or 0x10000 <= point <= 0x10FFFF:
        return chr(point)
    raise ExiError(f"U+{point:04X} is not a character of XML")


def _integer(value: Json, bits_max: int) -> int:
    digits_max = bits_max // 3 + 2
    if isinstance(value, str) and len(value) <= digits_max and value.isascii():
        sign, digits = (-1, value[1:]) if value.startswith("-") else (1, value)
        if digits.isdigit():
            return sign * int(digits)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ExiError(f"an integer of at most {bits_max} bits is expected")
