"""Workers are killed in the middle of their work; nothing is lost, nothing is doubled.

What was handed over is known from this side of the database (reliability.md §11); the run counts
only if every kill met a worker at work.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path

from settlement.store.document import issue_documents
from settlement.store.verify import verify

SESSIONS = 240
KILLS = 4
SEED = 20_261_120
PROCESS = Path(__file__).with_name("process.py")
REPO = Path(__file__).resolve().parents[3]


async def start(url: str, batch: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(PROCESS), url, str(batch), cwd=REPO, stderr=asyncio.subprocess.PIPE
    )


async def wait_for_progress(network, since: int) -> None:
    async with asyncio.timeout(30):
        while (  # noqa: ASYNC110 - the progress is in another process
            await network.value("SELECT count(*) FROM settlement") <= since
        ):
            await asyncio.sleep(0.002)


async def test_worker_when_killed_at_random_then_a_drain_leaves_every_cdr_settled_once(
    network, make_cdr, hub, database_url
):
    rng = random.Random(SEED)
    bodies = {
        f"DE-ABC/CDR-{n}": make_cdr(n, kwh=str(2 * rng.randint(1, 30))) for n in range(SESSIONS)
    }
    handed_over = {
        key: hashlib.sha256(json.dumps(body).encode()).digest() for key, body in bodies.items()
    }
    await network.add(*bodies.values())
    at_work = 0
    for _ in range(KILLS):
        done = await network.value("SELECT count(*) FROM settlement")
        process = await start(database_url, rng.randint(2, 5))
        await wait_for_progress(network, done)
        await asyncio.sleep(rng.random() * 0.06)
        busy = await network.value(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'doomed' AND datname = current_database()"
            " AND state <> 'idle'"
        )
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.communicate()
        left = await network.value("SELECT count(*) FROM outbox")
        at_work += bool(busy and left)
    assert at_work >= 2, "the kills met nobody at work: this run proved nothing"
    assert 0 < await network.value("SELECT count(*) FROM settlement") < SESSIONS

    # the server may need a moment to notice that its clients are gone and to free their claims
    async with asyncio.timeout(10):
        while await network.value("SELECT count(*) FROM outbox"):
            await network.worker().drain()
    async with network.pool.acquire() as conn:
        done = await issue_documents(conn, {hub.key: hub}, network.clock.at)
        assert done.blocked == 0
        found = await verify(conn)
        assert found.differences == ()  # I2: balances, chain, payables, series
    stored = dict(
        await network.rows(
            "SELECT country_code || '-' || party_id || '/' || id_key, body_hash FROM cdr"
        )
    )
    assert stored == handed_over  # I1
    assert await network.rows(
        "SELECT state, count(*), count(DISTINCT cdr_no) FROM settlement GROUP BY state"
    ) == [("SETTLED", SESSIONS, SESSIONS)]
    assert await network.value("SELECT count(*) FROM journal") == SESSIONS
    per_cdr = await network.rows(
        "SELECT ref ->> 'cdr', count(*) FROM journal GROUP BY 1 HAVING count(*) <> 1"
    )
    assert per_cdr == []
    gross = sum(round(body["total_cost"]["incl_vat"] * 100) for body in bodies.values())
    assert gross == await network.value(
        "SELECT posted FROM balance JOIN account USING (account_id) WHERE name = 'receivable:DE-DPX:EUR'"
    )
    # I4: each CDR on exactly one document per supply, numbers without gaps
    assert await network.value("SELECT count(*) FROM document_session") == 3 * SESSIONS
    assert (
        await network.value("SELECT last FROM invoice_series WHERE series = 'R-DE-ABC'") == SESSIONS
    )
