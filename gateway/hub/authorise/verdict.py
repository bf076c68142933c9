"""The one decision about a token: pure, and written as two tables.

`decide` says what follows from what the hub knows; where that is "ask the issuer", `conclude` says
what follows from the issuer's answer, or from its silence. RFID, app, eMAID and contract
certificate all end here (DESIGN.md "An authorisation"; OCPI tokens module, AllowedType and
WhitelistType; ocpi.md §3 rows 19 and 20).

The rows of a table are read from the top; the first that fits decides. Safety comes first: who may
not talk is refused before anything is said about the token, and a token that is blocked, invalid or
expired is refused before its whitelist is looked at. Nothing is ever ALLOWED because a check could
not be made, with one exception that the issuer itself has chosen: ALLOWED_OFFLINE.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache

import msgspec


class Allowed(StrEnum):
    """OCPI AllowedType."""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"
    EXPIRED = "EXPIRED"
    NO_CREDIT = "NO_CREDIT"
    NOT_ALLOWED = "NOT_ALLOWED"


class Action(StrEnum):
    """What to do next: answer now, ask the token's issuer, or ask everybody who might be it."""

    ANSWER = "ANSWER"
    ASK_ISSUER = "ASK_ISSUER"
    ASK_ALL = "ASK_ALL"


class Whitelist(StrEnum):
    """OCPI WhitelistType. A value of a later version is read as NEVER: the issuer must be asked."""

    ALWAYS = "ALWAYS"
    ALLOWED = "ALLOWED"
    ALLOWED_OFFLINE = "ALLOWED_OFFLINE"
    NEVER = "NEVER"


class Standing(StrEnum):
    """How a party stands towards the hub. OFFLINE: cannot be asked just now."""

    CONNECTED = "CONNECTED"
    OFFLINE = "OFFLINE"
    SUSPENDED = "SUSPENDED"
    ABSENT = "ABSENT"


class TokenState(StrEnum):
    """The token as the hub knows it, at this moment."""

    VALID = "VALID"
    INVALID = "INVALID"  # valid=false: its owner has withdrawn it
    BLOCKED = "BLOCKED"  # the hub's own block: reported stolen, misused
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"
    UNREADABLE = "UNREADABLE"  # no store could be asked whether it exists


class Contract(StrEnum):
    """The contract behind the token, where there is one that the hub keeps."""

    NONE = "NONE"
    ACTIVE = "ACTIVE"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


class Place(StrEnum):
    """The LocationReferences of the request, held against what the issuer demands."""

    FINE = "FINE"
    MISSING = "MISSING"
    UNKNOWN_LOCATION = "UNKNOWN_LOCATION"
    UNKNOWN_EVSE = "UNKNOWN_EVSE"


class Reply(StrEnum):
    """How the issuer answered the real-time request."""

    ANSWERED = "ANSWERED"
    UNKNOWN_TOKEN = "UNKNOWN_TOKEN"  # noqa: S105 - a status of an answer, no secret
    LOCATION_NEEDED = "LOCATION_NEEDED"
    LOCATION_UNKNOWN = "LOCATION_UNKNOWN"
    BROKEN = "BROKEN"  # it answered, but not with an answer
    UNREACHABLE = "UNREACHABLE"
    SILENT = "SILENT"


class Scope(StrEnum):
    """Whether this CPO may reach this issuer (relation)."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


class TokenFacts(msgspec.Struct, frozen=True, gc=False):
    """One token of one owner. `expires_s` and `not_before_s` are absolute; 0 stands for never."""

    valid: bool
    whitelist: str
    blocked: str = ""
    expires_s: int = 0


class Facts(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Everything `decide` looks at. What is not known is said to be not known."""

    token: TokenFacts | None
    readable: bool = True
    requester: Standing = Standing.CONNECTED
    issuer: Standing = Standing.CONNECTED
    relation_open: bool = True
    issuer_known: bool = True
    contract: Contract = Contract.NONE
    place: Place = Place.FINE


class Decision(msgspec.Struct, frozen=True, gc=False):
    """`reason` is one stable word for people and counters; `ocpi_status` 1000 is no error.

    `discloses` is false where whoever asks may not even see the token.
    """

    action: Action
    allowed: Allowed
    reason: str
    source: str
    ocpi_status: int = 1000
    http_status: int = 200
    text: str = ""
    discloses: bool = True

    @property
    def is_allowed(self) -> bool:
        return self.action is Action.ANSWER and self.allowed is Allowed.ALLOWED


def _answer(allowed: Allowed, reason: str, text: str = "", source: str = "hub") -> Decision:
    return Decision(Action.ANSWER, allowed, reason, source, text=text)


def _hidden(reason: str, text: str) -> Decision:
    return Decision(Action.ANSWER, Allowed.NOT_ALLOWED, reason, "hub", text=text, discloses=False)


def _error(status: int, reason: str, text: str, http_status: int = 200) -> Decision:
    return Decision(Action.ANSWER, Allowed.NOT_ALLOWED, reason, "hub", status, http_status, text)


def _ask(action: Action, reason: str) -> Decision:
    return Decision(action, Allowed.NOT_ALLOWED, reason, "hub")


_Column = StrEnum | tuple[StrEnum, ...] | None
_Key = tuple[Standing, Scope, Standing, TokenState, Contract, Place, Whitelist, bool]
_Row = tuple[
    _Column, _Column, _Column, _Column, _Column, _Column, _Column, bool | None, Decision
]  # fmt: skip

_ANY = None
_GONE = (Standing.SUSPENDED, Standing.ABSENT)
_ASKABLE = Standing.CONNECTED

# requester · relation · issuer · token · contract · place · whitelist · issuer known → outcome
VERDICTS: tuple[_Row, ...] = (
    (_GONE, _ANY, _ANY, _ANY, _ANY, _ANY, _ANY, _ANY,
     _hidden("requester-suspended", "The asking party is suspended.")),
    (_ANY, Scope.CLOSED, _ANY, _ANY, _ANY, _ANY, _ANY, _ANY,
     _hidden("no-relation", "These two parties do not roam with each other.")),
    (_ANY, _ANY, _ANY, _ANY, Contract.CANCELLED, _ANY, _ANY, _ANY,
     _answer(Allowed.BLOCKED, "contract-cancelled", "The contract has been cancelled.")),
    (_ANY, _ANY, _ANY, _ANY, Contract.EXPIRED, _ANY, _ANY, _ANY,
     _answer(Allowed.EXPIRED, "contract-expired", "The contract has expired.")),
    (_ANY, _ANY, _ANY, TokenState.UNREADABLE, _ANY, _ANY, _ANY, _ANY,
     _error(4000, "stores-unavailable", "The hub cannot read its tokens now.")),
    (_ANY, _ANY, _ANY, TokenState.BLOCKED, _ANY, _ANY, _ANY, _ANY,
     _answer(Allowed.BLOCKED, "token-blocked", "The token is blocked.")),
    (_ANY, _ANY, _ANY, TokenState.INVALID, _ANY, _ANY, _ANY, _ANY,
     _answer(Allowed.BLOCKED, "token-invalid", "The token is not valid any more.")),
    (_ANY, _ANY, _ANY, TokenState.EXPIRED, _ANY, _ANY, _ANY, _ANY,
     _answer(Allowed.EXPIRED, "token-expired", "The token has expired.")),
    (_ANY, _ANY, _GONE, TokenState.VALID, _ANY, _ANY, _ANY, _ANY,
     _answer(Allowed.NOT_ALLOWED, "issuer-suspended", "The issuer of the token is suspended.")),
    (_ANY, _ANY, _ANY, _ANY, _ANY, Place.MISSING, _ANY, _ANY,
     _error(2002, "location-missing", "location_id: the issuer needs the location.")),
    (_ANY, _ANY, _ANY, _ANY, _ANY, Place.UNKNOWN_LOCATION, _ANY, _ANY,
     _error(2003, "location-unknown", "location_id: no such location.")),
    (_ANY, _ANY, _ANY, _ANY, _ANY, Place.UNKNOWN_EVSE, _ANY, _ANY,
     _error(2003, "evse-unknown", "evse_uids: no such EVSE at this location.")),
    (_ANY, _ANY, _ASKABLE, TokenState.UNKNOWN, _ANY, _ANY, _ANY, True,
     _ask(Action.ASK_ISSUER, "issuer-by-contract")),
    (_ANY, _ANY, Standing.OFFLINE, TokenState.UNKNOWN, _ANY, _ANY, _ANY, True,
     _error(4003, "issuer-offline", "The issuer of the contract is not connected.")),
    (_ANY, _ANY, _GONE, TokenState.UNKNOWN, _ANY, _ANY, _ANY, True,
     _answer(Allowed.NOT_ALLOWED, "issuer-suspended", "The issuer of the contract is suspended.")),
    (_ANY, _ANY, _ANY, TokenState.UNKNOWN, _ANY, _ANY, _ANY, False,
     _ask(Action.ASK_ALL, "token-unknown")),
    (_ANY, _ANY, _ANY, TokenState.VALID, _ANY, _ANY, Whitelist.ALWAYS, _ANY,
     _answer(Allowed.ALLOWED, "whitelist-always")),
    (_ANY, _ANY, _ANY, TokenState.VALID, _ANY, _ANY, Whitelist.ALLOWED, _ANY,
     _answer(Allowed.ALLOWED, "whitelist-allowed")),
    (_ANY, _ANY, _ASKABLE, TokenState.VALID, _ANY, _ANY, Whitelist.ALLOWED_OFFLINE, _ANY,
     _ask(Action.ASK_ISSUER, "whitelist-allowed-offline")),
    (_ANY, _ANY, _ASKABLE, TokenState.VALID, _ANY, _ANY, Whitelist.NEVER, _ANY,
     _ask(Action.ASK_ISSUER, "whitelist-never")),
    (_ANY, _ANY, Standing.OFFLINE, TokenState.VALID, _ANY, _ANY, Whitelist.ALLOWED_OFFLINE, _ANY,
     _answer(Allowed.ALLOWED, "issuer-offline-allowed", source="offline")),
    (_ANY, _ANY, Standing.OFFLINE, TokenState.VALID, _ANY, _ANY, Whitelist.NEVER, _ANY,
     _error(4003, "issuer-offline", "The issuer must be asked, and is not connected.")),
)  # fmt: skip

_OFFLINE = (Whitelist.ALLOWED_OFFLINE,)
_NO_ANSWER = (Reply.SILENT, Reply.UNREACHABLE, Reply.BROKEN)

# reply · whitelist (None: the token is not known here) → outcome; ANSWERED carries its own verdict
CONCLUSIONS: tuple[tuple[_Column, _Column, Decision], ...] = (
    (Reply.UNKNOWN_TOKEN, _ANY,
     _error(2004, "token-unknown-to-issuer", "No such token.", 404)),
    (Reply.LOCATION_NEEDED, _ANY,
     _error(2002, "location-missing", "location_id: the issuer needs the location.")),
    (Reply.LOCATION_UNKNOWN, _ANY,
     _error(2003, "location-unknown-to-issuer", "location_id: unknown to the issuer.")),
    (_NO_ANSWER, _OFFLINE,
     _answer(Allowed.ALLOWED, "issuer-silent-offline-allowed", source="offline")),
    (Reply.SILENT, _ANY,
     _error(4002, "issuer-silent", "The issuer did not answer in time.")),
    (Reply.UNREACHABLE, _ANY,
     _error(4003, "issuer-unreachable", "The issuer cannot be reached.")),
    (Reply.BROKEN, _ANY,
     _error(4000, "issuer-broken", "The issuer's answer could not be understood.")),
)  # fmt: skip

NOBODY_KNOWS = _error(2004, "token-unknown", "No such token.", 404)
RECEIVER_UNKNOWN = _error(4001, "receiver-unknown", "OCPI-to-party-id: no such party.")


def decide(facts: Facts, now_s: float) -> Decision:
    """What follows from the facts at this moment; expiry is absolute and looked at here, at use."""
    token = facts.token
    if token is None:
        state = TokenState.UNKNOWN if facts.readable else TokenState.UNREADABLE
        whitelist = Whitelist.NEVER
    else:
        state = token_state(token, now_s)
        whitelist = whitelist_of(token.whitelist)
    return _verdict(
        (
            facts.requester,
            Scope.OPEN if facts.relation_open else Scope.CLOSED,
            facts.issuer,
            state,
            facts.contract,
            facts.place,
            whitelist,
            facts.issuer_known,
        )
    )


def token_state(token: TokenFacts, now_s: float) -> TokenState:
    if token.blocked:
        return TokenState.BLOCKED
    if not token.valid:
        return TokenState.INVALID
    if token.expires_s and now_s >= token.expires_s:
        return TokenState.EXPIRED
    return TokenState.VALID


_WHITELISTS = {item.value: item for item in Whitelist}


def whitelist_of(text: str) -> Whitelist:
    return _WHITELISTS.get(text, Whitelist.NEVER)


@cache
def _verdict(key: _Key) -> Decision:
    """The first row that fits; remembered, there are only a few thousand keys."""
    for *columns, outcome in VERDICTS:
        if all(_fits(column, value) for column, value in zip(columns, key, strict=True)):
            assert isinstance(outcome, Decision)
            return outcome
    raise AssertionError(f"the verdict table has a hole at {key}")


def _fits(column: object, value: object) -> bool:
    if column is None:
        return True
    return value in column if isinstance(column, tuple) else column == value


def conclude(reply: Reply, whitelist: str | None, allowed: str | None) -> Decision:
    """What follows from the issuer's answer, or from its silence."""
    if reply is Reply.ANSWERED:
        return _from_issuer(allowed)
    known = whitelist_of(whitelist) if whitelist is not None else None
    for replies, whitelists, outcome in CONCLUSIONS:
        if _fits(replies, reply) and (whitelists is None or _fits(whitelists, known)):
            return outcome
    raise AssertionError(f"the conclusion table has a hole at {reply}")


_ALLOWED = {item.value: item for item in Allowed}


def _from_issuer(allowed: str | None) -> Decision:
    """An AllowedType of a later version that is not ALLOWED is a refusal."""
    verdict = _ALLOWED.get(allowed or "", Allowed.NOT_ALLOWED)
    return _answer(verdict, f"issuer-{verdict.value.lower().replace('_', '-')}", source="issuer")
