"""CDR ingest the usual way: one transaction per request, the same checks, the same table.

Usage: python -m benchmarks.server.onetx PORT DATABASE_URL
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sys

import asyncpg
import uvloop
from aiohttp import web

from ocpi.wire import codec

INSERT = """
WITH i AS (
INSERT INTO cdr (country_code, party_id, id_key, version, body, body_hash, last_updated, url_key, session_key,
                 token_country, token_party, token_uid, started_at, ended_at, currency)
VALUES ($1, $2, $3, '2.2.1', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (country_code, party_id, id_key) DO NOTHING RETURNING cdr_no)
INSERT INTO outbox (topic, key) SELECT 'bench', cdr_no::text FROM i
"""


async def serve(port: int, url: str) -> None:
    pool = await asyncpg.create_pool(url, min_size=8, max_size=16)

    async def post(request: web.Request) -> web.Response:
        raw = await request.read()
        cdr = codec.decode("2.2.1", "cdr", raw)
        async with pool.acquire() as conn, conn.transaction():
            await conn.execute(
                INSERT, cdr.country_code.upper(), cdr.party_id.upper(), cdr.id.upper(), raw,
                hashlib.sha256(raw).digest(), cdr.last_updated, secrets.token_urlsafe(18), cdr.session_id,
                cdr.cdr_token.country_code, cdr.cdr_token.party_id, cdr.cdr_token.uid,
                cdr.start_date_time, cdr.end_date_time, cdr.currency,
            )  # fmt: skip
        return web.Response(
            status=201, body=b'{"status_code":1000}', content_type="application/json"
        )

    app = web.Application()
    app.router.add_post("/cdrs", post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
