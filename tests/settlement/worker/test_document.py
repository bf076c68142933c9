"""Documents on a real PostgreSQL: numbered without gaps, each session on exactly one per supply."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from lxml import etree

from settlement.invoice import rule
from settlement.store.archive import (
    documents_of,
    find_document,
    list_blocked,
    list_documents,
    read_document,
    show_document,
)
from settlement.store.document import (
    Issued,
    issue_clearing,
    issue_documents,
    issue_receipts,
    unblock,
)
from settlement.store.verify import verify


async def settled(network, bodies) -> list[int]:
    numbers = await network.add(*bodies)
    await network.worker().drain()
    return numbers


async def assert_gapless(network) -> None:
    assert not await network.rows(
        "SELECT issuer, series FROM document GROUP BY issuer, series, country, kind"
        " HAVING max(sequence) <> count(*) OR count(DISTINCT number) <> count(*)"
    )
    assert not await network.rows(
        "SELECT cdr_no, leg FROM document_order EXCEPT SELECT cdr_no, leg FROM document_session"
    )


async def test_issue_when_settled_then_receipts_and_one_document_for_each_party(
    network, make_cdr, hub, snapshot
):
    numbers = await settled(
        network,
        [
            *(make_cdr(n) for n in range(1, 5)),
            make_cdr(9, country="NO", party="KRN", currency="NOK"),
        ],
    )
    async with network.pool.acquire() as conn:
        done = await issue_documents(conn, {hub.key: hub}, network.clock.at)
        assert (done.taken, done.blocked) == (15, 0)
        assert sorted(done.numbers) == [
            "C-NL-NCO-DE-I000001",
            "C-NL-NCO-NO-I000001",
            "R-DE-ABC-DE-R000001",
            "R-DE-ABC-DE-R000002",
            "R-DE-ABC-DE-R000003",
            "R-DE-ABC-DE-R000004",
            "R-NO-KRN-NO-R000001",
            "S-DE-DPX-NL-S000001",
        ]
        commission = await show_document(conn, await find_document(conn, "C-NL-NCO-DE-I000001"))
        assert commission.line.net_minor == 4 * 30
        assert [number for number, _ in commission.sessions] == numbers[:4]
        share = await show_document(conn, await find_document(conn, "S-DE-DPX-NL-S000001"))
        assert share.line.type_code == "389"
        assert len(await documents_of(conn, numbers[0])) == 3
        before = await snapshot()
        assert await issue_documents(conn, {hub.key: hub}, network.clock.at) == Issued()
        assert await snapshot() == before
    await assert_gapless(network)


async def test_read_when_asked_then_ubl_as_stored_and_pdf_made_once(network, make_cdr, hub):
    (number,) = await settled(network, [make_cdr(1)])
    now = network.clock.at
    async with network.pool.acquire() as conn:
        await issue_receipts(conn, {hub.key: hub}, now)
        (document_id,) = await documents_of(conn, number)
        root = etree.fromstring(await read_document(conn, document_id, "ubl", now))
        assert root.findtext("{*}ID") == "R-DE-ABC-DE-R000001"
        pdf = await read_document(conn, document_id, "pdf", now)
        assert pdf.startswith(b"%PDF")
        assert await read_document(conn, document_id, "pdf", now) == pdf
        assert b"CrossIndustryInvoice" in await read_document(conn, document_id, "cii", now)
        assert await network.value("SELECT count(*) FROM document_rendering") == 2
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await conn.execute("UPDATE document SET number = 'x'")
        with pytest.raises(LookupError, match="no document 99"):
            await read_document(conn, 99, "ubl", now)
        assert [line.document_id for line in await list_documents(conn, party="DE-ABC")] == [
            document_id
        ]


async def test_issue_when_many_at_once_and_some_fail_then_numbers_stay_gapless(
    network, make_cdr, hub
):
    await settled(network, [make_cdr(n) for n in range(1, 25)])

    async def issuer(fails: bool) -> None:
        async with network.pool.acquire() as conn:
            for _ in range(4):
                transaction = conn.transaction()
                await transaction.start()
                await issue_receipts(conn, {hub.key: hub}, network.clock.at, limit=3)
                await (transaction.rollback() if fails else transaction.commit())

    await asyncio.gather(issuer(False), issuer(True), issuer(False), issuer(True))
    async with network.pool.acquire() as conn:
        await issue_documents(conn, {hub.key: hub}, network.clock.at)
        assert (await verify(conn)).is_sound
    assert await network.value("SELECT last FROM invoice_series WHERE series = 'R-DE-ABC'") == 24
    await assert_gapless(network)


async def test_issue_when_a_document_breaks_a_rule_then_its_number_goes_to_the_next(
    network, make_cdr, hub, monkeypatch
):
    await settled(network, [make_cdr(n) for n in range(1, 4)])
    real = rule.refuse_broken

    def picky(invoice):
        if invoice.occasion is not None and invoice.occasion.cdr_id == "DE-ABC/CDR-2":
            raise rule.BrokenRuleError("BR-X", "somebody changed their mind")
        real(invoice)

    async with network.pool.acquire() as conn:
        with monkeypatch.context() as patch:
            patch.setattr(rule, "refuse_broken", picky)
            done = await issue_receipts(conn, {hub.key: hub}, network.clock.at)
        assert done.numbers == ("R-DE-ABC-DE-R000001", "R-DE-ABC-DE-R000002")
        assert done.blocked == 1
        (blocked,) = await list_blocked(conn)
        assert "BR-X" in blocked.blocked
        assert await issue_receipts(conn, {hub.key: hub}, network.clock.at) == Issued()
        assert await unblock(conn) == 1
        again = await issue_receipts(conn, {hub.key: hub}, network.clock.at)
        assert again.numbers == ("R-DE-ABC-DE-R000003",)
        await issue_clearing(conn, {hub.key: hub}, network.clock.at)
    await assert_gapless(network)


async def test_issue_when_credited_then_the_credit_notes_name_what_they_correct(
    network, make_cdr, hub
):
    await settled(network, [make_cdr(1)])
    first = make_cdr(1)
    cost = {name: -value for name, value in first["total_cost"].items()}
    credit = first | {
        "id": "CDR-1-C", "credit": True, "credit_reference_id": "CDR-1", "total_cost": cost,
    }  # fmt: skip
    (credit_no,) = await settled(network, [credit])
    async with network.pool.acquire() as conn:
        done = await issue_documents(conn, {hub.key: hub}, network.clock.at)
        assert done.blocked == 0
        for document_id in await documents_of(conn, credit_no):
            shown = await show_document(conn, document_id)
            assert shown.invoice.preceding is not None
            assert shown.line.type_code in ("381", "261")
        assert len(await documents_of(conn, credit_no)) == 3
    await assert_gapless(network)


async def test_issue_when_the_original_is_blocked_then_its_credit_waits_and_holds_nobody_up(
    network, make_cdr, hub, monkeypatch
):
    first = make_cdr(1)
    await settled(network, [first])
    cost = {name: -value for name, value in first["total_cost"].items()}
    await settled(
        network,
        [first | {"id": "C1", "credit": True, "credit_reference_id": "CDR-1", "total_cost": cost}],
    )
    await settled(network, [make_cdr(2)])

    def refuse_first(invoice):
        if invoice.occasion is not None and invoice.occasion.cdr_id == "DE-ABC/CDR-1":
            raise rule.BrokenRuleError("BR-X", "not today")

    async with network.pool.acquire() as conn:
        with monkeypatch.context() as patch:
            patch.setattr(rule, "refuse_broken", refuse_first)
            done = await issue_receipts(conn, {hub.key: hub}, network.clock.at)
        assert (done.numbers, done.blocked) == (("R-DE-ABC-DE-R000001",), 2)
        assert "not issued yet" in (await list_blocked(conn))[1].blocked
        assert await unblock(conn) == 2
        again = await issue_receipts(conn, {hub.key: hub}, network.clock.at)
        assert again.numbers == ("R-DE-ABC-DE-R000002", "R-DE-ABC-CN-DE-Q000001")
