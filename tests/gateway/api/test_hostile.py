"""Whatever comes in: a problem that says what was wrong, no 5xx, nothing half-written."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Iterable
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

pytestmark = pytest.mark.shared
KOELN = {
    "country_code": "DE", "party_id": "RHE", "location_id": "KOELN-DOM", "evse_uid": "KOELN-DOM-1",
}  # fmt: skip
BODIES = {
    "/quotes": KOELN | {"energy_kwh": "10", "duration_s": 60, "start": None},
    "/sessions": KOELN | {"contract_id": "C1", "language": "de"},
    "/tokens/UID": {"contract_id": "C1", "visual_number": "1", "valid": True},
    "/admin/partners": {"role": "CPO", "country_code": "SE", "party_id": "NEW", "name": "N", "address": {"street": "s"}},
}  # fmt: skip
AT_ONCE = 12
LINE_MAX = 60_000


async def all_of(calls: Iterable[tuple[Any, Awaitable[Any]]]) -> list[tuple[Any, Any]]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(what: Any, call: Awaitable[Any]) -> tuple[Any, Any]:
        async with gate:
            return what, await call

    return await asyncio.gather(*(one(what, call) for what, call in calls))


def check(what: Any, answer: Any) -> None:
    assert answer.status < 500, (what, answer.status, answer.raw)
    if answer.status >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json", (what, answer.raw)
        assert answer.body["status"] == answer.status
        assert answer.body["detail"], what
        assert answer.body["detail"].isprintable()


def send(hub: Any, path: str, raw: bytes) -> Awaitable[Any]:
    token = hub.settings.admin_token if "admin" in path else None
    method = "PUT" if path.startswith("/tokens") else "POST"
    return hub.call(method, path, raw=raw, token=token)


async def test_bodies_when_not_json_then_400_and_when_json_of_another_shape_then_422(
    hub, hostile
) -> None:
    suite = {n: base64.b64decode(t) for n, t in hostile.json("jsontestsuite.json").items()}
    assert len(suite) == 318
    calls = [((path, name), send(hub, path, raw)) for path in BODIES for name, raw in suite.items()]
    for (path, name), answer in await all_of(calls):
        check((path, name), answer)
        expected = {"y": {422}, "n": {400}, "i": {400, 422}}[name[0]]
        assert answer.status in expected, (path, name, answer.status)
    assert await hub.db.fetchval("SELECT count(*) FROM charge") == 0
    assert await hub.db.fetchval("SELECT count(*) FROM idempotency") == 0


async def test_fields_when_hostile_then_no_5xx_and_the_field_is_named(living, hostile) -> None:
    texts = [*hostile.lines("ids.txt"), *hostile.lines("datetimes.txt"), *hostile.json("blns.json")[::6]]  # fmt: skip
    numbers = [n for n in hostile.lines("numbers.txt") if n]
    values = [json.dumps(t).replace("\\\\u", "\\u") for t in texts] + numbers + ["[]", "{}", "[[1]]"]  # fmt: skip
    calls = []
    for path, good in BODIES.items():
        fields = list(good)
        for index, value in enumerate(values):
            for field in {fields[index % len(fields)], fields[(index * 3 + 1) % len(fields)]}:
                body = {k: v for k, v in good.items() if k != field}
                raw = json.dumps(body).encode()[:-1] + f', "{field}": {value}}}'.encode(
                    "utf-8", "surrogatepass"
                )
                calls.append(((path, field, value[:60]), send(living, path, raw)))
    began = time.monotonic()
    for what, answer in await all_of(calls):
        check(what, answer)
        if answer.status == 422:
            assert answer.body["field"], (what, answer.body)
    assert time.monotonic() - began < 30
    assert (await living.call("POST", "/quotes", KOELN | {"energy_kwh": "1"})).status == 200


async def test_paths_and_queries_when_hostile_then_no_5xx(hub, hostile) -> None:
    ids = [quote(i, safe="") for i in hostile.lines("ids.txt")] + ["%00", "%ff", "%C0%AF", "a%2Fb", "%2e%2e"]  # fmt: skip
    calls = []
    for text in (i[:2000] or "%20" for i in ids):
        for method, tail in (("GET", ""), ("GET", "/receipt"), ("GET", "/events"), ("POST", "/stop")):  # fmt: skip
            calls.append((text, raw_call(hub, method, f"/sessions/{text}{tail}")))
        calls.append((text, raw_call(hub, "PUT", f"/tokens/{text}", b'{"contract_id":"C1"}')))
    # longer lines are refused by the parser itself
    for query in (q[:LINE_MAX] for q in hostile.lines("queries.txt")):
        calls.append((query, raw_call(hub, "GET", f"/locations?{query}")))
        both = query.replace("offset", "radius_m").replace("date_from", "latitude")
        tail = both.replace("#", "%23")
        calls.append((both, raw_call(hub, "GET", f"/locations?latitude=1&longitude=1&{tail}")))
    for number in (n[:LINE_MAX] for n in hostile.lines("numbers.txt")):
        for name in ("latitude", "longitude", "radius_m", "limit"):
            point = {"latitude": "1", "longitude": "1"} | {name: number}
            query = "&".join(f"{k}={quote(v)}" for k, v in point.items())
            calls.append((query, raw_call(hub, "GET", f"/locations?{query}")))
    for what, answer in await all_of(calls):
        check(what, answer)


def raw_call(hub: Any, method: str, path: str, body: bytes | None = None) -> Awaitable[Any]:
    """Sends the path as it is written here."""
    return _raw(hub, method, URL(f"{hub.url}/api/v1{path}", encoded=True), body)


async def _raw(hub: Any, method: str, url: URL, body: bytes | None) -> Any:
    headers = {"Authorization": f"Bearer {hub.token}", "Idempotency-Key": "h"}
    async with hub.session.request(method, url, data=body, headers=headers) as answer:
        raw = await answer.read()
        kind = answer.content_type
        return _Seen(answer.status, json.loads(raw) if "json" in kind else None, {"Content-Type": kind}, raw)  # fmt: skip


class _Seen:
    def __init__(self, status: int, body: Any, headers: Any, raw: bytes) -> None:
        self.status, self.body, self.headers, self.raw = status, body, headers, raw


async def test_headers_when_hostile_then_no_5xx(hub, hostile) -> None:
    texts = [t for t in hostile.lines("ids.txt") if t.isprintable()]
    for text in texts:
        value = text.encode("utf-8", "surrogatepass").decode("latin-1")[:4000]
        if not value.isprintable():
            continue
        for name in ("Accept", "Idempotency-Key", "X-Correlation-ID", "X-Request-ID", "Content-Type", "Accept-Encoding"):  # fmt: skip
            answer = await hub.call("POST", "/sessions", {}, headers={name: value}, key=None)
            check((name, text), answer)


async def test_sizes_when_too_large_then_the_limit_is_said(hub) -> None:
    big = await hub.call("POST", "/sessions", raw=b" " * (1 << 20) + b"{}")
    assert big.status == 413
    check("body", big)
    deep = await hub.call("POST", "/sessions", raw=b'{"x":' + b"[" * 200_000)
    assert deep.status == 400
    check("depth", deep)
    long = await hub.call("GET", "/locations?latitude=1&longitude=1&x=" + "y" * 9000)
    assert long.status == 414
    check("url", long)
    many = await hub.call("GET", "/locations?latitude=1&longitude=1", headers={f"X-{n}": "1" for n in range(80)})  # fmt: skip
    assert many.status == 431
    packed = await hub.call("POST", "/sessions", raw=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})  # fmt: skip
    assert packed.status == 415
    check("encoding", packed)
