"""The scalar types of OCPI: exact numbers, UTC moments, case-insensitive ids (OCPI 2.2.1 types).

``Number`` and ``Moment`` are plain ``Decimal`` and ``datetime`` to everyone who builds or reads a
value. At run time they are marker types, so that the decoder asks *our* hook for each of them: it
refuses numbers in quotes and unbounded exponents, and makes every timestamp aware UTC.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    Number: TypeAlias = Decimal
    Moment: TypeAlias = datetime
else:

    class _DecimalMark(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, Decimal)

    class _DatetimeMark(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, datetime)

    class Number(metaclass=_DecimalMark):
        """Marks a field that holds an exact ``Decimal``."""

    class Moment(metaclass=_DatetimeMark):
        """Marks a field that holds an aware UTC ``datetime``."""


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every model value: immutable, compared by content, absent optionals left out."""


Id = Annotated[str, Meta(min_length=1, max_length=36)]
CdrId = Annotated[str, Meta(min_length=1, max_length=39)]
EvseId = Annotated[str, Meta(min_length=1, max_length=48)]
CountryCode = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}\Z", max_length=2)]
PartyCode = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{3}\Z", max_length=3)]
Url = Annotated[str, Meta(min_length=1, max_length=2048)]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", max_length=3)]
Whole = Annotated[int, Meta(ge=0, le=2_147_483_647)]


class DisplayText(Value, frozen=True, kw_only=True):
    """Text for a driver in one language (OCPI 2.2.1 types DisplayText)."""

    language: str
    text: str
