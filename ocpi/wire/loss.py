"""What an older version cannot say: named, so that it is reported and never silent."""

from __future__ import annotations

import msgspec


class Loss(msgspec.Struct, frozen=True):
    """A field that did not survive, and what became of it."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"
