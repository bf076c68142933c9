"""Name constraints on directory names (RFC 5280 §4.2.1.10), for profiles that know them.

An ISO 15118 profile refuses the extension. Forms other than directory names are not interpreted:
a constraint on them refuses, as an unknown critical extension does.
"""

from __future__ import annotations

from typing import Final

import msgspec

from pnc import der
from pnc.certificate import Certificate
from pnc.errors import DerError
from pnc.verdict import Refusal

_DIRECTORY_NAME: Final = 0xA4
_SUBTREES_MAX: Final = 64


class _Subtrees(msgspec.Struct, frozen=True):
    permitted: tuple[tuple[bytes, ...], ...]
    excluded: tuple[tuple[bytes, ...], ...]


def violation(leaf: Certificate, cas: tuple[Certificate, ...]) -> Refusal | None:
    """The first certificate below a constraining CA whose names the constraint refuses."""
    for at, issuer in enumerate(cas):
        value = issuer.extensions.name_constraints
        if value is None:
            continue
        try:
            subtrees = _read(value)
            below = [each for each in cas[:at] if not each.is_self_issued]
            for each in (leaf, *below):
                if not all(_admits(subtrees, found) for found in _names(each)):
                    reason = f"its name is not admitted by {issuer.subject_text}"
                    return Refusal("extension", each.subject_text, reason)
        except DerError as error:
            return Refusal("extension", issuer.subject_text, f"nameConstraints: {error}")
    return None


def _read(value: bytes) -> _Subtrees:
    start, stop = der.whole(value, der.SEQUENCE)
    found: dict[int, tuple[tuple[bytes, ...], ...]] = {0xA0: (), 0xA1: ()}
    for tag, _, inner, after in der.elements(value, start, stop, 2):
        if tag not in found:
            raise DerError("unknown part")
        found[tag] = tuple(
            _subtree(value, at, last)
            for _, _, at, last in der.elements(value, inner, after, _SUBTREES_MAX)
        )
    return _Subtrees(found[0xA0], found[0xA1])


def _subtree(value: bytes, start: int, stop: int) -> tuple[bytes, ...]:
    tag, inner, after = der.header(value, start, stop)
    if tag != _DIRECTORY_NAME:
        raise DerError("a form of name that is not interpreted")
    if after != stop:
        raise DerError("minimum or maximum in a subtree")
    return _parts(value[inner:after])


def _names(certificate: Certificate) -> list[tuple[bytes, ...]]:
    names = [_parts(certificate.subject)] if certificate.subject_attributes else []
    alternatives = certificate.extensions.alternative_names
    if alternatives is not None:
        start, stop = der.whole(alternatives, der.SEQUENCE)
        for tag, _, inner, after in der.elements(alternatives, start, stop, 4096):
            if tag == _DIRECTORY_NAME:
                names.append(_parts(alternatives[inner:after]))
    return names


def _parts(name: bytes) -> tuple[bytes, ...]:
    """The relative distinguished names of a DER Name."""
    start, stop = der.whole(name, der.SEQUENCE)
    return tuple(name[at:after] for _, at, _, after in der.elements(name, start, stop, 4096))


def _admits(subtrees: _Subtrees, found: tuple[bytes, ...]) -> bool:
    if any(found[: len(tree)] == tree for tree in subtrees.excluded):
        return False
    if not subtrees.permitted:
        return True
    return any(found[: len(tree)] == tree for tree in subtrees.permitted)
