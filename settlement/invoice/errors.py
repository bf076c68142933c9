"""Why a document cannot be written."""

from __future__ import annotations

from settlement.errors import MoneyError


class DocumentError(MoneyError):
    """A document was asked for that may not exist."""


class BrokenRuleError(DocumentError):
    """A business rule of EN 16931 does not hold; `rule` is its id."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"{rule}: {message}")
        self.rule = rule


class InvalidXmlError(DocumentError):
    """A written document does not follow its XML schema."""
