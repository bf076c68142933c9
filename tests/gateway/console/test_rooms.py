"""Rooms answer whatever is typed, escape what partners say, and change what was asked for."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime

import pytest

from gateway.console.app import ROOMS
from gateway.store.exchange import Exchange, ExchangeLog

HOSTILE = (
    "", "0", "-1", "9" * 19, "9" * 40, "1e9", "٣", "' OR 1=1 --", "%00", "\ud7ff", "<script>alert(1)</script>", "NL-ABC",
    "../../etc/passwd", "a" * 500,
)  # fmt: skip
FILTERS = ("party", "module", "direction", "outcome", "correlation", "before", "status", "find", "state", "allowed", "reason", "released")  # fmt: skip


@pytest.mark.parametrize("path", [p for m, p, _ in ROOMS if m == "GET" and "{" not in p])
async def test_lists_when_filters_are_hostile_then_they_are_answered(visitor, path):
    await visitor.log_in()
    for value in HOSTILE:
        async with visitor.session.get(
            visitor.url + "/console" + path, params=dict.fromkeys(FILTERS, value)
        ) as answer:
            assert answer.status == 200, (path, value)
            assert "<script>alert" not in await answer.text()


@pytest.mark.parametrize("path", [p for m, p, _ in ROOMS if "{" in p])
async def test_objects_when_there_is_no_such_thing_then_that_is_said(visitor, path):
    await visitor.log_in()
    method = next(m for m, p, _ in ROOMS if p == path)
    for value in ("1", "0", "9" * 19, "x", "NL-ZZZ", "%3Cscript%3E", "a" * 300):
        filled = path
        for name in ("party", "exchange", "id", "cdr", "document", "format", "batch"):
            filled = filled.replace(f"{{{name}}}", value)
        url = f"{visitor.url}/console{filled}"
        form = {"csrf": visitor.csrf} if method == "POST" else None
        async with visitor.session.request(method, url, data=form) as answer:
            text = await answer.text()
            assert answer.status in {404, 409}, (filled, answer.status)
            assert "<script>" not in text


async def test_exchange_when_bodies_hold_secrets_and_markup_then_neither_shows(visitor, world):
    await world.platform("NL-ABC", "CPO", token="t")
    log = ExchangeLog(world.db)
    log(
        Exchange(
            at=datetime.now(UTC), direction="IN", method="POST", path="/ocpi/2.2.1/x?token=SECRET-1", module="sessions",
            platform_id=1, http_status=200, ocpi_status=1000, duration_us=900, correlation_id="c-1",
            request=b'{"token":"SECRET-2","access_token" : "SEC\\"RET-3","kwh":1.10,"name":"<img src=x onerror=alert(1)>"}',
            response=b'{"password":"SECRET-4", "truncated": "yes',
        )
    )  # fmt: skip
    await log.flush()
    await visitor.log_in()
    number = await world.db.fetchval("SELECT exchange_id FROM exchange")
    status, text, _ = await visitor.get(f"/console/exchanges/{number}")
    assert status == 200
    assert "SECRET" not in text
    assert "RET-3" not in text
    assert "<img src=x" not in text
    assert '<span class="j-number">1.10</span>' in text
    _, text, _ = await visitor.get("/console/exchanges?correlation=c-1")
    assert "SECRET" not in text
    assert "/2.2.1/x" in text


async def test_suspend_when_it_is_pressed_then_the_partner_is_and_resume_undoes_it(visitor, world):
    await world.platform("NL-ABC", "CPO", token="t")
    await visitor.log_in()
    for verb, state in (("suspend", "SUSPENDED"), ("resume", "REGISTERED")):
        status, _, headers = await visitor.post(
            f"/console/partners/NL-ABC/{verb}", csrf=visitor.csrf
        )
        assert (status, headers["Location"]) == (303, "/console/partners/NL-ABC")
        assert await world.db.fetchval("SELECT state FROM platform") == state
    status, text, _ = await visitor.post("/console/partners/NL-ABC/resume", csrf=visitor.csrf)
    assert (status, "is not suspended" in text) == (409, True)


async def test_partner_when_its_name_is_markup_then_it_is_text(visitor, world):
    await world.platform("NL-ABC", "CPO", token="t")
    await world.db.execute("UPDATE party SET name = '<b onmouseover=alert(1)>'")
    await visitor.log_in()
    for path in ("/console/partners", "/console/partners/NL-ABC"):
        _, text, _ = await visitor.get(path)
        assert "<b onmouseover" not in text
        assert "&lt;b onmouseover" in text


async def test_release_when_nothing_is_chosen_then_that_is_said(visitor):
    await visitor.log_in()
    status, text, _ = await visitor.post("/console/held/release", csrf=visitor.csrf)
    assert (status, "Choose what shall be tried again" in text) == (409, True)
    status, _, headers = await visitor.post(
        "/console/held/release", csrf=visitor.csrf, reason="\0x", cdr="1"
    )
    assert (status, headers["Location"]) == (303, "/console/held?released=0")


async def test_verify_when_the_book_is_empty_then_it_is_sound(visitor):
    await visitor.log_in()
    status, text, _ = await visitor.post("/console/ledger/verify", csrf=visitor.csrf)
    assert (status, "The book is sound" in text) == (200, True)


async def test_static_when_a_path_leads_out_then_there_is_no_such_file(visitor):
    for path in ("../app.py", "%2e%2e/app.py", "..%2fapp.py", "vendor/../../app.py", "nothing.css"):
        status, text, _ = await visitor.get(f"/console/static/{path}")
        assert status in {404, 303}, path
        assert "def add" not in text
    status, _, headers = await visitor.get("/console/static/console.css")
    assert (status, headers["Content-Type"]) == (200, "text/css; charset=utf-8")


@pytest.mark.parametrize(
    "line",
    [
        b"GET /console/partners/\xff HTTP/1.1", b"GET /console/cdrs?find=\xff HTTP/1.1", b"GET /console/cdrs?find=%ff%00 HTTP/1.1",
        b"GET /console/sessions/NL-ABC/%ff%00 HTTP/1.1", b"GET /console/sessions/%c3%a9%c3%a9-ABC/x HTTP/1.1",
        b"GET /console/exchanges?correlation=%ed%b3%bf HTTP/1.1", b"GET /console HTTP/1.1\r\nCookie: networkcore_console=\xff.1.\xff",
        b"POST /console/login HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded; charset=nonsense\r\nContent-Length: 9",
        b"POST /console/login HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 9",
        b"POST /console/login HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9",
        b"POST /console/login HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-www-form-urlencoded",
    ],
)  # fmt: skip
async def test_bytes_when_they_are_no_text_then_there_is_an_answer_and_no_failure(visitor, line):
    await visitor.log_in()
    [cookie] = visitor.session.cookie_jar
    host, _, port = visitor.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = line + b"\r\nHost: " + f"{host}:{port}".encode() + b"\r\nConnection: close\r\n"
    if b"Cookie" not in line:
        head += f"Cookie: {cookie.key}={cookie.value}\r\n".encode()
    sent = b"9\r\ntoken=%ff\r\n0\r\n\r\n" if b"chunked" in line else b"token=%ff"
    writer.write(head + b"\r\n" + (sent if line.startswith(b"POST") else b""))
    answer = await asyncio.wait_for(reader.read(200), 15)
    writer.close()
    await writer.wait_closed()
    assert re.match(rb"HTTP/1.[01] [234]\d\d ", answer), answer


async def test_the_bare_address_leads_to_the_console(visitor):
    async with visitor.session.get(f"{visitor.url}/", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/console")
