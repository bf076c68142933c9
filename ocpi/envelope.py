"""The answer's frame (OCPI 2.2.1 transport "Response format").

``data`` goes in and comes out as bytes, so that a forwarded object is never decoded and re-encoded.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from ocpi.errors import SERVER_ERROR, SUCCESS, OcpiError, invalid, printable

ENVELOPE_BYTES_MAX: Final = 32 * 1024 * 1024


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's answer, its data still as it was sent."""

    status_code: int
    status_message: str | None
    data: bytes | None
    timestamp: str | None

    @property
    def is_success(self) -> bool:
        """True for the 1xxx family."""
        return 1000 <= self.status_code < 2000


class _Frame(msgspec.Struct):
    status_code: int
    data: msgspec.Raw = msgspec.Raw(b"")
    status_message: str | None = None
    timestamp: str | None = None


_FRAME: Final = msgspec.json.Decoder(_Frame, strict=False)
_BLANK_MOMENT: Final = re.compile(
    rb'"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,12})?)(?:\+00:00|Z)?"'
)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])


def timestamp(now: datetime) -> str:
    """Give the moment as the wire writes it: UTC, ``Z``, whole seconds or microseconds."""
    return now.astimezone(UTC).isoformat().replace("+00:00", "Z")


def success(
    data: bytes | None, now: datetime, *, code: int = SUCCESS, message: str | None = None
) -> bytes:
    """Give the envelope around ready JSON, or around no data at all."""
    head = b"{" if data is None else b'{"data":' + data + b","
    return head + _tail(code, message, now)


def failure(code: int, message: str, now: datetime) -> bytes:
    """Give the envelope of a refusal: no data, a message that says what to mend."""
    return b"{" + _tail(code, message, now)


def _tail(code: int, message: str | None, now: datetime) -> bytes:
    text = b""
    if message:
        text = b'"status_message":' + msgspec.json.encode(printable(message)) + b","
    return b'"status_code":%d,%b"timestamp":"%b"}' % (code, text, timestamp(now).encode())


def read(raw: bytes) -> Envelope:
    """Read a partner's answer, or refuse what is no envelope (HTML, text, a bare list…)."""
    if len(raw) > ENVELOPE_BYTES_MAX:
        raise OcpiError(SERVER_ERROR, 200, "the answer is larger than an OCPI answer may be")
    try:
        frame = _FRAME.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        reason = f"the answer is not an OCPI envelope: {error}"
        raise OcpiError(SERVER_ERROR, 200, reason) from None
    data = bytes(frame.data)
    return Envelope(
        status_code=frame.status_code,
        status_message=None if frame.status_message is None else printable(frame.status_message),
        data=None if data in {b"", b"null"} else data,
        timestamp=frame.timestamp,
    )


def single(data: bytes | None) -> bytes | None:
    """Give the one object of an answer, also where the partner wraps it in a list of one."""
    if data is None or not data.lstrip().startswith(b"["):
        return data
    items = split(data)
    if len(items) > 1:
        raise invalid("data", f"one object is expected, {len(items)} came")
    return items[0] if items else None


def unwrapped(raw: bytes) -> bytes:
    """Give an answer for one object as the standard has it: no list around it, no empty list."""
    if b"[" not in raw:
        return raw
    try:
        frame = _FIELDS.decode(raw)
        given = bytes(frame.get("data", b""))
        data = single(given)
    except (msgspec.MsgspecError, ValueError, RecursionError, OcpiError):
        return raw
    if data == given:
        return raw
    rest = {name: value for name, value in frame.items() if name != "data"}
    return msgspec.json.encode(rest if data is None else {"data": msgspec.Raw(data), **rest})


def restamped(raw: bytes) -> bytes:
    """Give JSON with a ``T`` and a ``Z`` in moments that were written with a blank.

    They are understood here, but whoever they are passed on to need not understand them.
    """
    return _BLANK_MOMENT.sub(rb'"\1T\2Z"', raw)


def split(data: bytes) -> list[bytes]:
    """Give the elements of a JSON array, each as it was sent."""
    try:
        return [bytes(item) for item in _ITEMS.decode(data)]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise invalid("data", f"a list is expected: {error}") from None


def join(items: list[bytes]) -> bytes:
    """Give a JSON array of ready elements."""
    return b"[" + b",".join(items) + b"]"
