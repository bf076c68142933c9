"""Where a request ends: only where there is one way to read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.lane.frame import PARTIAL, UNKNOWN, body_length, head_length
from gateway.http.lane.parse import RequestReader

HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"", 0),
        (b"Content-Length: 5\r\n", 5),
        (b"content-length:5\r\n", 5),
        (b"CONTENT-LENGTH:   0 \r\n", 0),
        (b"Content-Length: +5\r\n", UNKNOWN),
        (b"Content-Length: 5, 5\r\n", UNKNOWN),
        (b"Content-Length: 0x5\r\n", UNKNOWN),
        (b"Content-Length:\r\n", UNKNOWN),
        (b"Content-Length : 5\r\n", UNKNOWN),
        (b"Content-Length\t: 5\r\n", UNKNOWN),
        (b"Content-Length: 5\r\nContent-Length: 5\r\n", UNKNOWN),
        (b"Content-Length: 9999999999\r\n", UNKNOWN),
        (b"Content-Length: \xb2\r\n", UNKNOWN),
        (b"Transfer-Encoding: chunked\r\n", UNKNOWN),
        (b"transfer-encoding : x\r\n", UNKNOWN),
        (b"Upgrade: websocket\r\n", UNKNOWN),
        (b"Expect: 100-continue\r\n", UNKNOWN),
        (b"X: a\r\n b\r\n", UNKNOWN),
        (b"X-Content-Length: 7\r\n", 0),
    ],
)
def test_body_length_when_the_head_is_read_then_only_one_reading_counts(line, expected) -> None:
    head = HEAD + line + b"\r\n"
    assert head_length(head) == len(head)
    assert body_length(head) == expected


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x00", b"get / HTTP", b"GET / HTTP/1.1\nHost: a\n\n", b"\r\nGET", b"G" * 9000],
)
def test_head_length_when_it_cannot_become_plain_then_it_is_not_kept(data) -> None:
    assert head_length(data) == UNKNOWN


@given(st.integers(min_value=1, max_value=len(HEAD) + 1))
def test_head_length_when_cut_anywhere_then_it_waits(cut) -> None:
    assert head_length((HEAD + b"\r\n")[:cut]) == PARTIAL


@given(st.binary(max_size=200))
def test_reader_when_fed_anything_then_it_says_no_and_goes_on(junk) -> None:
    reader = RequestReader()
    assert reader.read(junk, 0) in (True, False)
    good = HEAD + b"Authorization: Token x\r\n\r\n"
    assert reader.read(good, 0)
    assert (reader.url, reader.headers[b"host"], reader.body) == (b"/x", b"a", b"")
    assert not reader.read(good + good, 0)  # two requests are not one
    assert reader.read(good, 0)
