"""Sender lists: pages of ready bytes over a keyset, behind OCPI's offset and limit (ocpi.md §7)."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC

from gateway.http.message import Message, Reply
from gateway.http.ocpi.passing import onward, passed_on
from gateway.hub import client_info, forward, peer
from gateway.hub.peer import Answer, Request
from gateway.hub.seal import SealBroken
from gateway.store import object as store
from gateway.store.object import KINDS, Kind, PageQuery, Place, Row
from ocpi import page
from ocpi.envelope import join
from ocpi.errors import NO_MATCHING_ENDPOINTS, OcpiError, invalid
from ocpi.header import Routing
from ocpi.model.party import PartyId
from ocpi.page import Cursor
from ocpi.routing import Forward
from ocpi.wire.catalog import prefix

OFFSET_MAX = 1_000_000
OF_PARTICIPANTS = frozenset({"sessions", "cdrs"})
TOTAL_DIGITS_MAX = 12


async def object_list(message: Message) -> Reply:
    """GET: everything the caller may see, or one party's list when it is named."""
    if isinstance(message.decision, Forward):
        return await _party_list(message, message.decision.to)
    return await _own_list(message, None)


async def _party_list(message: Message, owner: PartyId) -> Reply:
    """The party's own list, page by page; who serves none is answered for from the hub's store."""
    try:
        answer = await _ask_page(message, owner)
    except OcpiError as error:
        if error.code != NO_MATCHING_ENDPOINTS:
            raise
        return await _own_list(message, owner)
    reply = passed_on(answer, owner, is_list=True)
    kept = [(n, v) for n in ("X-Total-Count", "X-Limit") if (v := answer.header(n)) is not None]
    following = page.read_link(answer.header("Link"), answer.url)
    if following is not None:
        kept.append(
            ("Link", f'<{_list_url(message)}?next={_seal(message, following)}>; rel="next"')
        )
    return Reply(
        envelope=reply.envelope,
        http_status=reply.http_status,
        headers=tuple(kept),
        from_=owner,
    )


async def _ask_page(message: Message, owner: PartyId) -> Answer:
    sealed = message.argument("next")
    if sealed is None:
        return await forward.send(message.hub, onward(message, owner))
    platform = forward.receiver_of(message.hub, message.network, onward(message, owner))
    answer = await peer.ask(
        message.hub,
        platform,
        Request(
            method="GET",
            url=_open(message, sealed),
            routing=Routing(owner, message.speaker),
            correlation_id=message.correlation_id,
            module=message.route.module,
        ),
    )
    if answer.envelope is None:
        raise peer.refusal(answer)
    return answer


def _seal(message: Message, url: str) -> str:
    """A partner's next page as an opaque word that only this caller can use."""
    sealed = message.hub.seal.close(url, context=_context(message))
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _open(message: Message, word: str) -> str:
    try:
        sealed = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
        return message.hub.seal.open(sealed, context=_context(message))
    except (binascii.Error, ValueError, SealBroken):
        raise invalid("next", "follow the Link header as it was given") from None


def _context(message: Message) -> str:
    to = message.routing.to
    return f"page:{message.caller.platform.platform_id}:{to}:{message.route.module}"


async def _own_list(message: Message, owner: PartyId | None) -> Reply:
    kind = KINDS[message.route.module]
    asked = page.read_query(message.query)
    query = _query(message, kind, asked, owner)
    rows = await store.page(message.hub.db, kind, query)
    has_more = len(rows) == query.limit
    rows = rows[: asked.limit]
    total = await _total(message, kind, query)
    headers = [("X-Total-Count", str(total)), ("X-Limit", str(page.LIMIT_MAX))]
    if has_more:
        place = store.place_of(rows[-1])
        cursor = Cursor(
            place.last_updated, (place.country_code, place.party_id, place.id_key, place.variant)
        )
        extra = (("total", str(total)),)
        headers.append(("Link", page.write_link(_list_url(message), asked, cursor, extra)))
    return Reply(
        data=join([_in_version(message, kind, r) for r in rows]),
        headers=tuple(headers),
        from_=owner,
    )


def _query(message: Message, kind: Kind, asked: page.PageQuery, owner: PartyId | None) -> PageQuery:
    if asked.offset > OFFSET_MAX:
        raise invalid("offset", f"at most {OFFSET_MAX} is expected: follow the Link header")
    if kind.module in OF_PARTICIPANTS:
        parties = tuple(str(p) for p in message.caller.platform.parties)
    else:
        parties = message.network.hidden_from(message.speaker, kind.module)
    return PageQuery(
        parties=parties,
        date_from=asked.date_from,
        date_to=asked.date_to,
        owner=owner,
        limit=asked.limit + 1,
        offset=0 if asked.cursor else asked.offset,
        after=_place(asked.cursor),
    )


def _place(cursor: Cursor | None) -> Place:
    if cursor is None:
        return Place()
    if len(cursor.key) != 4:
        raise invalid("cursor", "follow the Link header as it was given")
    try:
        return Place(cursor.last_updated.astimezone(UTC), *cursor.key)
    except OverflowError:
        raise invalid("cursor", "follow the Link header as it was given") from None


async def _total(message: Message, kind: Kind, query: PageQuery) -> int:
    """Counted once per crawl: the Link carries the number on."""
    carried = message.argument("total") if message.argument("cursor") else None
    if carried and carried.isascii() and carried.isdigit() and len(carried) <= TOTAL_DIGITS_MAX:
        return int(carried)
    return await store.count(message.hub.db, kind, query)


def _in_version(message: Message, kind: Kind, row: Row) -> bytes:
    if row.version == message.route.version:
        return row.body
    value = message.hub.wire.decode(row.version, kind.wire_kind, row.body)
    body, _ = message.hub.wire.encode(message.route.version, value)
    return body


def _list_url(message: Message) -> str:
    route = message.route
    return message.hub.root(route.version) + prefix(route.module, route.interface)


async def client_info_list(message: Message) -> Reply:
    """GET hubclientinfo: every party but the caller's own, and how it is connected."""
    asked = page.read_query(message.query)
    own = frozenset(message.caller.platform.parties)
    found = client_info.listed(
        message.network, own, date_from=asked.date_from, date_to=asked.date_to
    )
    shown = found[asked.offset : asked.offset + asked.limit]
    headers = [("X-Total-Count", str(len(found))), ("X-Limit", str(page.LIMIT_MAX))]
    reached = asked.offset + len(shown)
    if reached < len(found):
        url = f"{_list_url(message)}?offset={reached}&limit={asked.limit}"
        headers.append(("Link", f'<{url}>; rel="next"'))
    encode, version = message.hub.wire.encode, message.route.version
    return Reply(data=join([encode(version, i)[0] for i in shown]), headers=tuple(headers))
