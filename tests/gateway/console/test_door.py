"""Nobody comes in without the token, and nothing changes without a form of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from gateway.console.app import ROOMS
from gateway.console.session import FAILURES_MAX, Doorkeeper

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def door(settings):
    return Doorkeeper(settings)


def test_admit_when_the_token_is_right_then_the_cookie_opens(door, settings):
    cookie = door.admit(settings.admin_token, "1.2.3.4", NOW)
    session = door.read(cookie, NOW + timedelta(hours=11))
    assert session is not None
    assert door.proves(session, session.csrf)
    assert not door.proves(session, "é")


@pytest.mark.parametrize("given", ["", "x", "é", "\ud7ff" * 9, "the-admin-token ", "\udcff"])
def test_admit_when_the_token_is_wrong_then_there_is_no_cookie(door, given):
    assert door.admit(given, "1.2.3.4", NOW) is None


def test_read_when_anything_about_the_cookie_changed_then_nobody_comes_in(door, settings):
    cookie = door.admit(settings.admin_token, "1.2.3.4", NOW)
    name, ends, sign = cookie.split(".")
    later = str(int(ends) + 3600)
    other = "0" if sign[0] != "0" else "1"
    for wrong in (
        None, "", "..", "a.b.c", f"{name}.{later}.{sign}", f"{name}x.{ends}.{sign}", f"{name}.{ends}.{other}{sign[1:]}",
        f"{name}.{ends}.", f"{name}.{'9' * 40}.{sign}", f"{name}.٣.{sign}", f"{cookie}.", "\udcff." + ends + ".x", f"{name}.999999999999.{sign}",
    ):  # fmt: skip
        assert door.read(wrong, NOW) is None, wrong
    assert door.read(cookie, NOW + timedelta(hours=12, seconds=1)) is None


def test_read_when_the_admin_token_was_changed_then_old_sessions_end(door, settings):
    cookie = door.admit(settings.admin_token, "1.2.3.4", NOW)
    changed = Doorkeeper(msgspec.structs.replace(settings, admin_token="another"))
    assert changed.read(cookie, NOW) is None


def test_must_wait_when_an_address_guesses_then_only_that_one_waits(door):
    for _ in range(FAILURES_MAX):
        assert not door.must_wait("1.2.3.4", NOW)
        door.admit("guess", "1.2.3.4", NOW)
    assert door.must_wait("1.2.3.4", NOW)
    assert not door.must_wait("1.2.3.5", NOW)
    assert not door.must_wait("1.2.3.4", NOW + timedelta(minutes=2))


@pytest.mark.parametrize(("method", "path"), [(m, p) for m, p, _ in ROOMS])
async def test_every_room_when_nobody_is_logged_in_then_it_shows_nothing(visitor, method, path):
    path = "/console" + path.format(
        party="NL-ABC", exchange=1, id="S", cdr=1, document=1, format="ubl", batch=1
    )
    ask = visitor.get if method == "GET" else visitor.post
    status, text, headers = await ask(path)
    assert text == ""
    assert (status, headers.get("Location")) in {(303, "/console/login"), (401, None)}


async def test_login_when_it_succeeds_then_the_cookie_is_kept_from_scripts_and_other_sites(visitor):
    status, text, headers = await visitor.post("/console/login", token="wrong")
    assert (status, "Set-Cookie" in headers, "not the admin token" in text) == (401, False, True)
    status, _, headers = await visitor.post("/console/login", token="the-admin-token")
    assert (status, headers["Location"]) == (303, "/console")
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/console" in cookie


async def test_login_when_somebody_guesses_then_even_the_right_token_waits(visitor):
    for _ in range(FAILURES_MAX):
        await visitor.post("/console/login", token="wrong")
    status, text, headers = await visitor.post("/console/login", token="the-admin-token")
    assert (status, "Set-Cookie" in headers, "Wait a minute" in text) == (429, False, True)


async def test_pages_when_they_are_answered_then_they_forbid_everything_foreign(visitor):
    await visitor.log_in()
    _, text, headers = await visitor.get("/console")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert " style=" not in text
    assert " on" + "click" not in text
    assert "<script>" not in text
    assert "http://" not in text.replace(visitor.url, "").replace("http://127.0.0.1:8000/ocpi", "").replace("http://www.w3.org", "")  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "with_csrf"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "null"}, True),
    ],
)
async def test_changes_when_the_form_is_not_ours_then_they_are_refused(
    visitor, world, headers, with_csrf
):
    await world.platform("NL-ABC", "CPO", token="t")
    await visitor.log_in()
    form = {"csrf": visitor.csrf} if with_csrf else {"csrf": "0" * 64}
    status, _, _ = await visitor.post("/console/partners/NL-ABC/suspend", headers=headers, **form)
    assert status == 403
    assert await world.db.fetchval("SELECT state FROM platform") == "REGISTERED"


async def test_changes_when_they_are_asked_by_get_then_nothing_happens(visitor, world):
    await world.platform("NL-ABC", "CPO", token="t")
    await visitor.log_in()
    status, _, _ = await visitor.get("/console/partners/NL-ABC/suspend")
    assert status == 405
    assert await world.db.fetchval("SELECT state FROM platform") == "REGISTERED"


async def test_logout_when_it_is_pressed_then_the_cookie_is_taken_back(visitor):
    await visitor.log_in()
    status, _, headers = await visitor.post("/console/logout", csrf=visitor.csrf)
    assert (status, headers["Location"]) == (303, "/console/login")
    status, _, _ = await visitor.get("/console")
    assert status == 303


async def test_polls_when_the_session_has_ended_then_the_page_goes_to_the_door(visitor):
    status, _, headers = await visitor.get("/console/figures", **{"HX-Request": "true"})
    assert (status, headers["HX-Redirect"]) == (401, "/console/login")
