"""The hot request itself: `POST …/sender/tokens/{uid}/authorize`, answered from memory.

What this answers, the ordinary path would answer with the same bytes (ids and times apart): both
gather their facts in `gateway.hub.authorise`, and whatever is unusual here (an unknown token, an
escaped uid, a header twice, a closed relation, a store that must be asked) is declined, which
makes it the ordinary path's.
"""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from typing import Final

import msgspec
from aiohttp.http import SERVER_SOFTWARE

from gateway.http.lane.parse import RequestReader
from gateway.http.lane.protocol import LaneCounters, Writes
from gateway.hub.authorise.answer import authorization_info, read_place
from gateway.hub.authorise.flow import Authoriser, Candidate
from gateway.hub.authorise.record import token_key
from gateway.hub.authorise.request import AuthoriseRequest
from gateway.hub.authorise.standing import MODULE, Standings
from gateway.hub.network import Network, Platform
from gateway.hub.seal import token_hash
from gateway.store.exchange import Exchange
from ocpi import envelope, header, routing
from ocpi.errors import SUCCESS, OcpiError
from ocpi.header import Routing
from ocpi.model.party import PartyId
from ocpi.model.token import TokenType
from ocpi.wire.catalog import SENDER, VERSIONS, route

SAMPLE_EVERY: Final = 64
CLOCK_AGE_MAX_S: Final = 0.1
ASKERS_MAX: Final = 4096
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

_AskerKey = tuple[bytes | None, ...]


class Asker(msgspec.Struct, frozen=True, gc=False):
    """Who asks, as one set of headers says it; `receiver` narrows the question to one issuer."""

    platform_id: int
    party: PartyId
    receiver: PartyId | None
    routing_head: bytes


class Lane:
    """One per process, for every version whose answer is a splice, or for one `version` alone.

    The state it keeps can be thrown away at any time.
    """

    def __init__(
        self, authoriser: Authoriser, *, version: str = "", sample_every: int = SAMPLE_EVERY
    ) -> None:
        self.counters = LaneCounters()
        self.writes = Writes()
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
        self._froms: dict[PartyId, bytes] = {}
        self._sample_every = sample_every
        self._until_sample = 1
        self._now_s = 0.0
        self._clock_read_at = float("-inf")
        self._open = self._close = self._date = b""

    def answer(self, frame: bytes, body_length: int) -> bytes | None:
        """The whole HTTP answer, or None: then nothing has happened."""
        started = time.perf_counter()
        reader = self._reader
        if not reader.read(frame, body_length):
            return self._decline()
        headers = reader.headers
        ids = _ids(headers.get(b"x-request-id"), headers.get(b"x-correlation-id"))
        standings = self._keeper.standings_now()
        if ids is None or standings is None:
            return self._decline()
        asker = self._asker(standings, headers)
        request = self._request(asker) if asker is not None else None
        if asker is None or request is None:
            return self._decline()
        if started - self._clock_read_at > CLOCK_AGE_MAX_S:
            self._read_clock(started)
        raw = self._keeper.hot.get_now(token_key(request.uid.upper(), request.type))
        found = self._authoriser.decide_now(standings, request, raw, self._now_s)
        if found is None:
            return self._decline()
        return self._answer(asker, request, found, ids, started)

    def _decline(self) -> bytes | None:
        self.counters.declined += 1
        return None

    def _request(self, asker: Asker) -> AuthoriseRequest | None:
        """The question; None where the router or the full decoder must look at it."""
        reader = self._reader
        url = reader.url
        path, version = next((p for p in self._paths if url.startswith(p[0])), (b"", ""))
        uid, _, tail = url[len(path) :].partition(b"/")
        token_type = self._tails.get(tail)
        if (
            token_type is None
            or not 0 < len(uid) <= UID_CHARS_MAX
            or uid.translate(None, UID_CHARS)
        ):
            return None
        try:
            place = read_place(reader.body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        return AuthoriseRequest(
            uid=uid.decode("ascii"),
            type=token_type,
            requester=asker.party,
            to=asker.receiver,
            place=place,
            version=version,
        )

    def _asker(self, standings: Standings, headers: dict[bytes, bytes]) -> Asker | None:
        """Remembered per picture of the network: a token that is revoked is forgotten with it."""
        if standings is not self._standings:
            self._standings = standings
            self._askers = {}
        get = headers.get
        key = (get(b"authorization"), *[get(name) for name in _ROUTING])
        found = self._askers.get(key)
        if found is None:
            found = self._identify(standings, key)
            if found is not None and len(self._askers) < ASKERS_MAX:
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
                return self._route(picture, picture.platforms[credential.platform_id], sent)
        return None

    def _route(self, picture: Network, platform: Platform, sent: Routing) -> Asker | None:
        if platform.state == "SUSPENDED":
            return None
        found = routing.decide(
            msgspec.structs.replace(self._question, routing=sent),
            {p: platform.roles_of(p) for p in platform.parties},
            self._hub.party,
            lambda p: picture.standing(p, module=MODULE),
        )
        self._hub.seen(platform.platform_id)
        match found:
            case routing.Forward(to=to, from_=party):
                return Asker(platform.platform_id, party, to, _lines(Routing(to=party)))
            case routing.OpenRoute(from_=party):
                return Asker(platform.platform_id, party, None, _lines(Routing(to=party)))
            case _:
                return None

    def _read_clock(self, started: float) -> None:
        """Time of day, in whole seconds, a tenth of a second old at most."""
        now = self._hub.clock.now()
        self._clock_read_at = started
        self._now_s = now.timestamp()
        whole = now.replace(microsecond=0)
        self._open, _, self._close = envelope.success(_SPLIT, whole).partition(_SPLIT)
        self._date = b"Date: %b\r\nServer: %b\r\n\r\n" % (
            formatdate(time.time(), usegmt=True).encode(),
            _SERVER,
        )

    def _answer(
        self,
        asker: Asker,
        request: AuthoriseRequest,
        found: Candidate,
        ids: bytes,
        started: float,
    ) -> bytes | None:
        token, issuer, decision = found.token, found.issuer, found.decision
        if token is None or issuer is None or token.version != request.version:
            return self._decline()
        if decision.ocpi_status != SUCCESS:
            return self._decline()
        duration_us = int((time.perf_counter() - started) * 1_000_000)
        reference = self._authoriser.note(
            request, decision, token, issuer.party, self._now_s,
            contract_id=token.contract_id, duration_us=duration_us,
        )  # fmt: skip
        data = authorization_info(decision, token.body, request.place, reference)
        body = b"".join((self._open, data, self._close))
        answer = b"%b%b%b%bContent-Length: %d\r\n%b%b" % (
            _HEAD, ids, asker.routing_head, self._from(issuer.party), len(body), self._date, body,
        )  # fmt: skip
        self._until_sample -= 1
        if not self._until_sample:
            self._sample(asker, request, body, duration_us)
        return answer

    def _from(self, party: PartyId) -> bytes:
        lines = self._froms.get(party)
        if lines is None:
            lines = self._froms[party] = _lines(Routing(from_=party))
        return lines

    def _sample(
        self, asker: Asker, request: AuthoriseRequest, body: bytes, duration_us: int
    ) -> None:
        """One exchange in many becomes a line of the exchange log; the counters know of all."""
        self._until_sample = self._sample_every
        reader = self._reader
        headers = reader.headers
        self._hub.record(
            Exchange(
                at=self._hub.clock.now(),
                direction="IN",
                platform_id=asker.platform_id,
                from_party=str(asker.party),
                to_party=str(asker.receiver) if asker.receiver is not None else None,
                method="POST",
                path=reader.url.decode("ascii"),
                module="tokens",
                version=request.version,
                request_id=headers.get(b"x-request-id", b"").decode("ascii") or None,
                correlation_id=headers.get(b"x-correlation-id", b"").decode("ascii") or None,
                http_status=200,
                ocpi_status=SUCCESS,
                duration_us=duration_us,
                request=reader.body or None,
                response=body,
                note=f"lane: 1 of {self._sample_every}",
            )
        )


def _ids(request_id: bytes | None, correlation_id: bytes | None) -> bytes | None:
    """The header lines that repeat the message ids; None where one of them is to be refused."""
    lines = b""
    if request_id:
        if _ID.match(request_id) is None:
            return None
        lines = b"X-Request-ID: %b\r\n" % request_id
    if correlation_id:
        if _ID.match(correlation_id) is None:
            return None
        lines += b"X-Correlation-ID: %b\r\n" % correlation_id
    return lines


def _lines(routing: Routing) -> bytes:
    return b"".join(
        f"{name}: {value}\r\n".encode() for name, value in header.write_routing(routing).items()
    )
