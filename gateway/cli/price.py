"""`networkcore price`: one CDR, or a batch, at one tariff, with the reasons."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

import msgspec
import typer

if TYPE_CHECKING:
    from ocpi.model.cdr import Cdr
    from ocpi.model.tariff import Tariff
    from settlement.errors import Held
    from settlement.tariff.explain import AmountsAnswer, PriceAnswer

LINE_BYTES_MAX: Final = 1 << 20
WIDTH: Final = 80
INDENT: Final = "    "
NOBODY: Final = "XX-XXX"
"""The owner of a CDR that names none; a price does not depend on it."""

File = Annotated[Path | None, typer.Option(exists=True, dir_okay=False)]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a batch; `tariff` may be one tariff or a list, absent means the CDR's own."""

    cdr: msgspec.Raw = msgspec.Raw(b"")
    tariff: msgspec.Raw = msgspec.Raw(b"")
    tariffs: list[msgspec.Raw] = []
    time_zone: str | None = None
    version: str | None = None
    owner: str = NOBODY
    id: str | int | None = None


class UnusableError(Exception):
    """The request cannot be priced; the text says why."""


class MisusedError(UnusableError):
    """The request itself is wrong, whatever the CDR and the tariff say."""


def register(app: typer.Typer) -> None:
    app.command("price")(price)


def price(
    *,
    tariff: File = None,
    cdr: File = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help="IANA name; the CDR never carries it")
    ] = None,
    version: Annotated[str | None, typer.Option(help="OCPI version of the files")] = None,
    owner: Annotated[
        str, typer.Option(help="Operator, like NL-ABC, where the oldest OCPI version names none")
    ] = NOBODY,
    batch: Annotated[
        Path | None, typer.Option(help="JSON requests, one a line; - is stdin")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout")] = False,
) -> None:
    """Price a CDR with a tariff and explain every line; exit 1 when the CDR says otherwise."""
    from gateway.cli.app import MISUSED, WRONG, fail

    if (batch is None) == (cdr is None):
        fail("--cdr FILE is expected, with --tariff FILE, or --batch FILE", code=MISUSED)
    if batch is not None:
        _run_batch(batch)
        return
    request = Request(
        cdr=msgspec.Raw(cdr.read_bytes() if cdr is not None else b""),
        tariffs=[] if tariff is None else [msgspec.Raw(tariff.read_bytes())],
        time_zone=time_zone,
        version=version,
        owner=owner,
    )
    try:
        found = answer(request)
    except UnusableError as error:
        fail(str(error), code=MISUSED if isinstance(error, MisusedError) else WRONG)
    if as_json:
        from gateway.cli.desk import show_json

        show_json(found)
    else:
        _show(found)
    if not found.matches_cdr:
        fail(f"the CDR differs in {', '.join(d.field for d in found.differences)}")


def answer(request: Request) -> PriceAnswer:
    """The documented answer; raises UnusableError with the reason."""
    from ocpi.errors import OcpiError
    from settlement.errors import Held, MoneyError
    from settlement.tariff.explain import explain

    try:
        made, given = _decode(request)
        tariffs = given or made.tariffs
        zone = request.time_zone or _zone_of(made.cdr_location.country, tariffs)
        found: PriceAnswer | Held = explain(made, tariffs, zone, is_forced=len(given) == 1)
    except (OcpiError, MoneyError, msgspec.MsgspecError) as error:
        raise UnusableError(str(error)) from error
    if isinstance(found, Held):
        raise UnusableError(f"{found.reason}: {found.detail}")
    return found


def _decode(request: Request) -> tuple[Cdr, tuple[Tariff, ...]]:
    """Each file in its own version: a CDR may be newer than the tariff it was made with."""
    from ocpi.wire import codec, detect
    from ocpi.wire.shape import Origin

    if request.version is not None and request.version not in codec.READABLE:
        known = ", ".join(codec.READABLE)
        raise MisusedError(f"version {request.version} cannot be read; known: {known}")
    owner = _party(request.owner)
    origin = Origin(owner=owner, token_owner=owner)
    raw = bytes(request.cdr)
    if not raw.strip():
        raise UnusableError("there is no CDR")
    version = request.version or detect.cdr_version(raw)
    cdr = _read(version, "cdr", raw, origin)
    tariffs = []
    for each in _raws(request):
        named = request.version or detect.tariff_version(each, version)
        tariffs.append(_read(named, "tariff", each, origin))
    return cdr, tuple(tariffs)


def _raws(request: Request) -> Iterator[bytes]:
    given = [request.tariff] if bytes(request.tariff) not in {b"", b"null"} else []
    for raw in map(bytes, (*given, *request.tariffs)):
        if not raw.lstrip().startswith(b"["):
            yield raw
            continue
        listed = msgspec.json.decode(raw, type=list[msgspec.Raw])
        if not listed:
            raise UnusableError("the list of tariffs is empty")
        yield from map(bytes, listed)


def _read(version: str, kind: str, raw: bytes, origin: Any) -> Any:
    from ocpi.errors import OcpiError
    from ocpi.wire import codec

    try:
        return codec.decode(version, kind, raw, tolerant=True, origin=origin)
    except OcpiError as error:
        raise UnusableError(f"the {kind} (OCPI {version}): {error}") from error


def _party(text: str) -> Any:
    from ocpi.errors import OcpiError
    from ocpi.model.party import parse_party

    try:
        return parse_party(text)
    except OcpiError as error:
        raise MisusedError(f"owner: {error}") from error


def _zone_of(country: str, tariffs: Sequence[Tariff]) -> str:
    """Right for countries with one zone; elsewhere it must be named, if any price needs it."""
    from settlement.tariff import compile_tariff
    from settlement.tariff.zone import only_zone

    zone = only_zone(country)
    if zone is not None:
        return zone
    if any(compile_tariff(tariff).is_local for tariff in tariffs):
        raise UnusableError(f"--time-zone is needed: {country} has several zones, or is not known")
    return "UTC"


def _run_batch(file: Path) -> None:
    from gateway.cli.app import MISUSED, fail

    try:
        opened: BinaryIO = sys.stdin.buffer if str(file) == "-" else file.open("rb")
    except OSError as error:
        fail(f"--batch {file}: {error.strerror}", code=MISUSED)
    with opened as source:
        for line in _lines(source):
            sys.stdout.buffer.write(_answer_line(line) + b"\n")
    sys.stdout.buffer.flush()


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """Every line that is not blank; of one that is too long only the beginning."""
    while line := source.readline(LINE_BYTES_MAX + 1):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = source.readline(LINE_BYTES_MAX)
        if line.strip():
            yield line


def _answer_line(line: bytes) -> bytes:
    identity: str | int | None = None
    try:
        request = _request(line)
        identity = request.id
        fields = msgspec.to_builtins(answer(request))
    except (UnusableError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        fields = {"error": str(error)}
    given = {"id": identity} if identity is not None else {}
    return msgspec.json.encode({**given, **fields})


def _request(line: bytes) -> Request:
    if len(line) > LINE_BYTES_MAX:
        raise UnusableError(f"a line of more than {LINE_BYTES_MAX} bytes")
    return msgspec.json.decode(line, type=Request)


def _show(found: PriceAnswer) -> None:
    """Figures in columns, each with its reason below; nothing is cut, words are never broken."""
    heads = ("dimension", "tariff", "quantity", "price", "amount")
    rows = [
        tuple(map(_plain, (x.dimension, x.tariff_id, x.billed_quantity, x.unit_price, x.amount)))
        for x in found.lines
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    print(_row(heads, widths) if rows else "nothing was priced")
    for row, line in zip(rows, found.lines, strict=True):
        print(_row(row, widths))
        _say(line.why, INDENT, INDENT)
    print(f"total {_total(found.total, found.currency)}")
    for difference in found.differences:
        _say(f"differs: {difference.field}: CDR {difference.cdr}, computed {difference.computed}")
    for warning in found.warnings:
        _say(f"note: {warning}")


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Words to the left, numbers to the right."""
    words = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    figures = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
    return "  ".join([*words, *figures])


def _total(total: AmountsAnswer, currency: str) -> str:
    before = f"{total.before_taxes} {currency}" if total.before_taxes else "unknown"
    after = f"{total.after_taxes} {currency}" if total.after_taxes else "unknown"
    return f"before taxes {before}, with taxes {after}"


def _say(text: str, first: str = "", others: str = INDENT) -> None:
    for line in textwrap.wrap(
        _plain(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        print(line)


def _plain(text: str) -> str:
    """A partner's text on a terminal: no control characters."""
    return "".join(ch if ch.isprintable() else "?" for ch in text)
