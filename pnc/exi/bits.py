"""Reading and writing bits within bounds (EXI 1.0 §7.1: bit-packed, most significant bit first)."""

from __future__ import annotations

from typing import Final

from pnc.errors import ExiError

_FLUSH_BITS: Final = 2048


class Reader:
    """Takes bits from the front of a message; every read is checked against what is left."""

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._end = 8 * len(data)

    def bits(self, width: int) -> int:
        """The next `width` bits as a number."""
        at = self._at
        end = at + width
        if end > self._end:
            raise ExiError("the message ends too early")
        self._at = end
        octets = int.from_bytes(self._data[at >> 3 : (end + 7) >> 3], "big")
        return octets >> (-end & 7) & ((1 << width) - 1)

    def peek(self, width: int) -> int:
        """What ``bits`` would say, without moving on."""
        at = self._at
        try:
            return self.bits(width)
        finally:
            self._at = at

    def octets(self, count: int) -> bytes:
        """The next `count` octets; nothing is allocated before they are known to be there."""
        at = self._at
        end = at + 8 * count
        if end > self._end:
            raise ExiError(f"{count} octets are announced, {(self._end - at) >> 3} are left")
        self._at = end
        part = self._data[at >> 3 : (end + 7) >> 3]
        shift = -end & 7
        if not shift:
            return part
        return (int.from_bytes(part, "big") >> shift).to_bytes(count + 1, "big")[1:]

    def unsigned(self, bits_max: int) -> int:
        """An unsigned integer (§7.1.6) in its shortest form, of at most `bits_max` bits."""
        octet = self.bits(8)
        value, shift = octet & 0x7F, 7
        while octet & 0x80:
            if shift >= bits_max:
                raise ExiError(f"a number of more than {bits_max} bits")
            octet = self.bits(8)
            if not octet:
                raise ExiError("a number that is not in its shortest form")
            value |= (octet & 0x7F) << shift
            shift += 7
        if value.bit_length() > bits_max:
            raise ExiError(f"a number of more than {bits_max} bits")
        return value

    def ascii(self, count: int) -> str | None:
        """`count` characters, or None, without moving on, when not all are printable ASCII."""
        at = self._at
        part = self.octets(count)
        if part.isascii():
            text = part.decode("ascii")
            if text.isprintable():
                return text
        self._at = at
        return None

    def finish(self) -> None:
        """Raise unless only the padding of the last octet is left, and it is zero."""
        left = self._end - self._at
        if left >= 8:
            raise ExiError(f"{left >> 3} bytes follow the end of the message")
        if self.bits(left):
            raise ExiError("the padding is not zero")


class Writer:
    """Collects bits and hands out whole octets."""

    __slots__ = ("_bits", "_octets", "_pending")

    def __init__(self) -> None:
        self._octets = bytearray()
        self._pending = 0
        self._bits = 0

    def bits(self, value: int, width: int) -> None:
        self._pending = self._pending << width | value
        self._bits += width
        if self._bits > _FLUSH_BITS:
            self._flush()

    def octets(self, data: bytes) -> None:
        self.bits(int.from_bytes(data, "big"), 8 * len(data))

    def unsigned(self, value: int) -> None:
        while value > 0x7F:
            self.bits(0x80 | value & 0x7F, 8)
            value >>= 7
        self.bits(value, 8)

    def getvalue(self) -> bytes:
        """All that was written, padded with zero bits to a whole octet."""
        self.bits(0, -self._bits & 7)
        self._flush()
        return bytes(self._octets)

    def _flush(self) -> None:
        left = self._bits & 7
        whole = self._pending >> left
        self._octets += whole.to_bytes(self._bits >> 3, "big")
        self._pending &= (1 << left) - 1
        self._bits = left
