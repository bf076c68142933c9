"""The hot request itself: `POST …/sender/tokens/{uid}/authorize`, answered from memory.

What this answers, the ordinary path would answer with the same bytes (ids and times apart): both
gather their facts in `gateway.hub.authorise`, and whatever is unusual here (an unknown token, an
escaped uid, a header twice, a closed relation, a store that must be asked) is declined, which
makes it the ordinary path's.

`answer` reads a request and remembers what it learned: the shape of its head, its place, and the
decision. `repeat` answers from what is remembered while all of it is still true: the picture of
the network is the same, the token's entry in the hot set is the same object, the time is within the
decision's two ends. What `repeat` does not know it leaves to `answer`.
"""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from typing import Final

import msgspec
from aiohttp.http import SERVER_SOFTWARE

from gateway.http.lane.parse import RequestReader
from gateway.http.lane.protocol import Connection, LaneCounters
from gateway.http.lane.shape import Cut, Ids, Template, cut, template_of
from gateway.hub.authorise.answer import (
    REFERENCE,
    REFERENCE_CHARS,
    location_of,
    read_place,
)
from gateway.hub.authorise.flow import Authoriser
from gateway.hub.authorise.prepared import Prepared
from gateway.hub.authorise.record import token_key
from gateway.hub.authorise.request import AuthoriseRequest, Place
from gateway.hub.authorise.standing import MODULE, Standings
from gateway.hub.network import Platform
from gateway.hub.seal import token_hash
from gateway.store.authorisation import NULL, moment, text
from gateway.store.exchange import Exchange
from ocpi import envelope, header, routing
from ocpi.errors import SUCCESS, OcpiError
from ocpi.header import Routing
from ocpi.model.party import PartyId
from ocpi.model.token import TokenType
from ocpi.wire.catalog import SENDER, VERSIONS, route

SAMPLES_PER_S: Final = 16
CLOCK_AGE_MAX_S: Final = 0.1
ASKERS_MAX: Final = 4096
SHAPES_MAX: Final = 4096
PLACES_MAX: Final = 16_384
PREPARED_MAX: Final = 32_768
UID_CHARS_MAX: Final = 36
UID_CHARS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SPLICED: Final = frozenset({"2.2.1", "2.3.0"})  # 2.1.1 writes another AuthorizationInfo
UID: Final = "{token_uid}"
TAIL: Final = b"authorize"
TYPES: Final = (TokenType.RFID, TokenType.APP_USER, TokenType.AD_HOC_USER, TokenType.OTHER)
_ID: Final = re.compile(rb"[!-~]{1,128}\Z")
_ROUTING: Final = (
    b"ocpi-to-country-code",
    b"ocpi-to-party-id",
    b"ocpi-from-country-code",
    b"ocpi-from-party-id",
)
_NO_ROUTING: Final = (None, None, None, None)
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
_SERVER: Final = SERVER_SOFTWARE.encode()
_SPLIT: Final = b'"@"'
_LENGTH: Final = b"Content-Length: "
_LINE_END: Final = b"\r\n"
_BOTH_IDS: Final = (_HEAD + b"X-Request-ID: ", b"\r\nX-Correlation-ID: ")
_LENGTHS_MAX: Final = 2048
_LENGTHS: Final = tuple(b"%d" % length for length in range(_LENGTHS_MAX))
_OPEN: Final = b'{"data":'

_AskerKey = tuple[bytes | None, ...]


class Ready(msgspec.Struct, frozen=True):
    """One decision for one asker: `head` is what the answer's head says about the two parties."""

    decision: Prepared
    head: bytes
    length: int
    url: bytes
    version: str


class Asker(msgspec.Struct):
    """Who asks, as one set of headers says it; `receiver` narrows the question to one issuer.

    `ready` are the decisions by request line, of questions without and with a place.
    """

    standings: Standings
    platform_id: int
    party: PartyId
    receiver: PartyId | None
    routing_head: bytes
    ready: tuple[dict[bytes, Ready], dict[bytes, Ready]]
    heard_at: float = float("-inf")


class Shape(msgspec.Struct, frozen=True):
    """What a head says, whatever its request line and its message ids are."""

    asker: Asker
    body_length: int
    template: Template | None


class Stated(msgspec.Struct, frozen=True):
    """One body: how the answer repeats it, and how its row does."""

    raw: bytes
    place: Place | None
    info: bytes
    row: bytes


NOWHERE: Final = Stated(b"", None, REFERENCE, NULL)


class Lane:
    """One per process, for every version whose answer is a splice, or for one `version` alone.

    The state it keeps can be thrown away at any time.
    """

    def __init__(
        self, authoriser: Authoriser, *, version: str = "", samples_per_s: int = SAMPLES_PER_S
    ) -> None:
        self.counters = LaneCounters()
        spoken = [v for v in VERSIONS if v in SPLICED and version in ("", v)]
        rows = [(v, route(v, "token_authorize")) for v in spoken]
        self._paths = tuple(
            (f"/ocpi/{v}{row.path.partition(UID)[0]}".encode(), v) for v, row in rows
        )
        self.prefixes = tuple(b"POST " + path for path, _ in self._paths)
        self._question = routing.Request(module=MODULE, interface=SENDER, method="POST")
        self._tails = {TAIL: TokenType.RFID} | {
            TAIL + b"?type=" + word.encode(): word for word in TYPES
        }
        self._authoriser = authoriser
        self._hub = authoriser.hub
        self._keeper = authoriser.keeper
        self._reader = RequestReader()
        self._standings: Standings | None = None
        self._askers: dict[_AskerKey, Asker] = {}
        self._shapes: dict[bytes, Shape] = {}
        self._places: dict[bytes, Stated] = {b"": NOWHERE}
        self._ready_count = 0
        self._froms: dict[PartyId, bytes] = {}
        self._samples_per_s = samples_per_s
        self._samples_left = 0
        self._now_s = 0.0
        self._clock_read_at = float("-inf")
        self._moment = self._close = self._date = b""

    # --- from what is remembered -----------------------------------------------------------------

    def repeat(self, frame: bytes, connection: Connection) -> bytes | None:
        """The whole HTTP answer to one whole request like earlier ones; None: ask `answer`.

        The connection keeps the shape of its last head: the next is most likely the same.
        """
        started = time.monotonic()
        shape = connection.shape
        found = shape.template.match(frame) if shape is not None and shape.template else None
        if shape is not None and found is not None:
            line, end, ids = found
        else:
            parts = cut(frame)
            shape = self._shapes.get(parts[1]) if parts is not None else None
            if parts is None or shape is None:
                return None
            line, _, end, ids = parts
            connection.shape = shape
        asker = shape.asker
        stated = self._places.get(frame[end:])
        if stated is None or len(frame) - end != shape.body_length:
            return None
        ready = asker.ready[stated is not NOWHERE].get(line)
        if ready is None or self._keeper.standings_at(started) is not asker.standings:
            connection.shape = None
            return None
        if started - self._clock_read_at > CLOCK_AGE_MAX_S:
            self._read_clock(started)
        decision = ready.decision
        if not decision.since_s <= self._now_s < decision.until_s:
            return None
        if not self._keeper.hot.holds(decision.key, decision.raw, started):
            return None
        return self._say(asker, ready, stated, ids, started)

    def _say(self, asker: Asker, ready: Ready, stated: Stated, ids: Ids, started: float) -> bytes:
        decision = ready.decision
        duration_us = int((time.monotonic() - started) * 1_000_000)
        reference = self._authoriser.note_again(decision, self._moment, stated.row, duration_us)
        info = stated.info
        length = ready.length + len(self._close)
        if decision.is_allowed:
            length += len(info) + REFERENCE_CHARS
        else:
            info = reference = b""
        request_id, correlation_id = ids
        parts = (
            _BOTH_IDS[0], request_id, _BOTH_IDS[1], correlation_id, _LINE_END,
            ready.head, _LENGTHS[length] if length < _LENGTHS_MAX else b"%d" % length, self._date,
            decision.before, info, reference, decision.after, self._close,
        )  # fmt: skip
        if request_id and correlation_id:
            answer = b"".join(parts)
        else:
            answer = b"".join((_HEAD, _lines_of_ids(request_id, correlation_id), *parts[5:]))
        if asker.heard_at != self._clock_read_at:
            asker.heard_at = self._clock_read_at
            self._hub.seen(asker.platform_id)
        if self._samples_left:
            self._sample(asker, ready, stated, ids, (answer, duration_us))
        return answer

    # --- read and learn --------------------------------------------------------------------------

    def answer(self, frame: bytes, body_length: int) -> bytes | None:
        """The whole HTTP answer, or None: then nothing has happened."""
        started = time.monotonic()
        reader = self._reader
        if not reader.read(frame, body_length):
            return self._decline()
        headers = reader.headers
        ids = headers.get(b"x-request-id", b""), headers.get(b"x-correlation-id", b"")
        standings = self._keeper.standings_at(started)
        if standings is None or not _are_ids(ids):
            return self._decline()
        asker = self._asker(standings, headers)
        stated = self._place(reader.body)
        request = self._request(asker, stated) if asker and stated else None
        if asker is None or stated is None or request is None:
            return self._decline()
        if started - self._clock_read_at > CLOCK_AGE_MAX_S:
            self._read_clock(started)
        ready = self._ready(standings, asker, request)
        if ready is None:
            return self._decline()
        self._learn(cut(frame), ids, asker, ready, stated)
        return self._say(asker, ready, stated, ids, started)

    def _decline(self) -> bytes | None:
        self.counters.declined += 1
        return None

    def _learn(
        self,
        found: Cut | None,
        ids: tuple[bytes, bytes],
        asker: Asker,
        ready: Ready,
        stated: Stated,
    ) -> None:
        """Only what was answered is remembered, so nobody fills this without credentials."""
        if found is None or found[3] != ids:
            return
        if len(self._shapes) >= SHAPES_MAX:
            self._shapes = {}
        if self._ready_count >= PREPARED_MAX:
            self._forget()
            return
        rest = found[1]
        self._shapes[rest] = Shape(asker, len(stated.raw), template_of(rest))
        asker.ready[stated is not NOWHERE][found[0]] = ready
        self._ready_count += 1

    def _forget(self) -> None:
        self._shapes, self._askers, self._ready_count = {}, {}, 0

    def _place(self, body: bytes) -> Stated | None:
        """None where the full decoder must look at it."""
        stated = self._places.get(body)
        if stated is None:
            try:
                place = read_place(body)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                return None
            assert place is not None
            if len(self._places) >= PLACES_MAX:
                self._places = {b"": NOWHERE}
            stated = Stated(body, place, location_of(place) + REFERENCE, text(place.location_id))
            self._places[body] = stated
        return stated

    def _request(self, asker: Asker, stated: Stated) -> AuthoriseRequest | None:
        """The question; None where the router must look at it."""
        url = self._reader.url
        path, version = next((p for p in self._paths if url.startswith(p[0])), (b"\0", ""))
        uid, _, tail = url[len(path) :].partition(b"/")
        token_type = self._tails.get(tail)
        if (
            not version
            or token_type is None
            or not 0 < len(uid) <= UID_CHARS_MAX
            or uid.translate(None, UID_CHARS)
        ):
            return None
        return AuthoriseRequest(
            uid=uid.decode("ascii"),
            type=token_type,
            requester=asker.party,
            to=asker.receiver,
            place=stated.place,
            version=version,
        )

    def _ready(self, standings: Standings, asker: Asker, request: AuthoriseRequest) -> Ready | None:
        key = token_key(request.uid.upper(), request.type)
        raw = self._keeper.hot.get_now(key)
        found = self._authoriser.prepare_now(standings, request, key, raw, self._now_s)
        if found is None:
            return None
        decision, issuer = found
        head = asker.routing_head + self._from(issuer) + _LENGTH
        length = len(_OPEN) + len(decision.before) + len(decision.after)
        return Ready(decision, head, length, self._reader.url, request.version)

    def _asker(self, standings: Standings, headers: dict[bytes, bytes]) -> Asker | None:
        """Remembered per picture of the network: a token that is revoked is forgotten with it."""
        if standings is not self._standings:
            self._standings = standings
            self._forget()
        get = headers.get
        key = (get(b"authorization"), *[get(name) for name in _ROUTING])
        found = self._askers.get(key)
        if found is None:
            found = self._identify(standings, key)
            if found is not None:
                if len(self._askers) >= ASKERS_MAX:
                    self._forget()
                self._askers[key] = found
        return found

    def _identify(self, standings: Standings, key: _AskerKey) -> Asker | None:
        """As `gateway.http.ocpi.pipeline` does it; what that refuses or looks up is declined."""
        picture = standings.picture
        try:
            texts = [None if v is None else v.decode("ascii") for v in key]
            named = {
                k.decode(): v for k, v in zip(_ROUTING, texts[1:], strict=True) if v is not None
            }
            sent = header.read_routing(named)
        except (OcpiError, UnicodeDecodeError):
            return None
        for token in header.token_candidates(texts[0]):
            credential = picture.credentials.get(token_hash(token))
            if credential is not None and credential.kind != "A":
                return self._route(standings, picture.platforms[credential.platform_id], sent)
        return None

    def _route(self, standings: Standings, platform: Platform, sent: Routing) -> Asker | None:
        picture = standings.picture
        if platform.state == "SUSPENDED":
            return None
        found = routing.decide(
            msgspec.structs.replace(self._question, routing=sent),
            {p: platform.roles_of(p) for p in platform.parties},
            self._hub.party,
            lambda p: picture.standing(p, module=MODULE),
        )
        if not isinstance(found, routing.Forward | routing.OpenRoute):
            return None
        receiver = found.to if isinstance(found, routing.Forward) else None
        lines = _lines(Routing(to=found.from_))
        return Asker(standings, platform.platform_id, found.from_, receiver, lines, ({}, {}))

    def _read_clock(self, started: float) -> None:
        """Time of day, in whole seconds, a tenth of a second old at most."""
        now = self._hub.clock.now()
        self._clock_read_at = started
        if int(now.timestamp()) != int(self._now_s):
            self._samples_left = self._samples_per_s
        self._now_s = now.timestamp()
        self._moment = moment(self._now_s)
        whole = now.replace(microsecond=0)
        before, _, self._close = envelope.success(_SPLIT, whole).partition(_SPLIT)
        self._date = b"\r\nDate: %b\r\nServer: %b\r\n\r\n%b" % (
            formatdate(time.time(), usegmt=True).encode(),
            _SERVER,
            before,
        )

    def _from(self, party: PartyId) -> bytes:
        lines = self._froms.get(party)
        if lines is None:
            lines = self._froms[party] = _lines(Routing(from_=party))
        return lines

    def _sample(
        self,
        asker: Asker,
        ready: Ready,
        stated: Stated,
        ids: Ids,
        answered: tuple[bytes, int],
    ) -> None:
        """The first of each second become lines of the exchange log; the counters know of all."""
        self._samples_left -= 1
        answer, duration_us = answered
        self._hub.record(
            Exchange(
                at=self._hub.clock.now(),
                direction="IN",
                platform_id=asker.platform_id,
                from_party=str(asker.party),
                to_party=str(asker.receiver) if asker.receiver is not None else None,
                method="POST",
                path=ready.url.decode("ascii"),
                module="tokens",
                version=ready.version,
                request_id=ids[0].decode("ascii") or None,
                correlation_id=ids[1].decode("ascii") or None,
                http_status=200,
                ocpi_status=SUCCESS,
                duration_us=duration_us,
                request=stated.raw or None,
                response=answer[answer.index(b"\r\n\r\n") + 4 :],
                note=f"lane: {self._samples_per_s} a second at most",
            )
        )


def _are_ids(ids: tuple[bytes, bytes]) -> bool:
    """Absent and empty ids are allowed; what could break a log line or a header is not."""
    return all(not value or _ID.match(value) is not None for value in ids)


def _lines_of_ids(request_id: bytes, correlation_id: bytes) -> bytes:
    """The header lines that repeat the message ids."""
    if request_id and correlation_id:
        return b"X-Request-ID: %b\r\nX-Correlation-ID: %b\r\n" % (request_id, correlation_id)
    if request_id:
        return b"X-Request-ID: %b\r\n" % request_id
    return b"X-Correlation-ID: %b\r\n" % correlation_id if correlation_id else b""


def _lines(routing: Routing) -> bytes:
    return b"".join(
        f"{name}: {value}\r\n".encode() for name, value in header.write_routing(routing).items()
    )
