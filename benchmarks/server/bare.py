"""A bare aiohttp application: one route and a dictionary. No credentials, no rules.

Usage: python -m benchmarks.server.bare PORT TOKENS.json
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import uvloop
from aiohttp import web


def application(answers: dict[str, bytes]) -> web.Application:
    async def authorize(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(
            body=answers[request.match_info["uid"]], content_type="application/json"
        )

    app = web.Application()
    app.router.add_post("/ocpi/2.2.1/sender/tokens/{uid}/authorize", authorize)
    return app


async def serve(port: int, answers: dict[str, bytes]) -> None:
    runner = web.AppRunner(application(answers), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    bodies = json.loads(Path(sys.argv[2]).read_text())
    uvloop.run(serve(int(sys.argv[1]), {uid: json.dumps(b).encode() for uid, b in bodies.items()}))
