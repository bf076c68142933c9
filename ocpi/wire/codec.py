"""Bytes to model and back, for every version and kind of message.

Decoding is typed and bounded: what comes out satisfies the struct, and the only exception that
leaves is ``OcpiError`` with the path of the field. Unknown fields are skipped: whoever forwards or
stores a message keeps its bytes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import UNSET

from ocpi import envelope, guard
from ocpi.errors import UNSUPPORTED_VERSION, OcpiError, invalid, not_json
from ocpi.model.scalar import Moment, Number
from ocpi.text import NOT_A_NUMBER, moment_from_text, number_from_text
from ocpi.wire import v211, v221, v230
from ocpi.wire.catalog import V221
from ocpi.wire.loss import Loss
from ocpi.wire.shape import Kind, Origin, patch_of

NOWHERE: Final = Origin()
_PATH: Final = re.compile(r"(.*?)(?: - at `(?:key in )?\$\.?(.*)`)?\Z", re.DOTALL)
_WHOLE: Final = re.compile(r"(-?[0-9]{1,18})\.0{1,15}\Z")
_INT_AS_FLOAT: Final = "Expected `int`, got `float`"
_MISSING: Final = re.compile(r"Object missing required field `([^`]+)`")
_FAULTS: Final = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)

V211: Final = "2.1.1"
V230: Final = "2.3.0"
_VERSIONS: Final[dict[str, Any]] = {V211: v211, V221: v221, V230: v230}
READABLE: Final = tuple(_VERSIONS)
"""The versions that can be decoded and encoded, newest last; served are ``catalog.VERSIONS``."""


def _scalar(type_: type, value: object) -> object:
    """Build the two scalar types; called by the decoder with what JSON held."""
    if type_ is Number:
        return _number(value)
    if type_ is Moment and isinstance(value, str):
        return moment_from_text(value)
    raise ValueError("a timestamp in quotes is expected")


def _number(value: object) -> Decimal:
    if not isinstance(value, Decimal) and type(value) is int:
        value = number_from_text(str(value)) if abs(value) > 10**18 else Decimal(value)
    if not isinstance(value, Decimal):
        raise ValueError("a number (not in quotes) is expected")  # noqa: TRY004 - the decoder adds the path to this one
    if value.is_nan():
        raise ValueError("the number has too many digits or too large an exponent")
    return value


def _tolerant_scalar(type_: type, value: object) -> object:
    if type_ is Number and isinstance(value, str):
        value = number_from_text(value) if value.isascii() else NOT_A_NUMBER
    return _scalar(type_, value)


def _number_as_written(text: str) -> msgspec.Raw:
    """Keep a number's text; ``230.0`` becomes ``230``, so that it may stand where an int must."""
    whole = _WHOLE.match(text)
    return msgspec.Raw((whole.group(1) if whole else text).encode())


class _Reader(msgspec.Struct, frozen=True):
    decoder: msgspec.json.Decoder[Any]
    spec: Kind


_Readers = dict[str, _Reader]


def _build(
    kinds: dict[str, Kind],
    hook: Callable[[type, object], object],
    *,
    pick: Callable[[Any], Any] = lambda wire: wire,
    strict: bool = True,
) -> _Readers:
    return {
        kind: _Reader(
            msgspec.json.Decoder(
                pick(spec.wire), dec_hook=hook, float_hook=number_from_text, strict=strict
            ),
            spec,
        )
        for kind, spec in kinds.items()
    }


@functools.cache
def _strict(version: str) -> _Readers:
    return _build(_module(version).KINDS, _scalar)


@functools.cache
def _tolerant(version: str) -> _Readers:
    module = _module(version)
    return _build(module.KINDS | module.TOLERANT, _tolerant_scalar, strict=False)


@functools.cache
def _patches(version: str) -> _Readers:
    module = _module(version)

    def patchable(wire: Any) -> Any:
        if "last_updated" not in getattr(wire, "__struct_fields__", ()):
            return dict[str, msgspec.Raw]
        return patch_of(wire, module.PATCH_REQUIRED)

    return _build(module.KINDS, _scalar, pick=patchable)


_ANY: Final = msgspec.json.Decoder(Any, float_hook=_number_as_written)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def decode(
    version: str,
    kind: str,
    raw: bytes,
    *,
    tolerant: bool = False,
    origin: Origin = NOWHERE,
) -> Any:
    """Give the model object of a body, or raise ``OcpiError`` naming the field (OCPI 2.2.1 2001).

    ``tolerant`` also takes numbers in quotes, for partners known to send them. ``origin`` is what
    the oldest version leaves out of its messages.
    """
    reader = _reader(_tolerant if tolerant else _strict, version, kind)
    guard.check(raw)
    wire = _run(reader.decoder, raw, version)
    spec = reader.spec
    if spec.to_model is not None:
        return spec.to_model(wire)
    return wire if spec.to_model_at is None else spec.to_model_at(wire, origin)


def decode_items(
    version: str,
    kind: str,
    raw_array: bytes,
    *,
    tolerant: bool = False,
    origin: Origin = NOWHERE,
) -> list[tuple[bytes, Any]]:
    """Give each element with its bytes, decoded or as the ``OcpiError`` that refuses it alone."""
    if len(raw_array) > envelope.ENVELOPE_BYTES_MAX:
        raise invalid("data", "the list is larger than a page may be")
    found: list[tuple[bytes, Any]] = []
    for raw in envelope.split(raw_array):
        try:
            found.append((raw, decode(version, kind, raw, tolerant=tolerant, origin=origin)))
        except OcpiError as error:
            found.append((raw, error))
    return found


def decode_patch(version: str, kind: str, raw: bytes) -> dict[str, Any]:
    """Give the fields a PATCH sets, typed as the wire writes them.

    From 2.2 on ``last_updated`` is required. A field that is absent is not in the result; one that
    is null is there as None.
    """
    reader = _reader(_patches, version, kind)
    guard.check(raw)
    patch = _run(reader.decoder, raw, version)
    if isinstance(patch, dict):
        raise invalid("", f"{kind} cannot be patched")
    fields = {name: getattr(patch, name) for name in patch.__struct_fields__}
    return {name: value for name, value in fields.items() if value is not UNSET}


def encode(version: str, value: Any, **choices: Any) -> tuple[bytes, tuple[Loss, ...]]:
    """Give the body in that version, and what the version could not say.

    Choices: ``emaid_as`` names the token type an EMAID becomes; ``location`` is the Location the
    oldest version wants inside of a session or CDR.
    """
    wire, losses = _module(version).from_model(value, **choices)
    return _ENCODER.encode(wire), losses


def _module(version: str) -> Any:
    found = _VERSIONS.get(version)
    if found is None:
        raise OcpiError(UNSUPPORTED_VERSION, 200, f"version {version} is not spoken here")
    return found


def _reader(table: Callable[[str], _Readers], version: str, kind: str) -> _Reader:
    found = table(version).get(kind)
    if found is None:
        raise invalid(kind, "there is no such message")
    return found


def _run(decoder: msgspec.json.Decoder[Any], raw: bytes, version: str) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        cleaned = _cleaned(raw, version, str(error))
        if cleaned is None:
            raise _refusal(error) from None
    except _FAULTS as error:
        raise not_json(_reason(error)) from None
    try:
        return decoder.decode(cleaned)
    except _FAULTS as error:
        raise _refusal(error) from None


def _cleaned(raw: bytes, version: str, fault: str) -> bytes | None:
    """Give the body without what OCPI allows and the struct does not, if that is in it.

    That is: null for an absent optional, fields of a newer version, an int written as ``230.0``.
    """
    newer = _VERSIONS[version].NEWER_FIELDS
    odd = b"null" in raw or _INT_AS_FLOAT in fault
    if not odd and not any(name.encode() in raw for name in newer):
        return None
    try:
        return _ENCODER.encode(_pruned(_ANY.decode(raw), newer))
    except _FAULTS:
        return None


def _pruned(value: Any, newer: frozenset[str]) -> Any:
    if isinstance(value, dict):
        kept = value.items()
        return {k: _pruned(v, newer) for k, v in kept if v is not None and k not in newer}
    if isinstance(value, list):
        return [_pruned(item, newer) for item in value]
    return value


def _reason(error: BaseException) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def _refusal(error: BaseException) -> OcpiError:
    """Turn the decoder's words into ours: the field path first."""
    match = _PATH.match(_reason(error))
    reason, path = (match.group(1), match.group(2) or "") if match else (_reason(error), "")
    missing = _MISSING.match(reason)
    if missing is not None:
        name = missing.group(1)
        return invalid(f"{path}.{name}" if path else name, "the field is required")
    return invalid(path or "body", reason)


def wire_type(version: str, kind: str) -> Any:
    """Give the struct a kind of message is decoded into, for those who compare fields."""
    return _VERSIONS[version].KINDS[kind].wire
