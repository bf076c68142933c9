"""The errors of Plug & Charge.

PncError            anything this package raises about its input
├── DerError        bytes that are not the strict DER they should be
├── PemError        text that holds no readable PEM blocks
├── ExiError        bytes, or their JSON, that are not one of the EXI messages known here
└── RequestError    a verification request that is not understood

A certificate that is readable but not acceptable raises nothing: it ends in a ``Verdict``.
"""

from __future__ import annotations


class PncError(ValueError):
    """Input that cannot be read; the message says which part and why."""


class DerError(PncError):
    """Bytes that are not strict DER, or not of the expected structure."""


class PemError(PncError):
    """Text without readable PEM blocks."""


class ExiError(PncError):
    """Bytes that are not an EXI message known here, or values that cannot be one.

    ``path`` grows on the way out, so that the text names the element: ``V2G_Message.Body.…: why``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.reason}" if self.path else self.reason


class RequestError(PncError):
    """A verification request that is not understood; the message names the field."""
