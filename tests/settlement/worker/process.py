"""A settlement worker as a process of its own, so that a test can kill it: URL, batch size."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path

import asyncpg


async def main(url: str, batch: int) -> None:
    spec = importlib.util.spec_from_file_location("net", Path(__file__).with_name("conftest.py"))
    net = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(net)
    async with asyncpg.create_pool(
        url, min_size=1, max_size=2, server_settings={"application_name": "doomed"}
    ) as pool:
        worker = net.Network(pool).worker(batch=batch)
        await worker.run_forever(asyncio.Event(), poll_s=0.01)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
