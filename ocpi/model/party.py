"""Who takes part: country code and party id, roles, and how ids are compared."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from ocpi.errors import invalid

_COUNTRY: Final = re.compile(r"[A-Za-z]{2}\Z")
_PARTY: Final = re.compile(r"[A-Za-z0-9]{3}\Z")
_ASCII_UPPER: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


def fold(text: str) -> str:
    """Give the key under which a CiString is compared: ASCII letters upper-cased, nothing else.

    Unicode folding would make the Kelvin sign a ``K`` and ``ß`` an ``SS``: another party's id.
    """
    return text.upper() if text.isascii() else text.translate(_ASCII_UPPER)


def same(left: str, right: str) -> bool:
    """Tell whether two CiStrings name the same thing (OCPI 2.2.1 types CiString)."""
    return left == right or fold(left) == fold(right)


class PartyId(msgspec.Struct, frozen=True, order=True):
    """A party's address in the network, always upper case; make it with ``party``."""

    country_code: str
    party_id: str

    def __str__(self) -> str:
        return f"{self.country_code}-{self.party_id}"


def party(country_code: str, party_id: str) -> PartyId:
    """Give the canonical party id, or refuse what cannot be one (OCPI 2.2.1 credentials §Role)."""
    if not _COUNTRY.match(country_code):
        raise invalid("country_code", "two letters are expected")
    if not _PARTY.match(party_id):
        raise invalid("party_id", "three letters or digits are expected")
    return PartyId(country_code.upper(), party_id.upper())


def parse_party(text: str) -> PartyId:
    """Read ``NL-ABC`` (or ``NLABC``, ``NL*ABC``) as people and ``hub_party_id`` write it."""
    bare = text.replace("-", "", 1).replace("*", "", 1)
    if len(bare) != 5:
        raise invalid("party", f"{text[:20]!r} is not like NL-ABC")
    return party(bare[:2], bare[2:])


class Role:
    """Roles a party may have (OCPI 2.2.1 types Role; PTP from the payments branch of 2.3.0)."""

    CPO: Final = "CPO"
    EMSP: Final = "EMSP"
    HUB: Final = "HUB"
    NAP: Final = "NAP"
    NSP: Final = "NSP"
    OTHER: Final = "OTHER"
    SCSP: Final = "SCSP"
    PTP: Final = "PTP"
