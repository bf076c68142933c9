from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pnc import pem
from pnc.errors import PemError


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=5))
def test_split_when_joined_then_the_same(ders):
    assert pem.split(pem.join(ders)) == ders
    assert pem.split(pem.join(ders).replace(b"\n", b"\r\n").decode()) == ders


def test_split_when_other_blocks_and_text_stand_around_then_only_the_wanted():
    text = b"subject=x\n" + pem.join([b"a"], pem.CRL) + b"\n" + pem.join([b"b"])
    assert pem.split(text) == [b"b"]
    assert pem.split(text, pem.CRL) == [b"a"]
    assert pem.read(b"\x30\x00") == [b"\x30\x00"]
    assert pem.read(text) == [b"b"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no pem",
        "-----BEGIN CERTIFICATE-----\nYQ==\n",
        "-----BEGIN CERTIFICATE-----\nYR==\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nY!Q=\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nYQ=\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nYQ==\n-----END X509 CRL-----\n",
        pem.join([b"x"] * 1025).decode(),
        "\udcff",
    ],
)
def test_split_when_unreadable_then_pem_error(text):
    with pytest.raises(PemError):
        pem.split(text)


@given(st.binary(max_size=400) | st.text(max_size=300))
def test_split_when_any_input_then_blocks_or_pem_error(text):
    with contextlib.suppress(PemError):
        pem.split(text)
