"""Which machine a figure comes from: processor, cores, system, versions."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "aiohttp",
    "uvloop",
    "msgspec",
    "asyncpg",
    "redis",
    "hiredis",
    "cryptography",
    "httptools",
)


def describe() -> dict[str, str]:
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES),
        "openssl speed, one ECDSA P-256 verify": _openssl(),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _openssl() -> str:
    try:
        done = subprocess.run(
            ["openssl", "speed", "-seconds", "1", "ecdsap256"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "not measured: no openssl program"
    last = done.stdout.strip().splitlines()[-1].split()
    return f"{1e6 / float(last[-1]):.0f} us"
