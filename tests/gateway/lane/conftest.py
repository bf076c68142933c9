"""The same application served twice: with the lane in front, and by aiohttp alone."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import NamedTuple

import pytest
from aiohttp import web

from gateway.http.lane.hot import Lane
from gateway.http.lane.runner import LaneRunner
from gateway.http.ocpi import routes

PATH = "/ocpi/2.2.1/sender/tokens"
_TIME = re.compile(
    rb'"timestamp":"[^"]*"|"authorization_reference":"[0-9a-f]{32}"|"last_updated":"[^"]*"'
)
_SKIP = {b"date"}


class Answer(NamedTuple):
    status: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Pair:
    """Two ports of one application; `lane` counts what went the short way."""

    def __init__(self, lane: Lane, lane_port: int, plain_port: int, runner: LaneRunner) -> None:
        self.lane = lane
        self.lane_port = lane_port
        self.plain_port = plain_port
        self.runner = runner

    async def talk(self, port: int, chunks: list[bytes], count: int, **options) -> list[Answer]:
        return await talk(port, chunks, count, **options)

    async def both(self, chunks: list[bytes], count: int, **options) -> list[Answer]:
        """The lane's answers, after asserting that aiohttp alone says the same."""
        left, right = await asyncio.gather(
            talk(self.lane_port, chunks, count, **options),
            talk(self.plain_port, chunks, count, **options),
        )
        assert left == right
        return left


async def _listen(stack: AsyncExitStack, runner: web.AppRunner) -> int:
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    return listener.getsockname()[1]


@pytest.fixture
async def pair(node) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        lane = Lane(node.authoriser, version="2.2.1")
        ports, runners = [], []
        for hot in (lane, None):
            app = web.Application(client_max_size=1 << 20)
            routes.add(app, node.hub, node.authoriser)
            runners.append(LaneRunner(app, hot, shutdown_timeout=0.5))
            ports.append(await _listen(stack, runners[-1]))
        yield Pair(lane, ports[0], ports[1], runners[0])


def masked(answer: Answer) -> Answer:
    headers = tuple(sorted((k, v) for k, v in answer.headers if k not in _SKIP))
    body = _TIME.sub(b"*", answer.body)
    headers = tuple(
        (k, b"*" if k == b"content-length" and b"timestamp" in answer.body else v)
        for k, v in headers
    )
    return Answer(answer.status, headers, body)


async def read_answer(reader: asyncio.StreamReader) -> Answer | None:
    """One response, or None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    status, *lines = head[:-4].split(b"\r\n")
    headers = tuple((k.lower(), v.strip()) for k, _, v in (line.partition(b":") for line in lines))
    length = int(dict(headers).get(b"content-length", b"0"))
    return Answer(status, headers, await reader.readexactly(length))


async def talk(
    port: int, chunks: list[bytes], count: int, *, pause_s: float = 0.0, limit_s: float = 8
) -> list[Answer]:
    """Sends the chunks one by one and reads up to `count` answers; the end of the connection ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers: list[Answer] = []

    async def send() -> None:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(pause_s)

    sender = asyncio.create_task(send())
    try:
        async with asyncio.timeout(limit_s):
            while len(answers) < count:
                answer = await read_answer(reader)
                if answer is None:
                    answers.append(Answer(b"closed", (), b""))
                    break
                answers.append(masked(answer))
    except (ConnectionResetError, TimeoutError) as error:
        answers.append(Answer(type(error).__name__.encode(), (), b""))
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        writer.close()
    return answers


Ask = Callable[..., bytes]


@pytest.fixture
def ask(authorization) -> Ask:
    """One authorise request as bytes."""

    def build(
        uid: str = "ALWAYS1", *, token: str = "cpo-token", body: bytes = b"", query: str = "",
        headers: dict[str, str] | None = None, method: str = "POST", path: str | None = None,
    ) -> bytes:  # fmt: skip
        lines = {"Host": "hub", "Authorization": authorization(token)} | (headers or {})
        if body or method == "POST":
            lines["Content-Length"] = str(len(body))
        head = "".join(f"{k}: {v}\r\n" for k, v in lines.items())
        target = path if path is not None else f"{PATH}/{uid}/authorize{query}"
        return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body

    return build


@pytest.fixture
async def town(world, node, issuers) -> Callable[[], Awaitable[None]]:
    """Two CPOs, an issuer that answers, and tokens of every kind; warm in the hot set."""
    issuer, url = await issuers()
    issuer.answer = {"allowed": "NO_CREDIT"}
    await world.platform("DE-CPO", "CPO", token="cpo-token")
    await world.platform("DE-CPQ", "CPO", token="suspended-cpo", state="SUSPENDED")
    await world.platform("NL-MSP", "EMSP", token="msp-token", url=url)
    await world.platform("NL-GON", "EMSP", token="gone-token", connection="OFFLINE")
    for uid, fields in {
        "ALWAYS1": {},
        "ALLOWED1": {"whitelist": "ALLOWED", "visual_number": "Grüße \u2603"},
        "OFFLINE1": {"whitelist": "ALLOWED_OFFLINE"},
        "NEVER1": {"whitelist": "NEVER"},
        "INVALID1": {"valid": False},
        "BLOCKED1": {},
        "APP1": {"type": "APP_USER"},
    }.items():
        await world.token("NL-MSP", uid, **fields)
    await world.token("NL-GON", "GONE1")
    await world.token("NL-GON", "GONE2", whitelist="ALLOWED_OFFLINE")
    await node.authoriser.block(world_party("NL-MSP"), "BLOCKED1", "RFID", "stolen")
    issuer.platforms = world
    return issuer


def world_party(text: str):
    from ocpi.model.party import parse_party

    return parse_party(text)


@pytest.fixture
def warm(pair, town, ask):
    """Asks for everything once, so that memory knows it."""

    async def run() -> None:
        for uid in 2 * ("ALWAYS1", "ALLOWED1", "INVALID1", "BLOCKED1", "GONE1", "GONE2", "NEVER1"):
            await talk(pair.plain_port, [ask(uid)], 1)
        for _ in range(2):  # the second time it comes back from Redis and stays
            await talk(pair.plain_port, [ask("APP1", query="?type=APP_USER")], 1)

    return run
