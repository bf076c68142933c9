"""Which of two forms a client would rather have (RFC 9110 §12.5.1, as far as it matters here)."""

from __future__ import annotations


def prefers(accept: str, wanted: str, other: str) -> bool:
    """Whether `wanted` is named, and not below `other`; who names neither gets `other`."""
    weights = dict(_weighed(part) for part in accept.split(","))
    mine = weights.get(wanted, 0.0)
    theirs = weights.get(other, 0.0)
    return mine > 0 and mine >= theirs


def _weighed(part: str) -> tuple[str, float]:
    kind, *parameters = (text.strip() for text in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().casefold() == "q":
            return kind.casefold(), _weight(value.strip())
    return kind.casefold(), 1.0


def _weight(text: str) -> float:
    is_number = len(text) <= 5 and text.isascii() and text.replace(".", "", 1).isdigit()
    return min(float(text), 1.0) if is_number else 0.0
