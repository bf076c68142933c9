"""`networkcore pnc exi` as people start it: bytes in, bytes out."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

REPO = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def raw():
    from pnc import exi
    from pnc.exi import message as m

    roots = m.RootCertificateIds(ids=(m.RootCertificateId(issuer_name="CN=R", serial_number=7),))
    made = m.InstallationRequest(
        id="ID1", provisioning_certificate=b"\x30\x00", root_certificate_ids=roots
    )
    return exi.encode(m.Message(header=m.Header(session_id=b"\xab\xcd"), body=m.Body(request=made)))


def _run(*words, given):
    return subprocess.run(
        [sys.executable, "-m", "gateway", "pnc", "exi", *words], cwd=REPO, input=given,
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip


def test_exi_when_decoded_and_encoded_then_the_same_bytes(raw):
    said = _run("decode", given=raw)
    assert (said.returncode, said.stderr) == (0, b"")
    assert json.loads(said.stdout)["V2G_Message"]["Header"]["SessionID"] == "ABCD"
    back = _run("encode", given=said.stdout)
    assert (back.returncode, back.stdout, back.stderr) == (0, raw, b"")


def test_exi_when_base64_then_as_in_ocpp(raw):
    said = _run("decode", "--base64", given=b64encode(raw) + b"\n")
    back = _run("encode", "--base64", given=said.stdout)
    assert back.stdout == b64encode(raw) + b"\n"


@pytest.mark.parametrize(
    ("words", "given", "reason"),
    [
        (["decode"], b"\x80\x98\x00", b"ends too early"),
        (["decode"], b"", b"ends too early"),
        (["decode", "--base64"], b"***", b"base64"),
        (["decode"], b"\x80" * (1 << 21), b"more than 1048576 bytes"),
        (["encode"], b"{}", b"one object with one key is expected"),
        (
            ["encode"],
            b'{"V2G_Message": {"Header": {"SessionID": "x"}}}',
            b"SessionID: not hexadecimal",
        ),
    ],
)
def test_exi_when_input_is_bad_then_one_line_and_exit_1(words, given, reason):
    said = _run(*words, given=given)
    assert said.returncode == 1
    assert said.stdout == b""
    assert said.stderr.count(b"\n") == 1
    assert reason in said.stderr
