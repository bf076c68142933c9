"""An electric vehicle with an ISO 15118-2 contract certificate, and the PKI that issued it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pnc import authority, pem
from pnc.authority import Pki

ROOT, CONTRACT = "mo-root", "contract"


class Car:
    """Knows its contract chain; the station reads it from the car and hands it to its operator."""

    def __init__(self, emaid: str, pki: Pki) -> None:
        self.emaid = emaid
        self.pki = pki

    @classmethod
    def new(cls, emaid: str, now: datetime) -> Car:
        """A car whose contract was issued just now, by a PKI of its own."""
        return cls(emaid, authority.make(now, emaid_text=emaid))

    @classmethod
    def from_files(cls, emaid: str, files: Mapping[str, bytes]) -> Car:
        """The car of an earlier run."""
        return cls(emaid, authority.load(files))

    def files(self, now: datetime) -> dict[str, bytes]:
        """Everything that `from_files` needs."""
        return authority.files(self.pki, now)

    @property
    def chain(self) -> tuple[bytes, ...]:
        """DER, leaf first, then the sub-CAs, as the car presents it."""
        return self.pki.chain(CONTRACT)

    @property
    def chain_pem(self) -> str:
        """The same as PEM, as the station passes it on."""
        return pem.join(self.chain).decode("ascii")

    @property
    def roots(self) -> tuple[tuple[str, bytes], ...]:
        """What the hub's people have to trust: the mobility operator's root."""
        return (("MO", self.pki.issued[ROOT].certificate),)

    def crls(self, now: datetime) -> tuple[bytes, ...]:
        """The revocation lists of the mobility operator's CAs."""
        made = self.pki.crls(now)
        return tuple(made[name] for name in made if name.startswith("mo-"))
