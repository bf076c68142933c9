"""Reading a partner's own lists: after registration and after it was away (ocpi.md §3 row 10).

What comes is treated like a push of its owner: stored in order of last_updated, announced when it
is news. One bad item does not lose its page; items of other parties are not taken.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
import structlog

from gateway.hub import cdr, peer
from gateway.hub import object as objects
from gateway.hub.context import Hub
from gateway.hub.forward import address
from gateway.hub.network import Platform
from gateway.hub.object import Push
from gateway.hub.peer import Answer, Request
from gateway.store.object import CDRS, KINDS, Key, Kind
from ocpi import page
from ocpi.envelope import restamped, split, timestamp
from ocpi.errors import OcpiError
from ocpi.header import Routing
from ocpi.model.party import PartyId, fold

LOG = structlog.get_logger("ocpi.out")
MODULES = ("tariffs", "locations", "tokens", "sessions", "cdrs")
PAGE = 100
PAGES_MAX = 10_000
PULL_TIMEOUT_S = 30.0


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """How one list went."""

    module: str
    taken: int
    refused: int
    is_complete: bool


async def pull(hub: Hub, platform: Platform, since: datetime | None) -> tuple[Pulled, ...]:
    """Every list the platform serves, from `since` on."""
    found: list[Pulled] = []
    for module in MODULES:
        endpoint = platform.endpoint(module, "SENDER")
        if endpoint is not None and platform.version is not None:
            found.append(await _pull_module(hub, platform, module, endpoint, since))
    return tuple(found)


async def _pull_module(
    hub: Hub, platform: Platform, module: str, endpoint: str, since: datetime | None
) -> Pulled:
    taken = refused = 0
    correlation_id = peer.new_id()
    try:
        async for item in _items(hub, platform, module, endpoint, since):
            is_taken = await _take(hub, platform, KINDS[module], item, correlation_id)
            taken += is_taken
            refused += not is_taken
    except OcpiError as error:
        LOG.info("list not read", module=module, platform=platform.name, reason=error.message)
        return Pulled(module=module, taken=taken, refused=refused, is_complete=False)
    return Pulled(module=module, taken=taken, refused=refused, is_complete=True)


async def _items(
    hub: Hub, platform: Platform, module: str, endpoint: str, since: datetime | None
) -> AsyncIterator[bytes]:
    """Follows Link as given; where it is absurd, goes on by offset (ocpi.md §9.9)."""
    filters = {"date_from": timestamp(since)} if since else {}
    if module == "sessions" and since is None:  # date_from is required there
        filters = {"date_from": "2000-01-01T00:00:00Z"}
    offset = 0
    url = address(endpoint, "", urlencode(filters | {"limit": str(PAGE)}))
    for _ in range(PAGES_MAX):
        answer = await _page(hub, platform, module, url)
        items = split(answer.envelope.data) if answer.envelope and answer.envelope.data else []
        for item in items:
            yield item
        offset += len(items)
        link = answer.header("Link")
        following = page.read_link(link, url)
        if following is None and (not items or not _has_more(answer, link, offset)):
            return
        query = filters | {"offset": str(offset), "limit": str(PAGE)}
        url = following or address(endpoint, "", urlencode(query))


def _has_more(answer: Answer, link: str | None, offset: int) -> bool:
    total = page.read_total(answer.header("X-Total-Count"))
    return offset < total if total is not None else link is not None


async def _page(hub: Hub, platform: Platform, module: str, url: str) -> Answer:
    routing = Routing(next(iter(platform.parties), None), hub.party)
    request = Request(
        method="GET", url=url, routing=routing, module=module, timeout_s=PULL_TIMEOUT_S
    )
    answer = await peer.ask(hub, platform, request)
    if not answer.is_success:
        raise peer.refusal(answer)
    return answer


async def _take(hub: Hub, platform: Platform, kind: Kind, raw: bytes, correlation_id: str) -> bool:
    version = platform.version or ""
    raw = restamped(raw)
    try:
        value = hub.wire.decode(version, kind.wire_kind, raw)
        owner = PartyId(fold(value.country_code), fold(value.party_id))
        if not platform.owns(owner):
            return False
        if kind is CDRS:
            await cdr.accept(
                hub,
                cdr.Post(version=version, raw=raw, origin=owner, correlation_id=correlation_id),
            )
            return True
        push = Push(
            kind=kind,
            key=_key(kind, owner, value),
            version=version,
            raw=raw,
            origin=owner,
            correlation_id=correlation_id,
        )
        await objects.put(hub, push)
    except OcpiError:
        return False
    return True


def _key(kind: Kind, owner: PartyId, value: Any) -> Key:
    if kind.has_variant:
        return Key(owner, fold(value.uid), value.type)
    return Key(owner, fold(value.id))
