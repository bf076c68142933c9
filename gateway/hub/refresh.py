"""Keeping revocation data fresh: fetched beforehand, from configured sources only.

An OCSP source is asked about every contract certificate the hub keeps that has its issuer in its
chain. What a source serves is kept as it is; whether it is signed and timely is judged when it is
used (`pnc.revocation`), so a source that lies can withhold, never acquit.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from gateway.hub import contract as contracts
from gateway.hub import trust
from gateway.hub.authorise.keeper import Keeper
from gateway.hub.context import Hub
from gateway.store import contract as contract_store
from gateway.store import trust as store
from gateway.store.database import StoreUnavailable
from gateway.store.trust import ConfiguredSource
from pnc import certificate
from pnc.errors import PncError
from pnc.revocation import ocsp
from pnc.revocation.fetch import Fetcher, FetchError, Source, configured

LOG = structlog.get_logger("pnc.refresh")
PAUSE_S: Final = 15.0
ASKED_ABOUT_MAX: Final = 1_000


async def run(hub: Hub, keeper: Keeper) -> None:
    """Until cancelled; several processes may run it, the newer list wins."""
    while True:
        try:
            await refresh(hub, keeper)
        except StoreUnavailable as error:
            LOG.warning("refresh_waits", error=str(error))
        await asyncio.sleep(PAUSE_S)


async def refresh(hub: Hub, keeper: Keeper, *, all_now: bool = False) -> int:
    """Fetches from every source whose time has come; how many new answers are kept."""
    now = hub.clock.now()
    due = [
        source
        for source in await store.configured_sources(hub.db)
        if all_now or _is_due(source, now)
    ]
    kept = 0
    for source in due:
        try:
            kept += await _fetch(hub, source, now)
        except PncError as error:
            LOG.warning("revocation_source_failed", source=source.name, error=str(error))
            await store.source_failed(hub.db, source.name, now, str(error)[:500])
    if kept:
        await keeper.trust_changed()
    return kept


def _is_due(source: ConfiguredSource, now: datetime) -> bool:
    fetched = source.fetched_at
    return fetched is None or now - fetched >= timedelta(seconds=source.every_s)


async def _fetch(hub: Hub, source: ConfiguredSource, now: datetime) -> int:
    address = Source(
        name=source.name,
        url=source.url,
        kind="crl" if source.kind == "crl" else "ocsp",
        allows_private=source.allows_private,
    )
    async with Fetcher(configured((address,))) as fetcher:
        if source.kind == "crl":
            found = [(await fetcher.fetch_crl(source.name), source.name)]
        else:
            found = await _answers(hub, fetcher, source.name)
    kept = 0
    for raw, name in found:
        async with hub.db.transaction() as conn:
            kept += await trust.keep_evidence(conn, raw, source.kind, now, name)
    return kept


async def _answers(hub: Hub, fetcher: Fetcher, name: str) -> list[tuple[bytes, str]]:
    """One answer for each contract certificate; those that cannot be had are left out."""
    answers: list[tuple[bytes, str]] = []
    failures: list[FetchError] = []
    for row in await contract_store.active(hub.db, ASKED_ABOUT_MAX):
        about = _about(row)
        if about is None:
            continue
        try:
            answers.append((await fetcher.fetch_ocsp(name, about), ""))
        except FetchError as error:
            failures.append(error)
    if failures and not answers:
        raise failures[0]
    return answers


def _about(row: Any) -> ocsp.CertId | None:
    try:
        leaf = certificate.parse(row["der"])
        issuers = [certificate.parse(der) for der in row["chain"]]
    except PncError:
        return None
    issuer = next((c for c in issuers if c.subject == leaf.issuer), None)
    return None if issuer is None else ocsp.cert_id(leaf, issuer, contracts.DIGESTS[0])
