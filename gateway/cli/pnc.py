"""`networkcore pnc …`: verifying chains, test PKIs, and what the hub trusts."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from gateway.cli import exi
from gateway.cli.app import MISUSED, WRONG, fail

if TYPE_CHECKING:
    from gateway.hub.authorise import Keeper
    from gateway.store.database import Database
    from pnc.batch import Question

T = TypeVar("T")
FILE_BYTES_MAX = 16 << 20
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout")]
Source = Annotated[str, typer.Option(help="Where it comes from, for people")]


def register(app: typer.Typer) -> None:
    pnc = typer.Typer(no_args_is_help=True, help="Plug & Charge: certificates and contracts.")
    pnc.command("verify")(verify)
    pnc.command("revoke")(revoke)
    trust = typer.Typer(no_args_is_help=True, help="Roots, revocation lists and contracts.")
    trust.command("add")(trust_add)
    trust.command("list")(trust_list)
    trust.command("source")(trust_source)
    pki = typer.Typer(no_args_is_help=True, help="Test PKIs.")
    pki.command("init")(pki_init)
    pnc.add_typer(trust, name="trust")
    pnc.add_typer(pki, name="pki")
    exi.register(pnc)
    app.add_typer(pnc, name="pnc")


# --- verify ---------------------------------------------------------------------------------------


def verify(
    *,
    chain: Annotated[Path | None, typer.Argument(help="PEM, leaf first")] = None,
    roots: Annotated[Path | None, typer.Option(help="PEM of the trusted roots")] = None,
    profile: Annotated[str, typer.Option(help="iso15118-2, iso15118-20 or rfc5280")] = "iso15118-2",
    role: Annotated[str, typer.Option(help="contract, provisioning, secc or cps")] = "contract",
    at: Annotated[str | None, typer.Option(help="RFC 3339; else now")] = None,
    crl: Annotated[list[Path] | None, typer.Option(help="A CRL, PEM or DER")] = None,
    ocsp: Annotated[list[Path] | None, typer.Option(help="An OCSP response")] = None,
    batch: Annotated[
        Path | None, typer.Option(help="JSON requests, one a line; - is stdin")
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge a certificate chain. Exit 1: refused."""
    if batch is not None:
        if chain is not None or roots is not None:
            fail("give either --batch or a chain with --roots", code=MISUSED)
        _verify_batch(batch)
        return
    if chain is None or roots is None:
        fail(
            "a chain and --roots are needed: networkcore pnc verify CHAIN.pem --roots R.pem", code=2
        )
    from pnc import batch as judge
    from pnc.errors import PncError

    try:
        question = _question(
            chain=chain, roots=roots, profile=profile, role=role, at=at, crl=crl or [],
            ocsp=ocsp or [],
        )  # fmt: skip
        verdict = judge.verify(question, datetime.now(UTC))
    except PncError as error:
        fail(str(error), code=MISUSED)
    if as_json:
        print(json.dumps(judge.report(verdict)))
    elif verdict.is_accepted:
        print(f"accepted: {verdict.emaid or verdict.path[0]}")
        print("\n".join(f"  {subject}" for subject in verdict.path))
    else:
        print(f"refused at {verdict.step}: {verdict.certificate}: {verdict.reason}")
    raise typer.Exit(0 if verdict.is_accepted else WRONG)


def _question(
    *,
    chain: Path, roots: Path, profile: str, role: str, at: str | None, crl: list[Path],
    ocsp: list[Path],
) -> Question:  # fmt: skip
    from pnc import pem
    from pnc.batch import Question

    return Question(
        chain=tuple(pem.read(_file(chain))),
        roots=tuple(pem.read(_file(roots))),
        profile=profile,
        role=role,
        at=_moment(at),
        crls=tuple(der for path in crl for der in pem.read(_file(path), pem.CRL)),
        ocsp=tuple(der for path in ocsp for der in pem.read(_file(path), pem.OCSP_RESPONSE)),
    )


def _verify_batch(path: Path) -> None:
    """One answer a line, in order; a line that is not understood is answered too."""
    from pnc.batch import answer_line

    try:
        lines = sys.stdin.buffer if str(path) == "-" else path.open("rb")
    except OSError as error:
        fail(f"{path}: {error.strerror}", code=MISUSED)
    with lines:
        for line in lines:
            if line.strip():
                sys.stdout.buffer.write(answer_line(line, datetime.now(UTC)) + b"\n")
    sys.stdout.buffer.flush()


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--at {text!r}: a time like 2026-11-21T12:00:00Z is expected", code=MISUSED)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _file(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            fail(f"{path}: larger than {FILE_BYTES_MAX} bytes", code=MISUSED)
        return path.read_bytes()
    except OSError as error:
        fail(f"{path}: {error.strerror}", code=MISUSED)


# --- test PKI -------------------------------------------------------------------------------------


def pki_init(
    folder: Annotated[Path, typer.Argument(help="A folder that is empty or not there yet")],
    as_json: Json = False,
) -> None:
    """Make a complete test PKI: V2G, MO, OEM, CPO and CPS; ISO 15118-2 and -20."""
    from pnc import authority

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        fail(f"{folder} is not an empty folder: give another, nothing is overwritten", code=MISUSED)
    made = authority.init(datetime.now(UTC))
    for name, data in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600 if "keys/" in name else 0o644)
        path.write_bytes(data)
    if as_json:
        print(json.dumps({"folder": str(folder), "files": sorted(made)}))
    else:
        print(f"{len(made)} files in {folder}; private keys are in keys/, for tests only")


# --- what the hub trusts --------------------------------------------------------------------------


def trust_add(
    *,
    file: Annotated[Path, typer.Argument(help="PEM or DER")],
    role: Annotated[str | None, typer.Option(help="A root of V2G, MO, OEM, CPO or PE")] = None,
    contract: Annotated[bool, typer.Option(help="A contract chain, leaf first")] = False,
    crl: Annotated[bool, typer.Option(help="A revocation list")] = False,
    ocsp: Annotated[bool, typer.Option(help="An OCSP response")] = False,
    tolerate: Annotated[list[str] | None, typer.Option(help="A tolerance, by name")] = None,
    source: Source = "command line",
    as_json: Json = False,
) -> None:
    """Add a root (--role), a contract chain, a CRL or an OCSP response."""
    if sum((role is not None, contract, crl, ocsp)) != 1:
        fail("say what it is: --role R, --contract, --crl or --ocsp", code=MISUSED)
    from gateway.hub import contract as contracts
    from gateway.hub import trust
    from pnc import emaid, pem

    raw = _file(file)

    async def work(db: Database, keeper: Keeper) -> list[str]:
        if role is not None:

            async def roots(conn: Any) -> list[str]:
                tolerances = tuple(tolerate or ())
                added = [
                    await trust.add_anchor(conn, der, role.upper(), tolerances, source)
                    for der in pem.read(raw)
                ]
                return [root.subject_text for root in added]

            return list(await contracts.change(keeper, db, roots))
        if contract:
            leaf = await contracts.change(
                keeper, db, lambda conn: contracts.add_contract(conn, pem.read(raw))
            )
            found = [n for n in map(emaid.normalise, leaf.common_names) if n is not None]
            await keeper.contract_changed(found[0].key)
            return [found[0].key]
        kind = "crl" if crl else "ocsp"
        kept = await contracts.change(
            keeper, db, lambda conn: trust.keep_evidence(conn, raw, kind, datetime.now(UTC))
        )
        return [f"{kind} kept" if kept else f"a newer {kind} is kept already"]

    added = _with_hub(work)
    print(json.dumps({"added": added}) if as_json else "\n".join(added))


def trust_list(as_json: Json = False) -> None:
    """Roots, revocations, lists and sources."""
    from gateway.store import trust

    async def work(db: Database, _keeper: Keeper) -> dict[str, list[dict[str, object]]]:
        rows = await trust.read(db)
        return {
            "anchors": [
                {
                    "role": a.role, "subject": a.subject, "fingerprint": a.fingerprint.hex(),
                    "not_after": a.not_after.isoformat(), "tolerances": list(a.tolerances),
                    "source": a.source,
                }
                for a in rows.anchors
            ],
            "revocations": [
                {
                    "serial": format(r.serial, "x"), "revoked_at": r.revoked_at.isoformat(),
                    "reason": r.reason, "source": r.source,
                }
                for r in rows.revocations
            ],
            "evidence": [
                {
                    "source": s.source, "kind": s.kind, "this_update": s.this_update.isoformat(),
                    "next_update": s.next_update.isoformat() if s.next_update else None,
                }
                for s in rows.sources
            ],
            "sources": [
                {"name": c.name, "kind": c.kind, "url": c.url, "failure": c.failure}
                for c in await trust.configured_sources(db)
            ],
        }  # fmt: skip

    found = _with_hub(work)
    if as_json:
        print(json.dumps(found))
        return
    for title, entries in found.items():
        print(f"{title}: {len(entries)}")
        for entry in entries:
            print("  " + "  ".join(str(value) for value in entry.values() if value))


def trust_source(
    name: Annotated[str, typer.Argument(help="A name for it")],
    url: Annotated[str, typer.Argument(help="Where the list is fetched")],
    kind: Annotated[str, typer.Option(help="crl or ocsp")] = "crl",
    every: Annotated[int, typer.Option(help="Seconds between two fetches")] = 3600,
    private: Annotated[bool, typer.Option(help="It may be in a private network")] = False,
) -> None:
    """Let the gateway fetch revocation lists here. No other address is ever called."""
    from gateway.store import trust
    from pnc.errors import RequestError
    from pnc.revocation import fetch

    if kind not in {"crl", "ocsp"} or not 30 <= every <= 604_800:
        fail("--kind is crl or ocsp, --every 30 to 604800 seconds", code=MISUSED)
    try:
        address = fetch.Source(
            name=name, url=url, kind="crl" if kind == "crl" else "ocsp", allows_private=private
        )
        fetch.configured((address,))
    except RequestError as error:
        fail(str(error), code=MISUSED)
    row = trust.ConfiguredSource(
        name=name, kind=kind, url=url, allows_private=private, every_s=every
    )

    async def work(db: Database, _keeper: Keeper) -> None:
        await trust.configure_source(db, row)

    _with_hub(work)
    print(f"{name}: every {every} s from {url}")


def revoke(
    chain: Annotated[Path | None, typer.Argument(help="PEM, leaf first, with its issuer")] = None,
    emaid: Annotated[str | None, typer.Option(help="Cancel this whole contract")] = None,
    reason: Annotated[str, typer.Option(help="Why, for people")] = "unspecified",
    source: Source = "command line",
    as_json: Json = False,
) -> None:
    """Revoke a certificate, or cancel a contract: in force everywhere when this returns."""
    if (chain is None) == (emaid is None):
        fail("give a chain or --emaid", code=MISUSED)
    from gateway.hub import contract as contracts
    from gateway.hub import trust
    from gateway.store import contract as store
    from pnc import certificate, pem
    from pnc import emaid as ids

    async def cancel(db: Database, keeper: Keeper, text: str) -> str:
        named = ids.normalise(text)
        if named is None:
            fail(f"--emaid {text!r}: not a contract id", code=MISUSED)
        count = await contracts.change(
            keeper, db, lambda conn: store.cancel(conn, named.key), contracts=(named.key,)
        )
        if not count:
            fail(f"{named.key}: no active contract certificate is known")
        return f"{named.key}: {count} cancelled"

    async def work(db: Database, keeper: Keeper) -> str:
        if chain is None:
            return await cancel(db, keeper, emaid or "")
        read = [certificate.parse(der) for der in pem.read(_file(chain))]
        issuer = next((c for c in read[1:] if c.subject == read[0].issuer), None)
        if issuer is None:
            fail(f"{chain}: the issuer's certificate must follow the leaf", code=MISUSED)
        now = datetime.now(UTC)
        await contracts.change(
            keeper, db, lambda conn: trust.revoke(
                conn, read[0], issuer, now=now, reason=reason, source=source
            ),
        )  # fmt: skip
        return f"{read[0].subject_text}: revoked"

    said = _with_hub(work)
    print(json.dumps({"result": said}) if as_json else said)


def _with_hub(work: Callable[[Database, Keeper], Awaitable[T]]) -> T:
    """Runs `work` on the stores of this installation, whether a gateway runs on them or not."""
    from gateway import wiring
    from gateway.cli import run
    from gateway.settings import load_here
    from pnc.errors import PncError

    async def inside() -> T:
        async with run.with_stores(load_here()) as settings:
            await run.require_schema(settings)
            async with wiring.open_hub(settings, pool_size=2) as assembly:
                return await work(assembly.hub.db, assembly.keeper)

    try:
        return run.run(inside())
    except PncError as error:
        fail(str(error), code=MISUSED)
