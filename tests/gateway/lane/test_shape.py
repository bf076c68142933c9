"""The head without its ids: found the same in both ways, and never the same for two readings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.http.lane.parse import RequestReader
from gateway.http.lane.shape import SPELLINGS, cut, template_of

LINE = b"POST /x HTTP/1.1"
visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
names = st.sampled_from(
    [name[2:-2].decode() for pair in SPELLINGS for name in pair] + ["X-Other", "X-REQUEST-ID"]
)
headers = st.lists(st.tuples(names, visible), max_size=5)


def frame_of(lines, line: bytes = LINE) -> bytes:
    fixed = [("Host", "h"), ("Authorization", "Token x")]
    text = "".join(f"{name}: {value}\r\n" for name, value in [*fixed, *lines])
    return line + b"\r\n" + text.encode() + b"\r\n"


@given(headers, st.binary(max_size=30))
def test_cut_when_a_template_is_made_of_it_then_the_template_finds_the_same(lines, body) -> None:
    frame = frame_of(lines) + body
    found = cut(frame)
    assert found is not None
    line, rest, end, ids = found
    assert (line, end) == (LINE, len(frame) - len(body))
    template = template_of(rest)
    if template is not None and all(ids):
        assert template.match(frame) == (line, end, ids)


def test_template_when_ids_come_in_two_spellings_then_only_the_first_spelling_counts() -> None:
    lines = [
        ("X-Correlation-ID", "a"),
        ("X-Request-ID", "b"),
        ("x-request-id", "c"),
        ("x-correlation-id", "d"),
    ]
    _, rest, _, ids = cut(frame_of(lines))
    assert ids == (b"b", b"a")
    assert template_of(rest) is None


@given(headers, headers)
def test_cut_when_two_heads_have_one_rest_then_llhttp_reads_them_the_same_but_for_ids(
    left, right
) -> None:
    frames = [frame_of(left), frame_of(right, b"POST /yy HTTP/1.1")]
    cuts = [cut(frame) for frame in frames]
    template = template_of(cuts[0][1])
    matched = template.match(frames[1]) if template is not None else None
    readings = []
    for frame, (_, _, _, ids) in zip(frames, cuts, strict=True):
        reader = RequestReader()
        is_plain = reader.read(frame, 0)
        kept = [v for v in reader.headers.values() if not is_plain or v not in ids]
        readings.append((is_plain, list(reader.headers), kept))
    if cuts[0][1] == cuts[1][1] and not set(cuts[0][3] + cuts[1][3]) & {"h", b"h"}:
        assert readings[0][:2] == readings[1][:2]
    if matched is not None:
        assert cuts[0][1] == cuts[1][1]
        assert matched[2] == cuts[1][3]


@given(st.binary(max_size=120), st.integers(0, 120))
def test_cut_when_fed_anything_then_it_does_not_raise(junk, at) -> None:
    good = frame_of([("X-Request-ID", "r"), ("X-Correlation-ID", "c")])
    template = template_of(cut(good)[1])
    for frame in (junk, good[:at] + junk, good[:at] + junk + good[at:]):
        cut(frame)
        matched = template.match(frame)
        if matched is not None:
            found = cut(frame)
            assert found is None or (found[0], found[2], found[3]) == matched


def test_match_when_an_id_is_none_then_it_does_not_match() -> None:
    template = template_of(cut(frame_of([("X-Request-ID", "r"), ("X-Correlation-ID", "c")]))[1])
    for bad in ("", "a b", "a\tb", "ä", "x" * 129):
        for ids in ((bad, "c"), ("r", bad)):
            frame = frame_of(list(zip(("X-Request-ID", "X-Correlation-ID"), ids, strict=True)))
            assert template.match(frame) is None
            assert bad == "" or cut(frame) is None
