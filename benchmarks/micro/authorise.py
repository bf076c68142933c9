"""CPU per authorise request: the hot lane, the ordinary path, and a bare aiohttp application.

Each server is a process of its own on uvloop; the figures are its own CPU time (user and system)
by the number of answers. `floor` parses nothing and answers fixed bytes: what is left is the
kernel and uvloop, which nobody can save. Run: `python -m benchmarks.micro.authorise`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

TOKENS = 512
CONNECTIONS = 32
BODY = b'{"location_id":"LOC1","evse_uids":["3256"]}'
CPO_TOKEN = "benchmark-cpo-token"
TICKS = os.sysconf("SC_CLK_TCK")


def request_bytes(number: int) -> bytes:
    authorization = base64.b64encode(CPO_TOKEN.encode()).decode()
    return (
        f"POST /ocpi/2.2.1/sender/tokens/TOKEN{number:08d}/authorize?type=RFID HTTP/1.1\r\n"
        f"Host: hub.example\r\nAuthorization: Token {authorization}\r\n"
        "Content-Type: application/json\r\n"
        f"X-Request-ID: 0b8f1d0e-{number:012d}\r\nX-Correlation-ID: 7c1a66de-{number:012d}\r\n"
        "OCPI-from-country-code: DE\r\nOCPI-from-party-id: CPO\r\n"
        "User-Agent: bench\r\nAccept: */*\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    ).encode() + BODY


async def seed(db: Any) -> None:
    from gateway.hub.seal import token_hash

    for party, role in (("CPO", "CPO"), ("MSP", "EMSP")):
        platform = await db.fetchval(
            "INSERT INTO platform (name, kind, state, connection, version)"
            " VALUES ($1, 'ocpi', 'REGISTERED', 'CONNECTED', '2.2.1') RETURNING platform_id",
            party,
        )
        await db.execute(
            "INSERT INTO party (country_code, party_id, role, platform_id, name)"
            " VALUES ('DE', $1, $2, $3, $1)",
            party, role, platform,
        )  # fmt: skip
        await db.execute(
            "INSERT INTO credential (platform_id, direction, kind, token_hash)"
            " VALUES ($1, 'IN', 'C', $2)",
            platform, token_hash(CPO_TOKEN if party == "CPO" else party),
        )  # fmt: skip
    for number in range(TOKENS):
        uid = f"TOKEN{number:08d}"
        body = json.dumps({
            "country_code": "DE", "party_id": "MSP", "uid": uid, "type": "RFID",
            "contract_id": f"DE8ACC{number:08d}X", "visual_number": f"DF000-{number:08d}",
            "issuer": "TheNewMotion", "group_id": "DF000-2001-8999", "valid": True,
            "whitelist": "ALWAYS", "language": "it", "default_profile_type": "GREEN",
            "energy_contract": {"supplier_name": "Energy eG", "contract_id": "0123456789"},
            "last_updated": "2026-11-01T22:39:09Z",
        }).encode()  # fmt: skip
        await db.execute(
            "INSERT INTO token (country_code, party_id, id_key, type, version, body, body_hash,"
            " last_updated, contract_key, valid, whitelist)"
            " VALUES ('DE', 'MSP', $1, 'RFID', '2.2.1', $2, '', now(), $3, true, 'ALWAYS')",
            uid, body, f"DE8ACC{number:08d}X",
        )  # fmt: skip


async def _bare_app() -> web.Application:
    answer = b'{"data":' + b"x" * 500 + b',"status_code":1000,"timestamp":"2026-11-21T00:00:00Z"}'

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=answer, content_type="application/json")

    app = web.Application()
    app.router.add_post("/ocpi/2.2.1/sender/tokens/{uid}/authorize", handle)
    return app


class Floor(asyncio.Protocol):
    """Fixed bytes for whatever comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n" + b"x" * 600 if data else b""
        )


async def child(mode: str) -> None:
    """One server; prints its port, ends with its standard input."""
    from gateway import wiring
    from gateway.http.app import build
    from gateway.http.lane.hot import Lane
    from gateway.http.lane.runner import LaneRunner
    from gateway.settings import load_here

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    async with AsyncExitStack() as stack:
        if mode == "floor":
            runner: Any = None
            await asyncio.get_running_loop().create_server(Floor, sock=listener)
        elif mode == "bare":
            runner = web.AppRunner(await _bare_app(), access_log=None)
        else:
            assembly = await stack.enter_async_context(wiring.open_hub(load_here()))
            await stack.enter_async_context(wiring.working(assembly))
            lane = Lane(assembly.authoriser, version="2.2.1") if mode == "lane" else None
            runner = LaneRunner(build(assembly.hub, assembly.authoriser), lane)
        if runner is not None:
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.SockSite(runner, listener).start()
        print(f"port={listener.getsockname()[1]}", flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # a log nobody reads would stop the server
        await asyncio.to_thread(sys.stdin.read)


class Client(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it is answered."""

    def __init__(self, left: list[int], done: asyncio.Event, offset: int) -> None:
        self._left, self._done, self._at = left, done, offset
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._send()

    def _send(self) -> None:
        if self._left[0] <= 0:
            self._done.set()
            return
        self._left[0] -= 1
        self._at = (self._at + 1) % TOKENS
        self._transport.write(REQUESTS[self._at])

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        start = self._buffer.find(b"Content-Length: ") + 16
        whole = head + 4 + int(self._buffer[start : self._buffer.find(b"\r\n", start)])
        if len(self._buffer) >= whole:
            assert self._buffer.startswith(b"HTTP/1.1 200"), self._buffer[:200]
            self._buffer = self._buffer[whole:]
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._done.set()


REQUESTS = [request_bytes(n) for n in range(TOKENS)]


async def load(port: int, count: int) -> None:
    left, loop = [count], asyncio.get_running_loop()
    events = [asyncio.Event() for _ in range(CONNECTIONS)]
    pairs = [
        await loop.create_connection(lambda i=i: Client(left, events[i], i * 16), "127.0.0.1", port)
        for i in range(CONNECTIONS)
    ]
    for event in events:
        await event.wait()
    for transport, _ in pairs:
        transport.close()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure(servers: dict[str, Any], count: int, rounds: int) -> dict[str, float]:
    figures: dict[str, list[float]] = {mode: [] for mode in servers}
    for _ in range(rounds):
        for mode, (process, port) in servers.items():
            uvloop.run(load(port, count // 10))
            before = cpu_s(process.pid)
            uvloop.run(load(port, count))
            figures[mode].append((cpu_s(process.pid) - before) / count * 1e6)
    return {mode: statistics.median(values) for mode, values in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--child")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.child:
        uvloop.run(child(options.child))
        return
    from gateway.embedded import start_stores
    from gateway.settings import environment_of
    from gateway.settings import load as load_settings
    from gateway.store.database import Database
    from gateway.store.migrate import migrate

    with tempfile.TemporaryDirectory(prefix="ncb-") as text:
        folder = Path(text)
        settings = load_settings({"NETWORKCORE_DATA_DIR": text}, folder)
        stores = start_stores(settings)
        servers: dict[str, Any] = {}
        try:

            async def prepare() -> None:
                db = await Database.open(stores.database_url, size=2)
                await migrate(db)
                await seed(db)
                await db.close()

            asyncio.run(prepare())
            environment = environment_of(settings) | {
                "NETWORKCORE_DATABASE_URL": stores.database_url,
                "NETWORKCORE_REDIS_URL": stores.redis_url,
            }
            for mode in ("floor", "lane", "ordinary", "bare"):
                process = subprocess.Popen(
                    [sys.executable, "-m", "benchmarks.micro.authorise", "--child", mode],
                    env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )  # fmt: skip
                assert process.stdout is not None
                line = next(text for text in process.stdout if text.startswith(b"port="))
                servers[mode] = (process, int(line.removeprefix(b"port=")))
            found = measure(servers, options.count, options.rounds)
            report = {f"{mode}_cpu_us": round(us, 1) for mode, us in found.items()} | {
                "lane_against_ordinary": round(found["ordinary"] / found["lane"], 2),
                "lane_against_bare_aiohttp": round(found["bare"] / found["lane"], 2),
                "lane_against_bare_aiohttp_above_floor": round(
                    (found["bare"] - found["floor"]) / (found["lane"] - found["floor"]), 2
                ),
            }
            print(json.dumps(report, indent=1))
        finally:
            for process, _ in servers.values():
                process.stdin.close()
                process.wait(20)
            stores.stop()


if __name__ == "__main__":
    main()
