"""Bank accounts as a payment needs them: checked, or held."""

from __future__ import annotations

import re
import unicodedata

import msgspec
from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

from settlement.errors import Held, MoneyError, Reason
from settlement.tax.party import MoneyParty

NAME_MAX = 70
"""EPC guidelines for SCT; the schema would take 140."""
_FOLDED = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ł": "l",
     "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th",
     "&": "+", "_": "-"}
)  # fmt: skip
_NOT_PLAIN = re.compile(r"[^a-zA-Z0-9/\-?:().,'+ ]")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A checked account: `iban` without spaces, `bic` empty only inside SEPA."""

    name: str
    iban: str
    bic: str = ""
    country: str = ""
    """Of the holder, ISO 3166-1 alpha-2."""

    @property
    def is_sepa(self) -> bool:
        """Whether the account's country takes part in the Single Euro Payments Area."""
        return bool(IBAN(self.iban, allow_invalid=True).in_sepa_zone)


def account_of(party: MoneyParty, currency: str) -> Account | Held:
    """The account that `currency` is paid to, or what is wrong with it (ISO 13616, ISO 9362)."""

    def held(field: str, detail: str) -> Held:
        text = f"{party.key}: {detail}"
        return Held(reason=Reason.PAYEE_BANK_MISSING, detail=text, field=field)

    if not party.iban.strip():
        return held("iban", "no bank account is known")
    if not latin(party.name):
        return held("name", "the account holder has no name that a bank can write")
    try:
        iban = IBAN(party.iban)
    except SchwiftyException as error:
        return held("iban", f"the IBAN is not valid: {error}")
    try:
        bic = str(BIC(party.bic)) if party.bic.strip() else str(iban.bic or "")
    except SchwiftyException as error:
        return held("bic", f"the BIC is not valid: {error}")
    if not bic and not (currency == "EUR" and iban.in_sepa_zone):
        return held("bic", f"{currency} to {iban.country_code} needs a BIC")
    return Account(name=party.name, iban=iban.compact, bic=bic, country=party.country)


def read_iban(text: str) -> str:
    """An IBAN without blanks, its length and check digits proven (ISO 13616).

    Raises:
        MoneyError: it is not one; money sent there would go astray or come back.
    """
    try:
        return str(IBAN(text).compact)
    except SchwiftyException as error:
        raise MoneyError(f"{text[:34]!r} is not an IBAN: {str(error)[:80]}") from None


def latin(text: str, most: int = NAME_MAX) -> str:
    """Text in the basic Latin set that every bank passes on (EPC217-08), cut to `most`."""
    folded = unicodedata.normalize("NFKD", text.translate(_FOLDED))
    bare = "".join(char for char in folded if not unicodedata.combining(char))
    words = re.sub("/{2,}", "/", " ".join(_NOT_PLAIN.sub(" ", bare).split()))
    return words.strip(" /")[:most].rstrip(" /")  # a slash may neither lead, end nor double
