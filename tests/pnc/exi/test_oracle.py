"""The same messages by another coder: EXIficient, in the wheel ``iso15118`` and a Java machine.

Neither is a dependency. Set NETWORKCORE_EXI_ORACLE to a Python that has the wheel installed; the
test is skipped, and says why, where that or Java is absent.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from base64 import b64decode, b64encode

import msgspec
import pytest

from pnc import exi
from pnc.exi import edition2, edition20, text
from pnc.exi import message as m
from pnc.exi import message20 as n

DSIG = "http://www.w3.org/2000/09/xmldsig#"
MESSAGES = "urn:iso:15118:2:2013:MsgDef"
MESSAGES20 = "urn:iso:std:iso:15118:-20:CommonMessages"
PROGRAM = """
import base64, json, sys
from iso15118.shared.exificient_exi_codec import ExificientEXICodec
codec = ExificientEXICodec()
for line in sys.stdin:
    task = json.loads(line)
    try:
        if "exi" in task:
            said = codec.decode(base64.b64decode(task["exi"]), task["namespace"])
        else:
            said = base64.b64encode(bytes(codec.encode(task["json"], task["namespace"]))).decode()
    except Exception as error:
        said = f"error {error}"
    print(json.dumps(said), flush=True)
codec.gateway.shutdown()
"""


class Oracle:
    def __init__(self, process):
        self._process = process

    def _ask(self, **task):
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        assert not said.startswith("error"), said
        return said

    def decode(self, raw, namespace=MESSAGES):
        return json.loads(self._ask(exi=b64encode(raw).decode(), namespace=namespace))

    def encode(self, said, namespace=MESSAGES):
        return b64decode(self._ask(json=said.decode(), namespace=namespace))


@pytest.fixture(scope="module")
def oracle():
    python = os.environ.get("NETWORKCORE_EXI_ORACLE")
    if shutil.which("java") is None:
        pytest.skip("no Java, which the other coder runs on")
    if not python or shutil.which(python) is None:
        pytest.skip("NETWORKCORE_EXI_ORACLE names no Python with the wheel iso15118==0.31.2")
    process = subprocess.Popen(
        [python, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    yield Oracle(process)
    process.stdin.close()
    process.stdout.close()
    process.wait(timeout=30)


def _numbers(value):
    """The other coder writes every serial number as a number."""
    if isinstance(value, dict):
        return {k: int(v) if k == "X509SerialNumber" else _numbers(v) for k, v in value.items()}
    return [_numbers(each) for each in value] if isinstance(value, list) else value


def _text(draw):
    letters = "abcXYZ019 -_,=/#äß€😀"
    return "".join(draw.choice(letters) for _ in range(draw.randrange(1, 40)))


def _request(draw, vehicle):
    ids = tuple(
        m.RootCertificateId(issuer_name=_text(draw), serial_number=draw.randrange(-(2**40), 2**130))
        for _ in range(draw.choice((1, 2, 19, 20)))
    )
    message = vehicle.request(
        id=f"x{draw.randrange(99)}",
        provisioning_certificate=draw.randbytes(draw.choice((1, 127, 128, 800))),
        root_certificate_ids=m.RootCertificateIds(ids=ids),
    )
    note = m.Notification(
        fault_code=draw.choice(("ParsingError", "NoTLSRootCertificatAvailable", "UnknownError"))
    )
    header = m.Header(
        session_id=draw.randbytes(draw.randrange(1, 9)), notification=draw.choice((None, note))
    )
    return msgspec.structs.replace(message, header=header)


def _chain(draw, name):
    subs = tuple(draw.randbytes(draw.randrange(1, 200)) for _ in range(draw.randrange(5)))
    return m.CertificateChain(
        id=name, certificate=draw.randbytes(draw.randrange(1, 801)),
        sub_certificates=m.SubCertificates(certificates=subs) if subs else None,
    )  # fmt: skip


def _response(draw, vehicle):
    return vehicle.signed_response(
        response_code=draw.choice(edition2.RESPONSE_CODES),
        provisioning_service_chain=_chain(draw, draw.choice((None, "a"))),
        contract_chain=_chain(draw, "id1"),
        encrypted_private_key=m.IdentifiedBytes(
            id="id2", value=draw.randbytes(draw.randrange(1, 49))
        ),
        emaid=m.IdentifiedText(id="id4", value="DEABCC123ABC567"[: draw.choice((14, 15))]),
    )


def test_messages_when_made_by_either_coder_then_the_same(oracle, vehicle):
    draw = random.Random(2)
    for at in range(60):
        message = (_request, _response)[at % 2](draw, vehicle)
        raw = exi.encode(message)
        assert oracle.decode(raw) == _numbers(json.loads(exi.to_json(raw)))
        assert oracle.encode(json.dumps(_numbers(json.loads(exi.to_json(raw)))).encode()) == raw


def test_fragments_when_made_by_either_coder_then_the_same(oracle, vehicle):
    signed = vehicle.signed_response()
    r = signed.body.response
    for root, value, namespace in (
        (edition2.CONTRACT_CHAIN, r.contract_chain, MESSAGES),
        (edition2.PRIVATE_KEY, r.encrypted_private_key, MESSAGES),
        (edition2.PUBLIC_KEY, r.dh_public_key, MESSAGES),
        (edition2.EMAID, r.emaid, MESSAGES),
        (edition2.REQUEST, vehicle.request().body.request, MESSAGES),
        (edition2.SIGNED_INFO, signed.header.signature.signed_info, DSIG),
    ):
        said = json.dumps(_numbers(json.loads(text.dump(root, value)))).encode()
        assert oracle.encode(said, namespace) == exi.fragment(root, value), root.name


def _header20(draw):
    return n.Header(session_id=draw.randbytes(8), time_stamp=draw.randrange(2**50))


def _subs20(draw, least):
    count = draw.randrange(least, 4)
    ders = tuple(draw.randbytes(draw.randrange(1, 200)) for _ in range(count))
    return m.SubCertificates(certificates=ders) if ders else None


def _request20(draw):
    ids = (m.RootCertificateId(issuer_name=_text(draw), serial_number=draw.randrange(2**130)),)
    emaids = tuple(_text(draw) for _ in range(draw.randrange(9)))
    return n.InstallationRequest(
        header=_header20(draw),
        provisioning_chain=n.SignedCertificateChain(
            id="id1",
            certificate=draw.randbytes(draw.randrange(1, 1601)),
            sub_certificates=_subs20(draw, 0),
        ),
        root_certificate_ids=m.RootCertificateIds(ids=ids * draw.choice((1, 2, 19, 20))),
        contract_chains_max=draw.randrange(256),
        prioritized_emaids=n.Emaids(emaids=emaids) if emaids else None,
    )


def _response20(draw):
    curve, key, size = draw.choice(
        (
            ("SECP521", "secp521_private_key", 94),
            ("X448", "x448_private_key", 84),
            ("SECP521", "tpm_private_key", 206),
        )
    )
    return n.InstallationResponse(
        header=_header20(draw),
        response_code=draw.choice(edition20.RESPONSE_CODES),
        evse_processing=draw.choice(("Finished", "Ongoing")),
        provisioning_service_chain=n.CertificateChain(
            certificate=b"cps", sub_certificates=_subs20(draw, 0)
        ),
        installation_data=n.InstallationData(
            id="id1",
            contract_chain=n.ContractCertificateChain(
                certificate=draw.randbytes(900), sub_certificates=_subs20(draw, 1)
            ),
            ecdh_curve=curve,
            dh_public_key=draw.randbytes(133),
            **{key: draw.randbytes(size)},
        ),
        contract_chains_remaining=draw.randrange(256),
    )


def test_messages_of_edition_20_when_made_by_either_coder_then_the_same(oracle):
    draw = random.Random(20)
    for at in range(40):
        message = (_request20, _response20)[at % 2](draw)
        raw = exi.encode20(message)
        said = _numbers(json.loads(exi.to_json(raw)))
        assert oracle.decode(raw, MESSAGES20) == said
        assert oracle.encode(json.dumps(said).encode(), MESSAGES20) == raw


def test_provisioning_chain_of_edition_20_when_made_by_either_coder_then_the_same(oracle):
    """The other coder makes SignedInstallationData a document, so that this is the one to compare."""
    chain = _request20(random.Random(3)).provisioning_chain
    said = text.dump(edition20.PROVISIONING_CHAIN, chain)
    made = exi.fragment(edition20.PROVISIONING_CHAIN, chain)
    assert oracle.encode(said, MESSAGES20) == made
