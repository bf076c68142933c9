"""Nobody talks the hub into calling itself or its neighbours (reliability §5.1)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.hub.context import Failure, OutboundCall
from gateway.push import guard
from gateway.push.client import PeerClient
from gateway.push.guard import Address, GuardPolicy, GuardResolver, UrlRefused, check_url
from gateway.settings import Clock

PUBLIC = GuardPolicy()
PRIVATE = GuardPolicy(allow_private=True, own_origins=frozenset({"http://127.0.0.1:8000"}))
SHARED = (
    Path(__file__).resolve().parents[3].parent / "shared" / "data" / "hostile" / "ssrf_urls.txt"
)

REFUSED = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.9",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.1.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001::1",
    "2001:db8::1",
    "2001:2::1",
    "2620:4f:8000::1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
ALLOWED = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "172.32.0.1",
    "2606:4700::1111",
    "2a00:1450::1",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("text", REFUSED)
def test_is_public_when_the_address_is_special_then_false(text: str) -> None:
    assert not guard.is_public(ip_address(text))


@pytest.mark.parametrize("text", ALLOWED)
def test_is_public_when_the_address_is_on_the_internet_then_true(text: str) -> None:
    assert guard.is_public(ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        "https://ocpi.example.com/versions",
        "https://a.b.example:8443/x?y=1",
        "https://8.8.8.8/",
        "https://xn--bcher-kva.example/",
    ],
)
def test_check_url_when_ordinary_then_given_back_as_it_was(url: str) -> None:
    assert str(check_url(PUBLIC, url)) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "https://example.com:22/", "https://u:p@example.com/",
        "https://user@example.com/", "https://127.0.0.1\\@example.com/", "https://example.com#@127.0.0.1/",
        "https://[::1]/", "https://localhost/", "https://intranet/", "https://127.1/", "https://0x7f.1/",
        "https://2130706433/", "https://bücher.example/", "https://ex ample.com/", "https:///versions",
        "https://[fe80::1%25lo]/", "//example.com/", "", "https://" + "a" * 3000, "https://exa%6dple.com/",
    ],
)  # fmt: skip
def test_check_url_when_odd_then_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        check_url(PUBLIC, url)


def test_check_url_when_private_peers_are_allowed_then_loopback_but_no_metadata_and_not_itself() -> (
    None
):
    check_url(PRIVATE, "http://127.0.0.1:1234/versions")
    check_url(PRIVATE, "http://localhost:1234/versions")
    check_url(PRIVATE, "http://172.18.0.3/versions")
    for url in (
        "http://169.254.169.254/",
        "http://[fe80::1]/",
        "http://0.0.0.0/",
        "http://127.0.0.1:8000/ocpi/versions",
    ):
        with pytest.raises(UrlRefused):
            check_url(PRIVATE, url)


class Names(GuardResolver):
    """A DNS of our own: each answer in turn, the last one for ever."""

    def __init__(self, policy: GuardPolicy, *answers: str) -> None:
        super().__init__(policy)
        self._answers = list(answers)
        self.asked = 0

    async def look_up(self, host: str, port: int) -> Iterable[Address]:
        self.asked += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer == "hang":
            await asyncio.sleep(60)
        return [ip_address(a) for a in answer.split(",")]


class Canary:
    def __init__(self) -> None:
        self.hits = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hits += 1
        writer.close()


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    one = Canary()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    server.close()
    await server.wait_closed()


def client(policy: GuardPolicy, resolver: GuardResolver | None = None) -> PeerClient:
    return PeerClient(policy=policy, clock=Clock(), record=lambda _: None, resolver=resolver)


@pytest.mark.shared
async def test_hostile_urls_when_called_then_the_canary_is_never_hit(canary: Canary) -> None:
    if not SHARED.exists():
        pytest.skip("the data folder is not beside the project")
    lines = SHARED.read_text(encoding="utf-8").split("\n")[1:]
    urls = [
        line.partition("  #")[0].replace("{PORT}", str(canary.port))
        for line in lines
        if line.strip()
    ]
    assert len(urls) > 100
    for answers in (("127.0.0.1",), ("8.8.8.8,127.0.0.1",), ("10.0.0.1",), ("::1",)):
        one = client(PUBLIC, Names(PUBLIC, *answers))
        replies = await asyncio.gather(
            *(one.send(OutboundCall(method="GET", url=url, timeout_s=2)) for url in urls)
        )
        assert {r.failure for r in replies} <= {
            Failure.REFUSED_URL,
            Failure.UNREACHABLE,
            Failure.TIMEOUT,
        }
        assert all(r.body == b"" for r in replies)
        await one.close()
    assert canary.hits == 0


async def test_resolve_when_the_second_answer_is_private_then_it_is_not_connected_to(
    canary: Canary,
) -> None:
    policy = GuardPolicy(ports=frozenset({443, canary.port}))
    names = Names(policy, "8.8.8.8", "127.0.0.1")
    await names.resolve("rebind.example", 443)
    with pytest.raises(OSError, match="no allowed address"):
        await names.resolve("rebind.example", 443)
    one = client(policy, names)
    reply = await one.send(
        OutboundCall(method="GET", url=f"https://rebind.example:{canary.port}/", timeout_s=2)
    )
    assert reply.failure is Failure.UNREACHABLE
    assert canary.hits == 0
    await one.close()


async def test_send_when_dns_hangs_then_a_timeout_within_the_deadline() -> None:
    one = client(PUBLIC, Names(PUBLIC, "hang"))
    started = asyncio.get_running_loop().time()
    reply = await one.send(OutboundCall(method="GET", url="https://slow.example/", timeout_s=0.3))
    assert reply.failure is Failure.TIMEOUT
    assert asyncio.get_running_loop().time() - started < 1
    await one.close()


@pytest.fixture
async def peer() -> AsyncIterator[str]:
    async def big(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(200):
            await answer.write(b"x" * 65536)
        return answer

    async def away(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(request.query["to"])

    async def echo(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.method} {await request.text()}")

    async def drip(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b" ")
            await asyncio.sleep(0.05)

    app = web.Application()
    for name, handler in (
        ("big", big),
        ("away", away),
        ("echo", echo),
        ("echo/", echo),
        ("drip", drip),
    ):
        app.router.add_route("*", f"/{name}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    await web.SockSite(runner, sock).start()
    yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    await runner.cleanup()


async def test_send_when_the_answer_is_endless_or_slow_then_cut_off(peer: str) -> None:
    one = client(PRIVATE)
    assert (
        await one.send(OutboundCall(method="GET", url=f"{peer}/big"))
    ).failure is Failure.TOO_LARGE
    drip = await one.send(OutboundCall(method="GET", url=f"{peer}/drip", timeout_s=0.4))
    assert drip.failure is Failure.TIMEOUT
    await one.close()


async def test_send_when_redirected_then_only_on_the_same_origin(peer: str, canary: Canary) -> None:
    one = client(PRIVATE)
    call = OutboundCall(method="POST", url=f"{peer}/away?to=/echo/", body=b"{}")
    assert (await one.send(call)).body == b"POST {}"
    for target in (
        f"http://127.0.0.1:{canary.port}/",
        f"//127.0.0.1:{canary.port}/",
        "http://localhost/",
    ):
        reply = await one.send(OutboundCall(method="GET", url=f"{peer}/away?to={target}"))
        assert reply.http_status == 307
    assert canary.hits == 0
    await one.close()


async def test_breaker_when_a_partner_fails_then_it_is_left_alone_and_tried_again(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr("gateway.push.gate.OPEN_S", 0.2)
    one = client(PRIVATE)
    dead = OutboundCall(method="GET", url="http://127.0.0.1:1/", platform_id=7)
    for _ in range(5):
        assert (await one.send(dead)).failure is Failure.UNREACHABLE
    assert (await one.send(dead)).failure is Failure.BUSY
    await asyncio.sleep(0.25)
    assert (await one.send(dead)).failure is Failure.UNREACHABLE, "one probe"
    assert (await one.send(dead)).failure is Failure.BUSY
    other = OutboundCall(method="GET", url="http://127.0.0.1:1/", platform_id=8)
    assert (await one.send(other)).failure is Failure.UNREACHABLE, "another partner is not held up"
    await one.close()


async def test_gate_when_a_partner_hangs_then_calls_wait_bounded(
    peer: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr("gateway.push.gate.WAITING_MAX", 4)
    one = client(PRIVATE)
    call = OutboundCall(method="GET", url=f"{peer}/drip", platform_id=7, timeout_s=0.5)
    replies = await asyncio.gather(*(one.send(call) for _ in range(30)))
    kinds = [r.failure for r in replies]
    assert kinds.count(Failure.BUSY) == 30 - 8 - 4
    assert kinds.count(Failure.TIMEOUT) == 12
    await one.close()


async def test_rate_when_noted_for_a_partner_then_its_calls_are_spread(peer: str) -> None:
    one = client(PRIVATE)
    call = OutboundCall(method="GET", url=f"{peer}/echo", platform_id=7, rate_per_s=10)
    started = asyncio.get_running_loop().time()
    replies = await asyncio.gather(*(one.send(call) for _ in range(14)))
    assert {r.http_status for r in replies} == {200}
    assert asyncio.get_running_loop().time() - started > 0.25
    await one.close()
