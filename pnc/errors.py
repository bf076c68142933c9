"""The errors of Plug & Charge.

PncError            anything this package raises about its input
├── DerError        bytes that are not the strict DER they should be
├── PemError        text that holds no readable PEM blocks
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


class RequestError(PncError):
    """A verification request that is not understood; the message names the field."""
