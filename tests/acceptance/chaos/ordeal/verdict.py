"""The invariants of reliability §9, held against what the clients know."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import asyncpg
from ordeal.cluster import Cluster
from ordeal.nemesis import Done
from ordeal.truth import Block, Client, History, Truth

from gateway.hub.clearing import PARTIES, own_party
from gateway.hub.clearing import _issuers as issuers_of
from gateway.sim.partner import decode
from settlement.store.document import issue_documents
from settlement.store.verify import verify

DRAINED_S = 60.0
BLOCKED_EVERYWHERE_S = 2.0
BLOCKED_HEALTHY_S = 0.1
RECOVERED_S = 4.0  # after a fault has ended, the healthy bound counts again
WAITING = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM delivery)"
SHOWN = 5


async def drained(cluster: Cluster) -> float:
    """How long it took until nothing waited for anybody."""
    began = time.monotonic()
    connection = await asyncpg.connect(cluster.postgres.url)
    try:
        async with asyncio.timeout(DRAINED_S):
            while await connection.fetchval(WAITING):  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(0.05)
    except TimeoutError:
        rows = await connection.fetch("SELECT * FROM delivery LIMIT 5")
        rows += await connection.fetch("SELECT * FROM outbox LIMIT 5")
        raise AssertionError(
            f"I9: not drained within {DRAINED_S} s: {[dict(r) for r in rows]}"
        ) from None
    finally:
        await connection.close()
    return time.monotonic() - began


async def judge(
    cluster: Cluster, client: Client, truth: Truth, faults: list[Done]
) -> tuple[list[str], dict[str, int]]:
    """Violations, and what was counted on the way."""
    connection = await asyncpg.connect(cluster.postgres.url)
    try:
        wrong = [*truth.surprises]
        wrong += await _cdrs_once(connection, truth)
        wrong += await _money(connection, truth)
        wrong += await _documents(connection, cluster)
        settled = await connection.fetchval(
            "SELECT count(*) FROM settlement WHERE state = 'SETTLED'"
        )
        dead = await connection.fetch("SELECT module, id_key, reason FROM delivery_dead")
        wrong += [f"I12: {r['module']} {r['id_key']} was given up: {r['reason']}" for r in dead]
        documents = await connection.fetchval("SELECT count(*) FROM document")
    finally:
        await connection.close()
    wrong += _blocks(truth, faults)
    for gateway in cluster.gateways:
        wrong += await _shown(cluster, client, truth, gateway)
    wrong += _told(cluster, truth)
    return wrong, {"settled": settled, "documents": documents}


async def _cdrs_once(connection: Any, truth: Truth) -> list[str]:
    """I1: acknowledged means present, once, with that body; nothing is there that nobody posted."""
    rows = await connection.fetch("SELECT id_key, body_hash FROM cdr")
    stored = {r["id_key"]: r["body_hash"] for r in rows}
    wrong = []
    if len(stored) != len(rows):
        wrong.append("I1: a CDR is stored twice")
    for record in truth.cdrs.values():
        found = stored.pop(record.cdr_id, None)
        if len(record.acknowledged) > 1:
            wrong.append(f"I1: {record.cdr_id}: two contents were acknowledged")
        if record.acknowledged and found not in record.acknowledged:
            wrong.append(f"I1: {record.cdr_id} was acknowledged, stored is {found!r}")
        if found is not None and found not in record.bodies:
            wrong.append(f"I1: {record.cdr_id} is stored with a body that nobody posted")
    return wrong + [f"I1: {key} was never posted" for key in stored]


async def _money(connection: Any, truth: Truth) -> list[str]:
    """I2: every CDR settled once, legs balanced, the book sound."""
    wrong = []
    book = await verify(connection)
    if not book.is_sound:
        wrong.append(f"I2: the book differs: {book.differences[:SHOWN]}")
    states = dict(
        await connection.fetch(
            "SELECT c.id_key, coalesce(s.state, 'nothing') FROM cdr c LEFT JOIN settlement s USING (cdr_no)"
        )
    )
    held = dict(await connection.fetch("SELECT id_key, reason FROM held JOIN cdr USING (cdr_no)"))
    disputed = {c.cdr_id for c in truth.cdrs.values() if len(c.bodies) > 1}
    for key, state in states.items():
        is_disputed = key in disputed and held.get(key) == "cdr_conflict"
        if state != "SETTLED" and not is_disputed:
            wrong.append(f"I2: {key} is {state}: {held.get(key)}")
    twice = await connection.fetch(
        "SELECT ref ->> 'cdr' AS cdr FROM journal WHERE ref ? 'cdr' GROUP BY 1 HAVING count(*) <> 1"
    )
    wrong += [f"I2: {r['cdr']} was posted more than once" for r in twice]
    entries = await connection.fetchval("SELECT count(*) FROM journal WHERE ref ? 'cdr'")
    settled = sum(state == "SETTLED" for state in states.values())
    if entries != settled:
        wrong.append(f"I2: {entries} postings for {settled} settled CDRs")
    return wrong


async def _documents(connection: Any, cluster: Cluster) -> list[str]:
    """I4: what is still due is issued, then every series runs from 1 without a gap."""
    own = own_party(cluster.settings)
    parties = {r["key"] for r in await connection.fetch(PARTIES)}
    issuers = await issuers_of(connection, parties, own)
    done = await issue_documents(connection, issuers, cluster.settings.clock.now())
    wrong = [f"I4: {done.blocked} orders are blocked"] if done.blocked else []
    gaps = await connection.fetch(
        "SELECT issuer, series, count(*) AS documents, max(sequence) AS last, count(DISTINCT sequence) AS numbers"
        " FROM document GROUP BY issuer, series, country, kind"
        " HAVING max(sequence) <> count(*) OR min(sequence) <> 1"
    )
    wrong += [f"I4: {dict(r)}" for r in gaps]
    missing = await connection.fetchval(
        "SELECT count(*) FROM document_order o LEFT JOIN document_session d USING (cdr_no, leg)"
        " WHERE d.document_id IS NULL"
    )
    return wrong + ([f"I4: {missing} orders stand on no document"] if missing else [])


def _blocks(truth: Truth, faults: list[Done]) -> list[str]:
    """I5, by the clock of whoever asked: a question asked later than that is never ALLOWED."""
    wrong = []
    for block in truth.blocks:
        if block.acknowledged_at is None:
            continue
        late = [p for p in block.probes if p[3] == "ALLOWED" and p[1] > block.acknowledged_at]
        for name, sent, _, _ in late:
            age = sent - block.acknowledged_at
            if age > BLOCKED_EVERYWHERE_S:
                wrong.append(f"I5: {block.uid} ALLOWED at {name} {age:.3f} s after its block")
            elif age > BLOCKED_HEALTHY_S and _is_healthy(faults, block, sent) and _had_run(block, name, sent):  # fmt: skip
                wrong.append(
                    f"I5: {block.uid} ALLOWED at {name} {age:.3f} s after, without a fault"
                )
    return wrong


def _is_healthy(faults: list[Done], block: Block, sent: float) -> bool:
    began = (block.acknowledged_at or 0.0) - 2.0
    return not any(f.began < sent and f.ended + RECOVERED_S > began for f in faults)


def _had_run(block: Block, gateway: str, sent: float) -> bool:
    """That gateway answered something asked after the block: it was not merely without a turn."""
    at = block.acknowledged_at or 0.0
    return any(p[0] == gateway and p[1] > at and p[2] < sent for p in block.probes)


async def _shown(cluster: Cluster, client: Client, truth: Truth, gateway: Any) -> list[str]:
    """I6: the hub's sender interfaces show the last acknowledged state of everything."""
    sessions = await client.all_pages(cluster.emsp, gateway, "sessions")
    tokens = await client.all_pages(cluster.cpo, gateway, "tokens")
    cdrs = await client.all_pages(cluster.emsp, gateway, "cdrs")
    shown = {s["id"]: (s["last_updated"], str(s["kwh"])) for s in sessions}
    wrong = [f"I6: session {x} at {gateway.name}" for x in _differing(truth.sessions, shown)]
    shown = {t["uid"]: (t["last_updated"], str(t.get("visual_number"))) for t in tokens}
    wrong += [f"I6: token {x} at {gateway.name}" for x in _differing(truth.tokens, shown)]
    by_id = {c["id"]: c for c in cdrs}
    for record in truth.acknowledged_cdrs:
        (body,) = (record.bodies[key] for key in list(record.acknowledged)[:1])
        if by_id.get(record.cdr_id) != decode(body):
            wrong.append(f"I6: {record.cdr_id} is not shown as it was acknowledged")
    return wrong


def _differing(histories: list[History], shown: dict[str, tuple[str, str]]) -> list[str]:
    wrong = []
    for history in histories:
        possible = history.possible()
        if possible is not None and shown.get(history.key) not in possible:
            wrong.append(f"{history.key} is {shown.get(history.key)}, acknowledged {history.steps}")
    return wrong


def _told(cluster: Cluster, truth: Truth) -> list[str]:
    """I9: the receivers hold what was acknowledged."""
    emsp, cpo = cluster.emsp, cluster.cpo
    wrong = []
    for record in truth.acknowledged_cdrs:
        (body,) = (record.bodies[key] for key in list(record.acknowledged)[:1])
        if emsp.cdrs.get(record.cdr_id) != decode(body):
            wrong.append(f"I9: the eMSP holds another {record.cdr_id}, or none")
    held = {k: (s.get("last_updated", ""), str(s.get("kwh"))) for k, s in emsp.sessions.items()}
    wrong += [f"I9: the eMSP's session {x}" for x in _differing(truth.sessions, held)]
    held = {k: (t["last_updated"], str(t.get("visual_number"))) for k, t in cpo.tokens.items()}
    wrong += [f"I9: the CPO's token {x}" for x in _differing(truth.tokens, held)]
    return wrong + [
        f"I9: the CPO still holds {b.uid} as valid"
        for b in truth.blocks
        if b.acknowledged_at is not None and cpo.tokens[b.uid]["valid"]
    ]
