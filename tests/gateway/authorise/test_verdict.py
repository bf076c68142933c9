"""The decision, held against an oracle written in other words, over every combination there is."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.hub.authorise.verdict import (
    CONCLUSIONS,
    VERDICTS,
    Action,
    Allowed,
    Contract,
    Facts,
    Place,
    Reply,
    Standing,
    TokenFacts,
    Whitelist,
    conclude,
    decide,
)

NOW = 1_800_000_000.0
TOKENS = {
    "valid": lambda w: TokenFacts(True, w),
    "unexpired": lambda w: TokenFacts(True, w, "", int(NOW) + 1),
    "invalid": lambda w: TokenFacts(False, w),
    "blocked": lambda w: TokenFacts(True, w, "stolen"),
    "expired": lambda w: TokenFacts(True, w, "", int(NOW)),
    "unknown": lambda _: None,
    "unreadable": lambda _: None,
}
WHITELISTS = (*[w.value for w in Whitelist], "SOMETHING_NEWER")


def every_case():
    for requester, open_, issuer, token, contract, place, whitelist, known in product(
        Standing, (True, False), Standing, TOKENS, Contract, Place, WHITELISTS, (True, False)
    ):
        facts = Facts(
            token=TOKENS[token](whitelist),
            readable=token != "unreadable",
            requester=requester,
            issuer=issuer,
            relation_open=open_,
            issuer_known=known,
            contract=contract,
            place=place,
        )
        yield facts, token, whitelist


def test_decide_when_every_combination_is_tried_then_there_is_no_hole_and_the_oracle_agrees() -> (
    None
):
    seen: set[str] = set()
    count = 0
    for facts, token, whitelist in every_case():
        decision = decide(facts, NOW)
        seen.add(decision.reason)
        count += 1
        may_proceed = (
            facts.requester not in (Standing.SUSPENDED, Standing.ABSENT)
            and facts.relation_open
            and facts.contract in (Contract.NONE, Contract.ACTIVE)
            and facts.place is Place.FINE
        )
        usable = token in ("valid", "unexpired")
        issuer_there = facts.issuer in (Standing.CONNECTED, Standing.OFFLINE)
        expected_allowed = (
            may_proceed
            and usable
            and issuer_there
            and (
                whitelist in ("ALWAYS", "ALLOWED")
                or (whitelist == "ALLOWED_OFFLINE" and facts.issuer is Standing.OFFLINE)
            )
        )
        assert decision.is_allowed == expected_allowed, (facts, decision)
        asks = decision.action is not Action.ANSWER
        expected_ask = may_proceed and (
            (
                usable
                and facts.issuer is Standing.CONNECTED
                and whitelist in ("ALLOWED_OFFLINE", "NEVER", "SOMETHING_NEWER")
            )
            or (
                token == "unknown"
                and (not facts.issuer_known or facts.issuer is Standing.CONNECTED)
            )
        )
        assert asks == expected_ask, (facts, decision)
        if asks or decision.ocpi_status != 1000:
            assert decision.allowed is not Allowed.ALLOWED
        if facts.requester in (Standing.SUSPENDED, Standing.ABSENT):
            assert decision.reason == "requester-suspended"
        elif not facts.relation_open:
            assert decision.reason == "no-relation"
        elif facts.contract is Contract.CANCELLED:
            assert decision.allowed is Allowed.BLOCKED
    assert count == 4 * 2 * 4 * 7 * 4 * 4 * 5 * 2
    assert seen == {outcome.reason for *_, outcome in VERDICTS}, "a row that nothing reaches"


@pytest.mark.parametrize(
    ("token", "allowed", "reason"),
    [
        ("blocked", Allowed.BLOCKED, "token-blocked"),
        ("invalid", Allowed.BLOCKED, "token-invalid"),
        ("expired", Allowed.EXPIRED, "token-expired"),
    ],
)
@pytest.mark.parametrize("whitelist", WHITELISTS)
def test_decide_when_the_token_is_unusable_then_no_whitelist_helps(
    token, allowed, reason, whitelist
) -> None:
    decision = decide(Facts(token=TOKENS[token](whitelist)), NOW)
    assert (decision.allowed, decision.reason, decision.ocpi_status) == (allowed, reason, 1000)


def test_decide_when_the_last_second_has_come_then_the_token_has_expired() -> None:
    facts = Facts(token=TokenFacts(True, "ALWAYS", "", int(NOW)))
    assert decide(facts, NOW - 0.001).is_allowed
    assert decide(facts, NOW).allowed is Allowed.EXPIRED


@pytest.mark.parametrize("whitelist", [*WHITELISTS, None])
@pytest.mark.parametrize("reply", [r for r in Reply if r is not Reply.ANSWERED])
def test_conclude_when_there_is_no_verdict_then_only_allowed_offline_may_charge(
    reply, whitelist
) -> None:
    decision = conclude(reply, whitelist, None)
    falls_back = whitelist == "ALLOWED_OFFLINE" and reply in (
        Reply.SILENT,
        Reply.UNREACHABLE,
        Reply.BROKEN,
    )
    assert decision.is_allowed == falls_back
    assert decision.action is Action.ANSWER
    if not falls_back:
        assert decision.ocpi_status != 1000


@pytest.mark.parametrize(
    ("reply", "status", "http"),
    [
        (Reply.UNKNOWN_TOKEN, 2004, 404),
        (Reply.LOCATION_NEEDED, 2002, 200),
        (Reply.LOCATION_UNKNOWN, 2003, 200),
        (Reply.SILENT, 4002, 200),
        (Reply.UNREACHABLE, 4003, 200),
        (Reply.BROKEN, 4000, 200),
    ],
)
def test_conclude_when_the_issuer_gives_no_verdict_then_the_status_says_which(
    reply, status, http
) -> None:
    decision = conclude(reply, "NEVER", None)
    assert (decision.ocpi_status, decision.http_status) == (status, http)


@pytest.mark.parametrize("allowed", [a.value for a in Allowed])
def test_conclude_when_the_issuer_answers_then_its_verdict_stands_even_against_its_whitelist(
    allowed,
) -> None:
    for whitelist in (*WHITELISTS, None):
        decision = conclude(Reply.ANSWERED, whitelist, allowed)
        assert (decision.allowed, decision.source) == (allowed, "issuer")
        assert decision.ocpi_status == 1000


@pytest.mark.parametrize("allowed", [None, "", "allowed", "MAYBE", "ALLOWED "])
def test_conclude_when_the_answer_is_no_known_word_then_it_is_a_refusal(allowed) -> None:
    assert conclude(Reply.ANSWERED, "ALWAYS", allowed).allowed is Allowed.NOT_ALLOWED


def test_conclusions_when_read_then_every_reply_has_a_row() -> None:
    rows = {
        r
        for replies, *_ in CONCLUSIONS
        for r in (replies if isinstance(replies, tuple) else (replies,))
    }
    assert rows | {Reply.ANSWERED} == set(Reply)
