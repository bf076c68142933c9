"""AuthorizationInfo as bytes: the token's own JSON is spliced in, never decoded and encoded again.

Both ways of answering (the lane and the ordinary path) end here, so they cannot differ.
"""

from __future__ import annotations

import os
from typing import Final

import msgspec

from gateway.hub.authorise.request import Place
from gateway.hub.authorise.verdict import Decision

_encode_place = msgspec.json.Encoder().encode
_decode_place = msgspec.json.Decoder(Place).decode
_encode_text = msgspec.json.encode

EVSE_UIDS_MAX: Final = 64
ID_CHARS_MAX: Final = 36
REFERENCES_PER_DRAW: Final = 256
_BYTES_PER_REFERENCE: Final = 16
REFERENCE_CHARS: Final = 2 * _BYTES_PER_REFERENCE


LOCATION: Final = b',"location":'
REFERENCE: Final = b',"authorization_reference":"'
REFERENCE_END: Final = b'"'


class References:
    """Unguessable authorization_references (CiString(36)), drawn from the system in blocks."""

    __slots__ = ("_at", "_block")

    def __init__(self) -> None:
        self._block = b""
        self._at = 0

    def next(self) -> bytes:
        start = self._at
        block = self._block
        if start >= len(block):
            drawn = os.urandom(_BYTES_PER_REFERENCE * REFERENCES_PER_DRAW)
            block = self._block = drawn.hex().encode()
            start = 0
        self._at = stop = start + REFERENCE_CHARS
        return block[start:stop]


def frame_of(decision: Decision, token: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the location and the reference; `token` is JSON."""
    text = b""
    if decision.text:
        text = b',"info":{"language":"en","text":' + _encode_text(decision.text) + b"}"
    return b'{"allowed":"%b","token":%b' % (decision.allowed.encode(), token), text + b"}"


def location_of(place: Place) -> bytes:
    return LOCATION + _encode_place(place)


def authorization_info(
    decision: Decision, token: bytes, place: Place | None, reference: str | None
) -> bytes:
    """The `data` of an answer that has one; `token` is JSON in the version of whoever asked."""
    before, after = frame_of(decision, token)
    location = location_of(place) if decision.is_allowed and place is not None else b""
    given = REFERENCE + reference.encode() + REFERENCE_END if reference is not None else b""
    return b"".join((before, location, given, after))


def read_place(body: bytes) -> Place | None:
    """LocationReferences of a plain request; ValueError where the full decoder must look at it."""
    if not body:
        return None
    place = _decode_place(body)
    ids = (place.location_id, *place.evse_uids)
    if len(ids) > EVSE_UIDS_MAX:
        raise ValueError("more EVSEs than the short way takes")
    for text in ids:
        if not 0 < len(text) <= ID_CHARS_MAX or not text.isascii() or not text.isprintable():
            raise ValueError("an id for the full decoder")
    return place
