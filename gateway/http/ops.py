"""For machines: alive, able to serve, and the numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web

from gateway.hub.context import Hub
from gateway.store.database import StoreUnavailable

READY_TIMEOUT_S = 1.0
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def add(app: web.Application, hub: Hub, metrics: Callable[[], bytes]) -> None:
    """Routes /healthz, /readyz and /metrics."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_: web.Request) -> web.Response:
        stores = {
            "postgresql": await _database_answers(hub),
            "redis": hub.hot.reachable,
        }
        missing = [name for name, is_up in stores.items() if not is_up]
        # Without Redis the hub is slower, not wrong: it goes on serving from PostgreSQL.
        is_ready = stores["postgresql"]
        body = {"status": "ready" if is_ready else "not ready", "missing": missing} | {
            "stores": {name: "up" if is_up else "down" for name, is_up in stores.items()}
        }
        return web.Response(
            status=200 if is_ready else 503,
            body=msgspec.json.encode(body),
            content_type="application/json",
        )

    async def show_metrics(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": METRICS_TYPE})

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", show_metrics)


async def _database_answers(hub: Hub) -> bool:
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            await hub.db.fetchval("SELECT 1", timeout_s=READY_TIMEOUT_S)
    except (StoreUnavailable, TimeoutError):
        return False
    return True
