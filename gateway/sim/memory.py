"""What the sample network remembers between two runs: its credentials and the car's PKI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from gateway.sim.partner import Partner

FILE, PKI = "sample.json", "sample-pki"


class Kept(msgspec.Struct, kw_only=True):
    """Tokens by party ("NL-ABC"); the wallet's bearer token."""

    partners: dict[str, dict[str, Any]] = {}
    wallet_token: str = ""
    started_runs: int = 0


def read(folder: Path) -> Kept:
    """What the last run left, or nothing."""
    path = folder / FILE
    if not path.is_file():
        return Kept()
    return msgspec.json.decode(path.read_bytes(), type=Kept)


def write(folder: Path, kept: Kept) -> None:
    """Keeps it for the next run; only its owner may read it."""
    path = folder / FILE
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(kept))


def remember(kept: Kept, partner: Partner) -> None:
    """Notes how this partner and the hub know each other."""
    kept.partners[str(partner.profile)] = {
        "token_at_hub": partner.token_at_hub,
        "endpoints": [[m, r, url] for (m, r), url in partner.hub_endpoints.items()],
    }


def recall(kept: Kept, partner: Partner) -> bool:
    """Gives a partner its credentials back; False when it never registered."""
    known = kept.partners.get(str(partner.profile))
    if known is None:
        return False
    partner.token_at_hub = known["token_at_hub"]
    partner.hub_endpoints = {(m, r): url for m, r, url in known["endpoints"]}
    return True


def keep_car(folder: Path, files: dict[str, bytes]) -> None:
    """Writes the car's PKI."""
    root = folder / PKI
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(data)


def car_files(folder: Path) -> dict[str, bytes]:
    """The files of the car's PKI, empty when there are none."""
    root = folder / PKI
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
