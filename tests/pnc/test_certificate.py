"""The DER walker: everything read as another implementation reads it, nothing else raised."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cryptography import x509
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pnc import certificate, der, extension, name
from pnc.errors import DerError
from pnc.revocation import crl, ocsp

MUTATIONS = 20_000


def test_fields_when_read_then_as_cryptography_reads_them(forge, forge20):
    for pki in (forge.pki, forge20.pki):
        for issued in pki.issued.values():
            ours = certificate.parse(issued.certificate)
            theirs = x509.load_der_x509_certificate(issued.certificate)
            assert ours.serial == theirs.serial_number
            assert ours.tbs == theirs.tbs_certificate_bytes
            assert ours.signature == theirs.signature
            assert ours.subject == theirs.subject.public_bytes()
            assert ours.issuer == theirs.issuer.public_bytes()
            assert ours.not_before == theirs.not_valid_before_utc
            assert ours.not_after == theirs.not_valid_after_utc
            assert ours.key.spki in issued.certificate
            assert [a.value for a in ours.subject_attributes] == [a.value for a in theirs.subject]
            listed = [extension.title(oid) for oid in ours.extensions.present]
            assert (
                listed == [each.oid._name for each in theirs.extensions] or "extKeyUsage" in listed
            )
            skid = theirs.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            assert ours.extensions.subject_key_id == skid.digest


def mutated(data, rng):
    """One of: bytes changed, removed, inserted, doubled, cut."""
    raw = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(raw))
        kind = rng.randrange(6)
        if kind < 3:
            raw[at] = rng.choice(
                (0, 0xFF, 0x80, 0x7F, 0x30, rng.randrange(256), raw[at] ^ 1 << rng.randrange(8))
            )
        elif kind == 3:
            del raw[at : at + rng.randrange(1, 9)]
        elif kind == 4:
            raw[at:at] = rng.randbytes(rng.randrange(1, 9))
        else:
            raw = raw[: at + 1]
        if not raw:
            return b""
    return bytes(raw)


def test_parse_when_mutated_then_only_der_error(forge, forge20):
    """20,000 mutations of certificates, CRLs and OCSP answers; what parses shows itself too."""
    rng = random.Random(15118)
    sources = [
        (certificate.parse, [each.certificate for each in forge.pki.issued.values()]),
        (certificate.parse, [forge20.pki.issued["contract"].certificate]),
        (crl.parse, [*forge.pki.crls(forge.made, revoked=forge.pki.chain("contract")).values()]),
        (ocsp.parse, [_answer(forge)]),
    ]
    parsed = 0
    for number in range(MUTATIONS):
        parse, samples = sources[0] if number % 4 else sources[number // 4 % 4]
        data = mutated(rng.choice(samples), rng)
        with suppress(DerError):
            found = parse(data)
            parsed += 1
            if isinstance(found, certificate.Certificate):
                assert found.subject_text.isprintable()
                assert found.issuer_text
                extension.ocsp_addresses(found.extensions)
                [extension.title(oid) for oid in found.extensions.present]
    assert parsed > MUTATIONS // 20


def _answer(forge):
    from pnc import authority

    return authority.ocsp_good(forge.pki, "contract", forge.made)


def test_parse_when_truncated_anywhere_then_der_error(forge):
    for issued in forge.pki.issued.values():
        for size in range(len(issued.certificate)):
            with pytest.raises(DerError):
                certificate.parse(issued.certificate[:size])


@given(st.binary(max_size=600))
@example(b"")
@example(b"\x30\x80\x00\x00")
@example(b"\x30\x84\xff\xff\xff\xff")
@example(b"\x1f\x1f\x1f")
def test_parse_when_any_bytes_then_der_error(data):
    for parse in (certificate.parse, crl.parse, ocsp.parse, name.parse):
        with suppress(DerError):
            parse(data)
    with suppress(DerError):
        der.well_formed(data, 0, len(data))


@given(st.data())
@settings(max_examples=500)
def test_short_ways_when_names_are_mutated_then_read_as_the_long_way(data):
    """The fast reading of names may only ever agree with the full one."""
    parts = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(["550403", "55040a", "0992268993f22c640119", "2a03"]),
                st.sampled_from([0x0C, 0x13, 0x16, 0x1E, 0x05]),
                st.binary(max_size=20),
            ),
            max_size=3,
        )
    )
    raw = b""
    for oid, tag, value in parts:
        o = bytes.fromhex(oid)
        pair = b"\x06" + bytes([len(o)]) + o + bytes([tag, len(value)]) + value
        raw += bytes([0x31, len(pair) + 2, 0x30, len(pair)]) + pair
    raw = bytearray(b"\x30" + bytes([len(raw)]) + raw)
    if data.draw(st.booleans()):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    short = name._usual(bytes(raw))
    if short is not None:
        assert short == name._any(bytes(raw))


@given(st.data())
@settings(max_examples=300)
def test_short_ways_when_extensions_are_mutated_then_read_as_the_long_way(forge, data):
    listed = [
        raw
        for each in ("contract", "mo-sub2", "secc")
        for raw in forge.extensions_of(forge.pki.issued[each])
    ]
    raw = bytearray(data.draw(st.sampled_from(listed)))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    short = extension._usual(bytes(raw), 0, len(raw))
    if short is not None:
        assert short == extension._any(bytes(raw), 0, len(raw))


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        (0x17, b"491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (0x17, b"500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (0x18, b"99991231235900Z", datetime(9999, 12, 31, 23, 59, tzinfo=UTC)),
        (0x17, b"4912312359Z", None),
        (0x17, b"491231235960Z", None),
        (0x17, b"490230000000Z", None),
        (0x17, b"49023000000 Z", None),
        (0x17, b"491231235959+", None),
        (0x17, b"-91231235959Z", None),
        (0x18, b"20491231235959.5Z", None),
        (0x18, b"00000101000000Z", None),
        (0x18, b"2049123123595\xd9Z", None),
        (0x04, b"491231235959Z", None),
    ],
)
def test_time_when_read_then_one_form_only(tag, text, expected):
    if expected is None:
        with pytest.raises(DerError):
            der.time(text, tag, 0, len(text))
    else:
        assert der.time(text, tag, 0, len(text)) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("2a8648ce3d0201", "1.2.840.10045.2.1"),
        ("551d0f", "2.5.29.15"),
        ("883703", "2.999.3"),
        ("", None),
        ("80", None),
        ("2a8001", None),
        ("2a86", None),
        ("2a" + "03" * 40, None),
    ],
)
def test_oid_when_read_then_minimal_only(content, expected):
    if expected is None:
        with pytest.raises(DerError):
            der.oid_text(bytes.fromhex(content))
    else:
        assert der.oid_text(bytes.fromhex(content)) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("0780", 0x8000),
        ("06c0", 0xC000),
        ("0106", 0x0600),
        ("070080", 0x0080),
        ("0080", None),
        ("07ff", None),
        ("00", None),
        ("", None),
        ("0880", None),
        ("00000001", None),
        ("0700", None),
    ],
)
def test_key_usage_when_read_then_der_only(content, expected):
    data = bytes.fromhex(content)
    if expected is None:
        with pytest.raises(DerError):
            der.named_bits(data, 0, len(data))
    else:
        assert der.named_bits(data, 0, len(data)) == expected
