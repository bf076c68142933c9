"""Whatever comes in: a value that is written to the same bytes again, or an ExiError."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pnc import exi, xmlsig
from pnc.errors import ExiError
from pnc.exi import edition2

MUTATIONS = 24_000


def _read(raw: bytes) -> bool:
    try:
        message = exi.decode(raw)
    except ExiError:
        return False
    assert exi.encode(message) == raw
    return True


def _mutated(raw: bytes, draw: random.Random) -> bytes:
    kind = draw.randrange(6)
    at = draw.randrange(len(raw))
    data = bytearray(raw)
    if kind == 0:
        return raw[:at]
    if kind == 1:
        return raw + draw.randbytes(draw.randrange(1, 40))
    if kind == 2:
        data[at:at] = draw.randbytes(draw.randrange(1, 4))
    elif kind == 3:
        data[at] = draw.choice((0x00, 0x7F, 0x80, 0xFF))
    else:
        # most of a message is certificates, in which any bit may change: aim at the rest too
        near = draw.randrange(300) if kind == 4 else at
        for _ in range(draw.choice((1, 1, 1, 2, 8))):
            data[min(near, len(raw) - 1)] ^= 1 << draw.randrange(8)
            near = draw.randrange(len(raw))
    return bytes(data)


def test_messages_when_mutated_then_a_value_or_one_kind_of_error(samples):
    draw = random.Random(15118)
    kept = sum(_read(_mutated(samples[n % 2], draw)) for n in range(MUTATIONS))
    assert 0 < kept < MUTATIONS // 2


def test_messages_when_cut_anywhere_then_refused(samples):
    for raw in samples:
        for size in range(len(raw)):
            with pytest.raises(ExiError):
                exi.decode(raw[:size])


def test_request_when_any_one_bit_is_flipped_then_signature_never_stands(vehicle):
    raw = exi.encode(vehicle.signed_request())
    session = exi.decode(raw).header.session_id
    for bit in range(0, len(raw) * 8, 7):
        data = bytearray(raw)
        data[bit >> 3] ^= 0x80 >> (bit & 7)
        try:
            message = exi.decode(bytes(data))
        except ExiError:
            continue
        changes_only_what_is_not_signed = message.header.session_id != session
        assert changes_only_what_is_not_signed or xmlsig.verify_request(message) is not None, bit


@given(st.binary(max_size=300))
def test_anything_when_read_then_a_value_or_one_kind_of_error(tail):
    _read(tail)
    _read(b"\x80" + tail)
    _read(b"\x80\x98" + tail)
    for root in edition2.FRAGMENTS:
        head = b"\x80" + (root.code.value << (8 - root.code.width)).to_bytes(1, "big")
        try:
            value = exi.read_fragment(head + tail, root)
        except ExiError:
            continue
        assert exi.fragment(root, value) == head + tail


def test_announced_lengths_when_absurd_then_nothing_is_allocated(samples):
    head, huge = samples[1][:2], b"\x80" + b"\xff" * 10_000_000
    tracemalloc.start()
    try:
        for count in range(1, 5):
            with pytest.raises(ExiError):
                exi.decode(head + b"\xff" * count + b"\x7f" + bytes(100))
        with pytest.raises(ExiError):
            exi.decode(huge)
        exi.decode(samples[1])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200_000


@given(st.data())
def test_json_when_any_value_is_replaced_then_bytes_or_one_kind_of_error(samples, data):
    import msgspec

    found = msgspec.json.decode(exi.to_json(data.draw(st.sampled_from(samples))))
    place, key = found, "V2G_Message"
    while isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
        place = place[key]
        key = data.draw(
            st.sampled_from(list(place) if isinstance(place, dict) else range(len(place)))
        )
    place[key] = data.draw(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
        | st.lists(st.just({}), max_size=30) | st.dictionaries(st.text(max_size=3), st.just(1), max_size=2)
    )  # fmt: skip
    try:
        raw = exi.from_json(msgspec.json.encode(found))
    except (ExiError, OverflowError):  # an int that JSON cannot be made of here
        return
    assert exi.from_json(exi.to_json(raw)) == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"null", b"[]", b"{}", b"{", b"\xff", b"[" * 100_000, b'{"V2G_Message":' * 5_000, b'{"x":{}}',
        b'{"V2G_Message":{}}', b'{"V2G_Message":{"Header":{"SessionID":"zz"}}}', b'{"V2G_Message":{"Header":{"SessionID":7}}}',
        b'{"V2G_Message":NaN}', b'{"V2G_Message":1e999999}', b" " * 200_000, b'{"V2G_Message":{"\\ud800":1}}',
    ],
)  # fmt: skip
def test_json_when_it_is_no_message_then_one_kind_of_error(raw):
    with pytest.raises(ExiError):
        exi.from_json(raw)
