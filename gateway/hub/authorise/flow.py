"""Answering one authorisation: look up, decide, ask where the decision says so, conclude.

`Authoriser.decide_now` answers from memory without waiting, or says that it cannot; `authorise`
answers always. Both gather the same facts and call the same decision, so the hot lane and the
ordinary path cannot say different things.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Final

import msgspec

from gateway.cache.hot import Found
from gateway.hub.authorise.answer import References
from gateway.hub.authorise.ask import IssuerAnswer, ask_all, ask_issuer
from gateway.hub.authorise.keeper import Keeper, Unreadable
from gateway.hub.authorise.prepared import Prepared, prepare, row_end
from gateway.hub.authorise.record import TokenRecord, decode_tokens, fold, token_key
from gateway.hub.authorise.request import Authorisation, AuthoriseRequest
from gateway.hub.authorise.standing import Issuer, Standings
from gateway.hub.authorise.verdict import (
    NOBODY_KNOWS,
    RECEIVER_UNKNOWN,
    Action,
    Contract,
    Decision,
    Facts,
    Place,
    Reply,
    Standing,
    conclude,
    decide,
)
from gateway.hub.context import Hub
from gateway.store.authorisation import (
    AuthorisationLog,
    block_token,
    line,
    moment,
    read_location,
    text,
    unblock_token,
)
from gateway.store.database import StoreUnavailable
from ocpi.errors import SUCCESS, OcpiError, invalid
from ocpi.model.location import Location
from ocpi.model.party import PartyId
from ocpi.model.token import TokenType
from pnc import emaid

TYPE_CHARS_MAX: Final = 36


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """One token that the question may mean, and what was decided about it."""

    decision: Decision
    token: TokenRecord | None
    issuer: Issuer | None


class Authoriser:
    """One per process. `counters` are read when metrics are scraped."""

    def __init__(self, hub: Hub, keeper: Keeper, log: AuthorisationLog) -> None:
        self.hub = hub
        self.keeper = keeper
        self._log = log
        self._references = References()
        self.counters: Counter[tuple[str, str]] = Counter()
        self.cut_off = 0  # issuers that were still thinking when another had said ALLOWED

    # --- the decision ----------------------------------------------------------------------------

    def decide_now(
        self, standings: Standings, request: AuthoriseRequest, raw: Found, now_s: float
    ) -> Candidate | None:
        """The answer from memory; None where something must be read or somebody must be asked.

        `raw` is the hot set's entry for the token.
        """
        if not isinstance(raw, bytes) or request.type == TokenType.EMAID:
            return None
        best = self._best(standings, request, decode_tokens(raw), Contract.NONE, now_s)
        if best is None or best.decision.action is not Action.ANSWER or not best.decision.discloses:
            return None
        return None if _must_look_up_place(best.issuer) else best

    def prepare_now(
        self,
        standings: Standings,
        request: AuthoriseRequest,
        key: str,
        raw: Found,
        now_s: float,
    ) -> tuple[Prepared, PartyId] | None:
        """The same answer in a form that can be given again, and its issuer.

        None also where the answer is an error, or the token was published in another version.
        """
        found = self.decide_now(standings, request, raw, now_s)
        if found is None or found.token is None or found.issuer is None:
            return None
        token, issuer, decision = found.token, found.issuer.party, found.decision
        if token.version != request.version or decision.ocpi_status != SUCCESS:
            return None
        assert isinstance(raw, bytes)
        kept = prepare(
            request, key, raw, decision, now_s,
            body=token.body, issuer=issuer, uid=token.uid, contract_id=token.contract_id,
        )  # fmt: skip
        return kept, issuer

    def _best(
        self,
        standings: Standings,
        request: AuthoriseRequest,
        tokens: tuple[TokenRecord, ...],
        contract: Contract,
        now_s: float,
    ) -> Candidate | None:
        """Of several owners' tokens: the first that may charge, else the first to ask about."""
        first: Candidate | None = None
        for token in tokens:
            if request.to is not None and token.owner != _owner(request.to):
                continue
            issuer = standings.issuer(token.owner)
            facts = Facts(
                token=token.facts,
                requester=standings.requester(_owner(request.requester)),
                issuer=issuer.standing,
                relation_open=standings.relation_open(_owner(request.requester), token.owner),
                contract=contract,
                place=_stated_place(issuer, request),
            )
            found = Candidate(decide(facts, now_s), token, issuer)
            if found.decision.is_allowed:
                return found
            if first is None or (_asks(found) and not _asks(first)):
                first = found
        return first

    # --- answering -------------------------------------------------------------------------------

    async def authorise(self, request: AuthoriseRequest) -> Authorisation:
        """The answer, whatever is up or down; recorded, never later than the issuers' deadlines."""
        started = time.perf_counter()
        _check_type(request.type)
        try:
            candidate = await self._candidate(request)
        except Unreadable:
            facts = Facts(token=None, readable=False)
            candidate = Candidate(decide(facts, self._now()), None, None)
        result = await self._follow(request, candidate)
        duration_us = int((time.perf_counter() - started) * 1_000_000)
        return self.record(msgspec.structs.replace(result, duration_us=duration_us), request)

    async def _candidate(self, request: AuthoriseRequest) -> Candidate:
        standings = await self.keeper.standings()
        if request.to is not None:
            receiver = standings.issuer(_owner(request.to))
            if receiver.standing is Standing.ABSENT:
                return Candidate(RECEIVER_UNKNOWN, None, None)
        tokens, contract = await self._tokens(standings, request)
        best = self._best(standings, request, tokens, contract, self._now())
        if best is None:
            return self._unknown(standings, request, contract)
        if _must_look_up_place(best.issuer) and request.place is not None:
            return await self._placed(standings, request, best, contract)
        return best

    async def _tokens(
        self, standings: Standings, request: AuthoriseRequest
    ) -> tuple[tuple[TokenRecord, ...], Contract]:
        """The tokens that the question may mean. An eMAID finds those of its contract as well."""
        tokens = await self.keeper.tokens(fold(request.uid), request.type)
        key = request.contract_key or _contract_key(request)
        if key is None:
            return tokens, request.contract
        record = await self.keeper.contract(key, self.hub.clock.now())
        found = dict.fromkeys(t for t in tokens if emaid_key(t.contract_id) in (key, None))
        for uid_key, token_type in record.tokens:
            for token in await self.keeper.tokens(uid_key, token_type):
                if emaid_key(token.contract_id) == key:
                    found[token] = None
        owner = standings.issuer_of_contract(key)
        mine = tuple(t for t in found if owner is None or t.owner == _owner(owner.party))
        contract = request.contract
        if contract in (Contract.NONE, Contract.ACTIVE) and record.state == Contract.CANCELLED:
            contract = Contract.CANCELLED
        return mine, contract

    def _unknown(
        self, standings: Standings, request: AuthoriseRequest, contract: Contract
    ) -> Candidate:
        """No token here: its issuer is known by address or by contract id, or by nobody."""
        issuer: Issuer | None = None
        key = request.contract_key or _contract_key(request)
        if request.to is not None:
            issuer = standings.issuer(_owner(request.to))
        elif key is not None:
            issuer = standings.issuer_of_contract(key)
        asker = _owner(request.requester)
        facts = Facts(
            token=None,
            requester=standings.requester(asker),
            issuer=issuer.standing if issuer is not None else Standing.CONNECTED,
            relation_open=issuer is None or standings.relation_open(asker, _owner(issuer.party)),
            issuer_known=issuer is not None,
            contract=contract,
            place=_stated_place(issuer, request),
        )
        return Candidate(decide(facts, self._now()), None, issuer)

    async def _placed(
        self, standings: Standings, request: AuthoriseRequest, best: Candidate, contract: Contract
    ) -> Candidate:
        """The same decision again, now that the location has been looked up."""
        place = await self._look_up_place(request)
        if place is Place.FINE or best.token is None or best.issuer is None:
            return best
        facts = Facts(
            token=best.token.facts,
            requester=standings.requester(_owner(request.requester)),
            issuer=best.issuer.standing,
            relation_open=standings.relation_open(_owner(request.requester), best.token.owner),
            contract=contract,
            place=place,
        )
        return Candidate(decide(facts, self._now()), best.token, best.issuer)

    async def _look_up_place(self, request: AuthoriseRequest) -> Place:
        """Against what the CPO has published. An unpublished location is known all the same."""
        place, cpo = request.place, request.requester
        assert place is not None
        try:
            row = await read_location(
                self.hub.db, cpo.country_code, cpo.party_id, fold(place.location_id)
            )
        except StoreUnavailable:
            return Place.FINE
        if row is None:
            return Place.UNKNOWN_LOCATION
        try:
            location = self.hub.wire.decode(row[0], "location", row[1])
        except OcpiError:
            return Place.FINE
        assert isinstance(location, Location)
        known = {fold(evse.uid) for evse in location.evses}
        wanted = {fold(uid) for uid in place.evse_uids}
        return Place.FINE if wanted <= known else Place.UNKNOWN_EVSE

    # --- asking ----------------------------------------------------------------------------------

    async def _follow(self, request: AuthoriseRequest, candidate: Candidate) -> Authorisation:
        match candidate.decision.action:
            case Action.ANSWER:
                return self._said(request, candidate.decision, candidate)
            case Action.ASK_ISSUER:
                return await self._ask_issuer(request, candidate)
            case Action.ASK_ALL:
                return await self._ask_all(request)

    async def _ask_issuer(self, request: AuthoriseRequest, candidate: Candidate) -> Authorisation:
        token, issuer = candidate.token, candidate.issuer
        assert issuer is not None
        uid = token.uid if token is not None else request.uid
        token_type = token.type if token is not None else request.type
        answer = await ask_issuer(self.hub, issuer, request, uid=uid, token_type=token_type)
        whitelist = token.whitelist if token is not None else None
        decision = conclude(answer.reply, whitelist, answer.allowed)
        return self._said(request, decision, candidate, answer)

    async def _ask_all(self, request: AuthoriseRequest) -> Authorisation:
        standings = await self.keeper.standings()
        everybody = standings.askable(_owner(request.requester))
        answer, cut_off = await ask_all(self.hub, everybody, request)
        self.cut_off += cut_off
        if answer is None or answer.reply is not Reply.ANSWERED:
            return self._said(request, NOBODY_KNOWS, Candidate(NOBODY_KNOWS, None, None))
        decision = conclude(answer.reply, None, answer.allowed)
        return self._said(request, decision, Candidate(decision, None, answer.issuer), answer)

    def _said(
        self,
        request: AuthoriseRequest,
        decision: Decision,
        candidate: Candidate,
        answer: IssuerAnswer | None = None,
    ) -> Authorisation:
        token, issuer = candidate.token, candidate.issuer
        platform = issuer.platform if issuer is not None else None
        spoken = answer is not None and answer.reply is Reply.ANSWERED
        return Authorisation(
            decision=decision,
            requester=request.requester,
            token=token,
            issuer=issuer.party if issuer is not None else None,
            reference=answer.reference if answer is not None else None,
            place=request.place,
            info=answer.info if answer is not None and spoken else None,
            version=(platform.version or "") if platform is not None and spoken else "",
            contract_id=token.contract_id if token is not None else request.contract_key,
        )

    # --- blocking --------------------------------------------------------------------------------

    async def block(self, owner: PartyId, uid: str, token_type: str, reason: str) -> None:
        """The hub's own block; when this returns the hot set refuses the token."""
        await block_token(self.hub.db, owner, fold(uid), token_type, reason)
        await self.keeper.token_changed(fold(uid), token_type)

    async def unblock(self, owner: PartyId, uid: str, token_type: str) -> None:
        await unblock_token(self.hub.db, owner, fold(uid), token_type)
        await self.keeper.token_changed(fold(uid), token_type)

    # --- recording -------------------------------------------------------------------------------

    def record(self, result: Authorisation, request: AuthoriseRequest) -> Authorisation:
        """The answer with its reference: the issuer's own, else a fresh one where it is ALLOWED."""
        kept = self.note(
            request, result.decision, result.token, result.issuer, self._now(),
            reference=result.reference, contract_id=result.contract_id,
            duration_us=result.duration_us,
        )  # fmt: skip
        return msgspec.structs.replace(result, reference=kept)

    def note(
        self,
        request: AuthoriseRequest,
        decision: Decision,
        token: TokenRecord | None,
        issuer: PartyId | None,
        now_s: float,
        *,
        reference: str | None = None,
        contract_id: str | None = None,
        duration_us: int = 0,
    ) -> str | None:
        """Counts and records one answer; returns the reference it carries, if it carries one."""
        self.counters[decision.allowed.value, decision.reason] += 1
        kept = reference.encode() if reference is not None else self._references.next()
        place, uid = request.place, token.uid if token is not None else request.uid
        row = line(
            text(reference) if reference is not None else kept,
            moment(now_s),
            text(place.location_id if place is not None else None),
            duration_us,
            row_end(request, decision, issuer, uid, contract_id),
        )
        if reference is not None:
            self._log.given(row)
        else:
            self._log(row)
        return kept.decode() if reference is not None or decision.is_allowed else None

    def note_again(self, prepared: Prepared, at: bytes, location: bytes, duration_us: int) -> bytes:
        """`note` for a prepared decision: the reference, to be told where it is ALLOWED."""
        self.counters[prepared.tally] += 1
        reference = self._references.next()
        self._log(line(reference, at, location, duration_us, prepared.row))
        return reference

    def _now(self) -> float:
        return self.hub.clock.now().timestamp()


def hot_key(uid: str, token_type: str) -> str:
    return token_key(fold(uid), token_type)


def emaid_key(contract_id: str) -> str | None:
    """The contract id as contracts are compared, or None when it is no eMAID."""
    found = emaid.normalise(contract_id)
    return found.key if found is not None else None


def _check_type(token_type: str) -> None:
    """It becomes part of a key and of a text column."""
    if len(token_type) > TYPE_CHARS_MAX or not (token_type.isascii() and token_type.isprintable()):
        raise invalid("type", "a TokenType is expected")


def _contract_key(request: AuthoriseRequest) -> str | None:
    return emaid_key(request.uid) if request.type == TokenType.EMAID else None


def _owner(party: PartyId) -> str:
    return party.country_code + party.party_id


def _asks(candidate: Candidate) -> bool:
    return candidate.decision.action is not Action.ANSWER


def _stated_place(issuer: Issuer | None, request: AuthoriseRequest) -> Place:
    demands = issuer is not None and issuer.policy.location_required
    return Place.MISSING if demands and request.place is None else Place.FINE


def _must_look_up_place(issuer: Issuer | None) -> bool:
    return issuer is not None and issuer.policy.location_known
