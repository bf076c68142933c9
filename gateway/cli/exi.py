"""`networkcore pnc exi decode|encode`: EXI to JSON and back, on standard input and output."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from gateway.cli.app import fail

INPUT_BYTES_MAX: Final = 1 << 20
Base64 = Annotated[bool, typer.Option("--base64", help="The EXI is base64 text, as OCPP has it")]


def register(pnc: typer.Typer) -> None:
    exi = typer.Typer(no_args_is_help=True, help="EXI messages of Plug & Charge as JSON.")
    exi.command("decode")(decode)
    exi.command("encode")(encode)
    pnc.add_typer(exi, name="exi")


def decode(base64: Base64 = False) -> None:
    """EXI on standard input, JSON on standard output. Exit 1: it is no message known here."""
    import binascii
    from base64 import b64decode

    from pnc import exi
    from pnc.errors import ExiError

    raw = _input()
    try:
        if base64:
            raw = b64decode(b"".join(raw.split()), validate=True)
        said = exi.to_json(raw)
    except (ExiError, binascii.Error) as error:
        fail(str(error))
    sys.stdout.buffer.write(said + b"\n")


def encode(base64: Base64 = False) -> None:
    """JSON on standard input, EXI on standard output. Exit 1: it cannot be such a message."""
    from base64 import b64encode

    from pnc import exi
    from pnc.errors import ExiError

    try:
        raw = exi.from_json(_input())
    except ExiError as error:
        fail(str(error))
    sys.stdout.buffer.write(b64encode(raw) + b"\n" if base64 else raw)


def _input() -> bytes:
    raw = sys.stdin.buffer.read(INPUT_BYTES_MAX + 1)
    if len(raw) > INPUT_BYTES_MAX:
        fail(f"standard input: more than {INPUT_BYTES_MAX} bytes")
    return raw
