"""Contract ids (eMAID, EVCO-ID): spellings and check digits.

ISO 15118-2 Annex H, DIN SPEC 91286 and eMI3 write one contract in three ways. Ids are compared on
their normalised body: capitals, no separators, no check digit. The check digit is advisory, because
in the field it is often wrong or missing (``Emaid.has_valid_check_digit`` reports it).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, Literal

import msgspec

Family = Literal["iso15118", "emi3", "din"]

_TEXT_MAX: Final = 64
_ISO: Final = re.compile(r"([A-Za-z]{2})-?([A-Za-z0-9]{3})-?([A-Za-z0-9]{9})(?:-?([A-Za-z0-9]))?")
_DIN: Final = re.compile(
    r"([A-Za-z]{2})[-*]?([A-Za-z0-9]{3})[-*]?([A-Za-z0-9]{6})(?:[-*]?([0-9Xx]))?"
)
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_EVERY_PROVIDER: Final = "*"


class Emaid(msgspec.Struct, frozen=True, kw_only=True):
    """A contract id, normalised; ``key`` is what ids are compared and stored by."""

    key: str
    """14 capitals and digits for ISO 15118 and eMI3, 11 for DIN SPEC 91286."""
    family: Family
    check_digit: str | None

    @property
    def country(self) -> str:
        return self.key[:2]

    @property
    def provider(self) -> str:
        return self.key[2:5]

    @property
    def instance(self) -> str:
        return self.key[5:]

    @property
    def computed_check_digit(self) -> str:
        return din_check_digit(self.key) if self.family == "din" else iso_check_digit(self.key)

    @property
    def has_valid_check_digit(self) -> bool | None:
        """None when the id was written without one."""
        if self.check_digit is None:
            return None
        return self.check_digit == self.computed_check_digit

    def __str__(self) -> str:
        digit = self.check_digit or self.computed_check_digit
        return f"{self.country}-{self.provider}-{self.instance}-{digit}"


def normalise(text: str) -> Emaid | None:
    """The contract id that `text` spells, or None when it spells none (ISO 15118-2 Annex H).

    Fourteen or fifteen characters without separators are ISO 15118 or eMI3, eleven or twelve are
    DIN SPEC 91286. ASCII only: look-alike letters and digits of other scripts are no ids.
    """
    if len(text) > _TEXT_MAX:
        return None
    if match := _ISO.fullmatch(text):
        key = (match[1] + match[2] + match[3]).upper()
        family: Family = "emi3" if key[5] == "C" else "iso15118"
    elif match := _DIN.fullmatch(text):
        key, family = (match[1] + match[2] + match[3]).upper(), "din"
    else:
        return None
    digit = match[4]
    return Emaid(key=key, family=family, check_digit=digit.upper() if digit else None)


def iso_from_din(emaid: Emaid) -> Emaid:
    """The ISO 15118 spelling of a DIN id: ``00``, the instance, the old check digit."""
    return _lengthened(emaid, "00", "iso15118")


def emi3_from_din(emaid: Emaid) -> Emaid:
    """The eMI3 spelling of a DIN id: ``C0``, the instance, the old check digit."""
    return _lengthened(emaid, "C0", "emi3")


def din_from_longer(emaid: Emaid) -> Emaid | None:
    """The DIN id that an ISO or eMI3 id was made from, or None when it was not."""
    if emaid.family == "din":
        return emaid
    body, digit = emaid.key[:5] + emaid.key[7:13], emaid.key[13]
    if emaid.key[5:7] not in {"00", "C0"} or din_check_digit(body) != digit:
        return None
    return Emaid(key=body, family="din", check_digit=digit)


def same_contract(left: Emaid, right: Emaid, *, equating: Collection[str] = ()) -> bool:
    """Whether two ids name one contract.

    Equal bodies always do. The three spellings are equated only for the providers in `equating`
    (country and provider, ``NLTNM``, or ``*``), since nobody can see whether an id that begins
    ``00`` was once a DIN id.
    """
    if left.key == right.key:
        return True
    provider = left.key[:5]
    if provider not in equating and _EVERY_PROVIDER not in equating:
        return False
    left_din, right_din = din_from_longer(left), din_from_longer(right)
    return left_din is not None and right_din is not None and left_din.key == right_din.key


def _lengthened(emaid: Emaid, prefix: str, family: Family) -> Emaid:
    if emaid.family != "din":
        raise ValueError("only a DIN SPEC 91286 id can be lengthened")
    key = emaid.key[:5] + prefix + emaid.instance + emaid.computed_check_digit
    return Emaid(key=key, family=family, check_digit=iso_check_digit(key))


def iso_check_digit(body: str) -> str:
    """The 15th character of an ISO 15118 or eMI3 id, from its first 14 (Annex H).

    Each character v = 9q + r gives a vector q over Z2 and r over Z3. With P1 = [[0,1],[1,1]] and
    P2 = [[0,1],[1,2]], the sums of q·P1^i and of r·P2^i over all 15 characters vanish.
    """
    q1 = q2 = r1 = r2 = 0
    for character in reversed(body):
        quotient, rest = divmod(int(character, 36), 9)
        q1, q2 = q2 ^ quotient & 1, q1 ^ quotient >> 1 ^ q2 ^ quotient & 1  # times P1
        r1, r2 = r1 + rest // 3, r2 + rest % 3
        r1, r2 = r2 % 3, (r1 + 2 * r2) % 3  # times P2
    # P1^15 is the identity; the other sum is solved with -P2^-15 = [[0,2],[2,1]].
    return _ALPHABET[9 * (2 * q1 + q2) + 3 * (2 * r2 % 3) + (2 * r1 + r2) % 3]


def din_check_digit(body: str) -> str:
    """The check digit of a DIN SPEC 91286 id: a weighted sum modulo 11, where 10 is X."""
    total, weight = 0, 1
    for character in body:
        value = int(character, 36)
        if value < 10:
            total += weight * value
            weight *= 2
        else:
            total += weight * (value // 10) + 2 * weight * (value % 10)
            weight *= 4
    rest = total % 11
    return "X" if rest == 10 else str(rest)
