"""Envelope, headers, parties, pages: what surrounds a message."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpi import envelope, header, page
from ocpi.errors import OcpiError
from ocpi.model.party import PartyId, fold, parse_party, party, same

AT = datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=UTC)


def test_an_envelope_carries_ready_bytes():
    raw = envelope.success(b'{"x": 1.10}', AT)
    assert raw.startswith(b'{"data":{"x": 1.10},')
    assert json.loads(raw) == {
        "data": {"x": 1.1},
        "status_code": 1000,
        "timestamp": "2026-01-02T03:04:05.000600Z",
    }
    read = envelope.read(raw)
    assert (read.data, read.is_success) == (b'{"x": 1.10}', True)
    assert envelope.read(envelope.success(None, AT)).data is None


def test_a_failure_has_a_message_and_no_data():
    read = envelope.read(envelope.failure(2001, 'id: "x"\r\n is bad', AT))
    assert read.status_message == 'id: "x"?? is bad'
    assert (read.status_code, read.data, read.is_success) == (2001, None, False)


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b'{"status_code":"x"}', b"null"])
def test_what_is_no_envelope_is_refused(raw):
    with pytest.raises(OcpiError) as refusal:
        envelope.read(raw)
    assert refusal.value.code == 3000


def test_a_single_object_may_come_in_a_list():
    assert envelope.single(b' [ {"a":1} ] ') == b'{"a":1}'
    assert envelope.single(b'{"a":1}') == b'{"a":1}'
    assert envelope.single(b"[]") is None
    assert envelope.single(None) is None
    with pytest.raises(OcpiError):
        envelope.single(b"[1,2]")


@pytest.mark.parametrize(
    ("answer", "passed_on"),
    [
        (b'{"data":[{"a": [1]}],"status_code":1000}', b'{"data":{"a": [1]},"status_code":1000}'),
        (b'{"status_code":2003,"data":[]}', b'{"status_code":2003}'),
        (b'{"data": {"a": [1]}, "status_code":1000}', b'{"data": {"a": [1]}, "status_code":1000}'),
        (b'{"data":[1, 2]}', b'{"data":[1, 2]}'),
        (b'{"status_message":"["}', b'{"status_message":"["}'),
        (b"[", b"["),
    ],
)
def test_a_list_around_one_object_is_taken_off_an_answer(answer, passed_on):
    assert envelope.unwrapped(answer) == passed_on


@pytest.mark.parametrize(
    ("given_text", "passed_on"),
    [
        ("2026-11-20 23:19:07.193022+00:00", "2026-11-20T23:19:07.193022Z"),
        ("2026-11-20 23:19:07", "2026-11-20T23:19:07Z"),
        ("2026-11-20T23:19:07Z", "2026-11-20T23:19:07Z"),
        ("2026-11-20 23:19:07+02:00", "2026-11-20 23:19:07+02:00"),
        ("since 2026-11-20 23:19:07", "since 2026-11-20 23:19:07"),
    ],
)
def test_a_moment_written_with_a_blank_is_passed_on_as_the_standard_has_it(given_text, passed_on):
    assert (
        envelope.restamped(f'{{"a":"{given_text}"}}'.encode()) == f'{{"a":"{passed_on}"}}'.encode()
    )


@given(st.from_regex(r"\A[!-~]{1,64}\Z"))
def test_a_token_is_recognised_in_every_encoding(token):
    assert token in header.token_candidates(header.encode_token(token))
    assert token in header.token_candidates(header.encode_token(token, raw=True))


def test_the_specifications_own_token_loses_its_newline():
    assert "example-token" in header.token_candidates("Token ZXhhbXBsZS10b2tlbgo=")


@pytest.mark.shared
def test_hostile_authorization_values_give_tokens_or_nothing(hostile):
    for value in hostile("authorization.txt"):
        for token in header.token_candidates(value):
            assert 1 <= len(token) <= 64
            assert all("!" <= ch <= "~" for ch in token)
    assert header.token_candidates(None) == ()
    assert header.token_candidates("Bearer YQ==") == ()
    assert header.token_candidates("Token YQ==, Token Yg==") == ()
    assert header.token_candidates("token YQ==") == ("YQ==", "a")


def test_routing_headers_are_read_without_case_and_written_back():
    given_ = {
        "ocpi-TO-party-id": "abc",
        "OCPI-to-country-code": "nl",
        "OCPI-from-party-id": "XYZ",
        "OCPI-from-country-code": "DE",
    }
    routing = header.read_routing(given_)
    assert routing == header.Routing(PartyId("NL", "ABC"), PartyId("DE", "XYZ"))
    assert header.read_routing(header.write_routing(routing)) == routing
    assert header.read_routing({}) == header.Routing()
    assert routing.reversed().to == PartyId("DE", "XYZ")


@pytest.mark.parametrize(
    "headers",
    [
        {"OCPI-to-party-id": "ABC"},
        {"OCPI-from-country-code": "NL"},
        {"OCPI-to-party-id": "ABCD", "OCPI-to-country-code": "NL"},
        {"OCPI-to-party-id": "ABC", "OCPI-to-country-code": "N1"},
        {"OCPI-to-party-id": "ABC ", "OCPI-to-country-code": "NL"},
        {"OCPI-to-party-id": "", "OCPI-to-country-code": ""},
        {"OCPI-to-party-id": "ABC", "ocpi-to-party-id": "ABD", "OCPI-to-country-code": "NL"},
    ],
)
def test_half_or_broken_addresses_are_refused(headers):
    with pytest.raises(OcpiError) as refusal:
        header.read_routing(headers)
    assert refusal.value.code == 2001
    assert refusal.value.field.startswith("OCPI-")


def test_message_ids_are_printable_or_refused():
    ids = header.read_ids({"x-request-id": "a", "X-Correlation-ID": "b"})
    assert header.write_ids(ids) == {"X-Request-ID": "a", "X-Correlation-ID": "b"}
    assert header.read_ids({}) == header.MessageIds()
    for bad in ("a b", "a\r\nX: y", "é", "a" * 129, "\x00"):
        with pytest.raises(OcpiError):
            header.read_ids({"X-Request-ID": bad})


@given(st.text(max_size=20))
def test_folding_is_stable_and_touches_ascii_only(text):
    assert fold(fold(text)) == fold(text)
    assert len(fold(text)) == len(text)
    assert all(
        a == b or (a.isascii() and b.isascii()) for a, b in zip(text, fold(text), strict=True)
    )
    assert same(text, fold(text))


def test_look_alikes_are_not_the_same_party():
    for other in ("\u212a", "\u017f", "\u0130", "\u0131", "ß", "\uff2b"):
        assert not same(other, "K")
        assert not same(other, "S")
        assert not same(other, "I")
        assert not same(other, "SS")
    assert same("deAbC", "DEaBc")


@pytest.mark.shared
def test_hostile_ids_make_a_party_only_of_five_ascii_characters(hostile):
    for text in hostile("ids.txt"):
        for pair in ((text, "ABC"), ("NL", text)):
            try:
                made = party(*pair)
            except OcpiError:
                continue
            assert str(made).isascii()
            assert len(str(made)) == 6
    assert (
        parse_party("nl-abc") == parse_party("NL*ABC") == parse_party("nlabc") == party("NL", "ABC")
    )
    with pytest.raises(OcpiError):
        parse_party("NL-ABCD")


def test_a_page_query_is_read_and_capped():
    query = page.read_query(
        [("date_from", "2026-01-01T00:00:00"), ("limit", "99999"), ("offset", "7"), ("x", "y")]
    )
    assert (query.limit, query.offset) == (page.LIMIT_MAX, 7)
    assert query.date_from == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.shared
def test_hostile_queries_are_bounded_or_refused(hostile):
    refusals = 0
    for text in hostile("queries.txt"):
        pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
        try:
            query = page.read_query(pairs)
        except OcpiError:
            refusals += 1
            continue
        assert 1 <= query.limit <= page.LIMIT_MAX
        assert 0 <= query.offset <= page.OFFSET_MAX
    assert refusals >= 12


@given(st.datetimes(timezones=st.just(UTC)), st.lists(st.text(max_size=39), max_size=4))
def test_a_cursor_survives_its_journey(moment, key):
    key = [part.replace("\x00", "") for part in key]
    cursor = page.Cursor(moment, tuple(key))
    text = page.encode_cursor(cursor)
    if len(text) <= page.CURSOR_CHARS_MAX:
        assert page.decode_cursor(text) == cursor


@pytest.mark.parametrize("text", ["x", "é", "e30", "AAAA", "W10", "a" * 2000, "bnVsbA"])
def test_a_foreign_cursor_is_refused(text):
    with pytest.raises(OcpiError) as refusal:
        page.decode_cursor(text)
    assert refusal.value.field == "cursor"


def test_the_link_repeats_every_filter():
    query = page.read_query([("date_from", "2026-01-01T00:00:00Z"), ("limit", "10")])
    cursor = page.Cursor(AT, ("NL", "ABC", "1"))
    url = "https://hub.example/ocpi/2.2.1/sender/tokens"
    link = page.write_link(url, query, cursor, [("type", "RFID")])
    following = page.read_link(link, url + "?limit=10")
    again = page.read_query(parse_qsl(urlsplit(following).query))
    assert (again.limit, again.date_from, again.cursor) == (10, query.date_from, cursor)
    assert "type=RFID" in following


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "nonsense",
        '<https://peer.example/a?offset=1>; rel="prev"',
        '<https://other.example/a?offset=1>; rel="next"',
        '<http://peer.example/a?offset=1>; rel="next"',
        '<https://peer.example/VersionNumber.v_2_2_1/a>; rel="next"',
        '<https://peer.example/a?offset=0>; rel="next"',
        "<" * 5000,
        '<https://[>; rel="next"',
    ],
)
def test_an_absurd_link_is_ignored(value):
    assert page.read_link(value, "https://peer.example/a?offset=0") is None


def test_a_sound_link_is_followed_as_given():
    here = "https://peer.example/a?offset=0"
    assert page.read_link("</a?offset=9>; rel=next", here) == "https://peer.example/a?offset=9"
    assert page.read_total("12") == 12
    assert page.read_total("many") is None
    assert page.read_total(None) is None
