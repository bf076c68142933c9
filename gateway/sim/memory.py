"""What the sample network remembers between two runs: its credentials and the car's PKI."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.sim.partner import Partner

FILE, PKI = "sample.json", "sample-pki"


class Kept(msgspec.Struct, kw_only=True):
    """The hub's token of each partner ("NL-ABC"); the wallet's bearer token."""

    partners: dict[str, str] = {}
    wallet_token: str = ""


def read(folder: Path) -> Kept:
    """What the last run left; nothing when there is nothing, or nothing that can be read."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Kept)
    except (FileNotFoundError, msgspec.MsgspecError, ValueError):
        return Kept()


def write(folder: Path, kept: Kept) -> None:
    """Keeps it for the next run, whole or not at all; only its owner may read it."""
    draft = folder / f"{FILE}.new"
    draft.touch(mode=0o600)
    draft.write_bytes(msgspec.json.encode(kept))
    draft.replace(folder / FILE)


def remember(kept: Kept, partner: Partner) -> None:
    """Notes what the partner presents to the hub."""
    kept.partners[str(partner.profile)] = partner.token_at_hub


def recall(kept: Kept, partner: Partner) -> bool:
    """Gives a partner its token back; False when it never registered."""
    partner.token_at_hub = kept.partners.get(str(partner.profile), "")
    return bool(partner.token_at_hub)


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
