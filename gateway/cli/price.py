"""`networkcore price`: one CDR, or a batch, at one tariff, with the reasons."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

if TYPE_CHECKING:
    from settlement.errors import Held
    from settlement.tariff.explain import PriceAnswer

LINE_BYTES_MAX = 1 << 20


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a batch; `tariff` may be one tariff or a list, absent means the CDR's own."""

    cdr: msgspec.Raw
    tariff: msgspec.Raw | None = None
    tariffs: list[msgspec.Raw] = []
    time_zone: str | None = None
    version: str | None = None
    id: str | int | None = None


class UnusableError(Exception):
    """The request cannot be priced; the text says why."""


def register(app: typer.Typer) -> None:
    app.command("price")(price)


def price(
    tariff: Annotated[Path | None, typer.Option(exists=True, dir_okay=False)] = None,
    cdr: Annotated[Path | None, typer.Option(exists=True, dir_okay=False)] = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help="IANA name; the CDR never carries it")
    ] = None,
    version: Annotated[str | None, typer.Option(help="OCPI version of the files")] = None,
    batch: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSON lines in, lines out")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout")] = False,
) -> None:
    """Price a CDR with a tariff and explain every line; exit 1 when the CDR says otherwise."""
    from gateway.cli.app import MISUSED, fail

    if batch is not None:
        _run_batch(batch)
        return
    if cdr is None:
        fail("--cdr FILE is expected, with --tariff FILE, or --batch FILE", code=MISUSED)
    request = Request(
        cdr=msgspec.Raw(cdr.read_bytes()),
        tariff=msgspec.Raw(tariff.read_bytes()) if tariff is not None else None,
        time_zone=time_zone,
        version=version,
    )
    try:
        found = answer(request)
    except UnusableError as error:
        fail(str(error))
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
    from settlement.errors import Held
    from settlement.tariff.explain import explain

    try:
        made, tariffs = _decode(request)
    except (OcpiError, msgspec.MsgspecError) as error:
        raise UnusableError(str(error)) from error
    zone = request.time_zone
    if zone is None:
        zone = _zone_of(made.cdr_location.country)
    found: PriceAnswer | Held = explain(
        made, tariffs or made.tariffs, zone, is_forced=bool(tariffs) and len(tariffs) == 1
    )
    if isinstance(found, Held):
        raise UnusableError(f"{found.reason}: {found.detail}")
    return found


def _decode(request: Request) -> tuple[Any, tuple[Any, ...]]:
    from ocpi.wire import catalog, codec

    raws = [*([request.tariff] if request.tariff is not None else []), *request.tariffs]
    if len(raws) == 1 and bytes(raws[0]).lstrip()[:1] == b"[":
        raws = msgspec.json.decode(raws[0], type=list[msgspec.Raw])
    version = request.version or _detect(bytes(request.cdr), [bytes(raw) for raw in raws])
    if version not in catalog.VERSIONS:
        known = ", ".join(catalog.VERSIONS)
        raise UnusableError(f"version {version} cannot be read yet; known: {known}")
    made = codec.decode(version, "cdr", bytes(request.cdr), tolerant=True)
    tariffs = tuple(codec.decode(version, "tariff", bytes(raw), tolerant=True) for raw in raws)
    return made, tariffs


def _detect(cdr: bytes, tariffs: list[bytes]) -> str:
    """Field names tell the version: each renamed something that every CDR or tariff has."""
    fields = msgspec.json.decode(cdr, type=dict[str, msgspec.Raw])
    if "stop_date_time" in fields or "auth_id" in fields:
        return "2.1.1"
    total = bytes(fields.get("total_cost", msgspec.Raw(b"{}")))
    if b'"before_taxes"' in total or any(b'"tax_included"' in raw for raw in (cdr, *tariffs)):
        return "2.3.0"
    return "2.2.1"


def _zone_of(country: str) -> str:
    """Right only for countries with one zone; others must be named."""
    from settlement.tariff.zone import only_zone

    zone = only_zone(country)
    if zone is None:
        raise UnusableError(f"--time-zone is needed: {country} has several zones, or is not known")
    return zone


def _run_batch(file: Path) -> None:
    with file.open("rb") as lines:
        for line in lines:
            if line.strip():
                sys.stdout.write(_answer_line(line) + "\n")
    sys.stdout.flush()


def _answer_line(line: bytes) -> str:
    identity: str | int | None = None
    try:
        if len(line) > LINE_BYTES_MAX:
            raise UnusableError(f"a line of more than {LINE_BYTES_MAX} bytes")
        request = msgspec.json.decode(line, type=Request)
        identity = request.id
        fields = msgspec.to_builtins(answer(request), enc_hook=str)
    except (UnusableError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        fields = {"error": str(error)}
    given = {"id": identity} if identity is not None else {}
    return msgspec.json.encode({**given, **fields}).decode()


def _show(found: PriceAnswer) -> None:
    from gateway.cli.desk import show_table

    rows = [(x.dimension, x.billed_quantity, x.unit_price, x.amount, x.why) for x in found.lines]
    heads = ("dimension", "# quantity", "# price", "# amount", "why")
    show_table(heads, rows, "nothing was priced")
    total = found.total
    print(
        f"total {total.before_taxes} {found.currency}, with taxes {total.after_taxes or 'unknown'}"
    )
    for difference in found.differences:
        print(f"differs: {difference.field}: CDR {difference.cdr}, computed {difference.computed}")
    for warning in found.warnings:
        print(f"note: {warning}")
