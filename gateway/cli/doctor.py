"""`networkcore doctor`: looks at everything the hub stands on, and says what to do."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from gateway.cli.app import WRONG

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.store.database import Database

POSTGRES_MIN: Final = 150000
DISK_FREE_MIN: Final = 2 * 1024**3
SKEW_MAX_S: Final = 1.0
EXPIRES_SOON: Final = "30 days"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at; `advice` says what to do when it is not well."""

    check: str
    ok: bool
    found: str
    advice: str = ""


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout")] = False,
) -> None:
    """Check stores, versions, clock, disk and certificates."""
    from gateway.cli import run
    from gateway.settings import load_here

    findings = run.run(examine(load_here()))
    is_well = all(finding.ok for finding in findings)
    if as_json:
        rows = [msgspec.structs.asdict(finding) for finding in findings]
        print(json.dumps({"ok": is_well, "findings": rows}))
    else:
        for finding in findings:
            print(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.check:<12} {finding.found}")
            if not finding.ok:
                print(f"       {'':<12} -> {finding.advice}")
    if not is_well:
        raise typer.Exit(WRONG)


async def examine(settings: Settings) -> list[Finding]:
    """Everything, in the order in which one would repair it."""
    from gateway.cli import run
    from gateway.embedded import EmbeddedError

    findings = [_python(), _parser(), _disk(settings), _secrets(settings)]
    try:
        async with run.with_stores(settings) as found:
            findings += await _postgres(found)
            findings.append(await _redis(found))
    except EmbeddedError as error:
        advice = "repair this, or give NETWORKCORE_DATABASE_URL and NETWORKCORE_REDIS_URL"
        findings.append(Finding(check="stores", ok=False, found=str(error), advice=advice))
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        check="python", ok=sys.version_info >= (3, 11), found=version, advice="use Python 3.11+"
    )


def _parser() -> Finding:
    from aiohttp import __version__, http_parser

    is_compiled = http_parser.HttpRequestParser is not http_parser.HttpRequestParserPy
    kind = "with" if is_compiled else "without"
    return Finding(
        check="aiohttp", ok=is_compiled, found=f"{__version__} {kind} its compiled parser",
        advice="reinstall aiohttp from a wheel: the hub does not serve without the C parser",
    )  # fmt: skip


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.data_dir).free
    return Finding(
        check="disk", ok=free >= DISK_FREE_MIN, found=f"{free / 1024**3:.1f} GiB free",
        advice=f"make room where {settings.data_dir} lies, 2 GiB at least",
    )  # fmt: skip


def _secrets(settings: Settings) -> Finding:
    loose = [
        path.name
        for path in (settings.data_dir / "admin-token", settings.data_dir / "secret-key")
        if path.exists() and path.stat().st_mode & 0o077
    ]
    return Finding(
        check="secrets", ok=not loose,
        found=f"readable by others: {', '.join(loose)}" if loose else "readable by one account",
        advice=f"chmod 600 the files in {settings.data_dir}, and replace what others may have read",
    )  # fmt: skip


async def _postgres(settings: Settings) -> list[Finding]:
    from gateway.store.database import Database, StoreUnavailable

    try:
        db = await Database.open(settings.database_url, size=1)
    except StoreUnavailable as error:
        advice = "start PostgreSQL, or correct NETWORKCORE_DATABASE_URL"
        return [Finding(check="postgresql", ok=False, found=str(error), advice=advice)]
    try:
        found = [await _version(db), await _durability(db), await _clock(db)]
        found += await _schema(db)
        return found
    finally:
        await db.close()


async def _version(db: Database) -> Finding:
    number = int(await db.fetchval("SHOW server_version_num"))
    text = await db.fetchval("SHOW server_version")
    return Finding(
        check="postgresql",
        ok=number >= POSTGRES_MIN,
        found=text,
        advice="use PostgreSQL 15 or later",
    )


async def _durability(db: Database) -> Finding:
    names = ("fsync", "synchronous_commit", "full_page_writes")
    off = [name for name in names if await db.fetchval(f"SHOW {name}") == "off"]
    return Finding(
        check="durability", ok=not off, found=f"off: {', '.join(off)}" if off else "on",
        advice="switch them on: what the hub acknowledges must survive a power cut",
    )  # fmt: skip


async def _clock(db: Database) -> Finding:
    theirs: datetime = await db.fetchval("SELECT clock_timestamp()")
    skew_s = abs((theirs - datetime.now(UTC)).total_seconds())
    return Finding(
        check="clock", ok=skew_s <= SKEW_MAX_S, found=f"{skew_s:.3f} s from PostgreSQL's",
        advice="run a time service (chrony, systemd-timesyncd) on both machines",
    )  # fmt: skip


async def _schema(db: Database) -> list[Finding]:
    from gateway.store.migrate import SchemaError, pending

    advice = "run `networkcore migrate`"
    try:
        missing = await pending(db)
    except SchemaError as error:
        return [Finding(check="schema", ok=False, found=str(error), advice="restore the file")]
    if missing:
        found = f"{len(missing)} missing, from {missing[0].number:04d} on"
        return [Finding(check="schema", ok=False, found=found, advice=advice)]
    expired = await db.fetchval("SELECT count(*) FROM trust_anchor WHERE not_after < now()")
    soon = await db.fetchval(
        "SELECT count(*) FROM trust_anchor"
        " WHERE not_after BETWEEN now() AND now() + $1::text::interval",
        EXPIRES_SOON,
    )
    return [
        Finding(check="schema", ok=True, found="up to date"),
        Finding(
            check="certificates", ok=not expired,
            found=f"{expired} trust anchors expired, {soon} within {EXPIRES_SOON}",
            advice="load the new roots of these certificate authorities, remove the old ones",
        ),
    ]  # fmt: skip


async def _redis(settings: Settings) -> Finding:
    from redis.exceptions import RedisError

    from gateway.cache.redis import connect

    advice = "start Redis, or correct NETWORKCORE_REDIS_URL; the hub serves without it, slower"
    if settings.redis_url.startswith("redis+sentinel://"):
        return Finding(check="redis", ok=True, found="found by sentinels, not looked at", advice="")
    client = connect(settings.redis_url)
    try:
        async with asyncio.timeout(2.0):
            facts = await client.info()
    except (RedisError, OSError, TimeoutError) as error:
        return Finding(check="redis", ok=False, found=str(error), advice=advice)
    finally:
        await client.aclose()
    policy = str(facts.get("maxmemory_policy"))
    return Finding(
        check="redis", ok=policy == "noeviction",
        found=f"{facts.get('redis_version')}, {facts.get('used_memory_human')} used, {policy}",
        advice="set maxmemory-policy noeviction: an evicted token is answered from PostgreSQL",
    )  # fmt: skip
