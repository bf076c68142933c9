"""Every page of the console in a real browser, over a real hub with a day behind it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

pytestmark = pytest.mark.browser
TOKEN = "an-admin-token-for-the-browser"
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
# What is shown somewhere on a page that has data.
PAGES = {
    "/": ("Sessions running", "48-hour clock", "price mismatch"),
    "/partners": ("DE-RHE", "Voltaris Mobility B.V.", "invited", "plain API"),
    "/partners/DE-RHE": ("Rheinstrom Ladenetz GmbH", "DE89370400440532013000", "base64", "Suspend"),
    "/exchanges": ("/2.2.1/receiver/cdrs", "404 · 2004"),
    "/exchanges?module=cdrs&direction=IN&outcome=ok&party=DE-RHE": ("/2.2.1/receiver/cdrs",),
    "/authorisations": ("token unknown", "STOLEN-77", "blocked"),
    "/sessions": ("active", "11.25 kWh", "BONN-HBF"),
    "/sessions?status=ACTIVE": ("active",),
    "/cdrs": ("settled", "held", "price mismatch", "NOK"),
    "/cdrs?state=HELD": ("price mismatch",),
    "/ledger": ("Trial balance", "payable:DE-RHE:EUR", "fx:spread:EUR", "0.00"),
    "/held": ("total_cost.before_taxes", "Try the chosen again"),
    "/documents": ("R-DE-RHE-DE-R000001", "self billed"),
    "/documents/1": ("Rheinstrom Ladenetz GmbH", "Energy", "SHA-256"),
    "/payouts": ("NOK", "not yet"),
    "/payouts/1": ("DE-RHE", "not seen yet"),
    "/trust": ("V2G Root CA", "NLVLTC", "test PKI"),
}


class Watched:
    """A page whose complaints are remembered, and that asks nobody but the hub."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.wrong: list[str] = []
        self.expected: set[int] = set()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("requestfailed", self._failed)
        page.on("request", self._request)
        page.on("response", self._response)

    def _console(self, message: Any) -> None:
        is_status = "the server responded with a status of" in message.text
        if message.type in {"error", "warning"} and not is_status:
            self.wrong.append(f"console {message.type}: {message.text}")

    def _failed(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # a poll that the next page overtook
            self.wrong.append(f"failed: {request.url} {request.failure}")

    def _request(self, request: Any) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.url).netloc:
            self.wrong.append(f"outside: {request.url}")

    def _response(self, response: Any) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.wrong.append(f"{response.status}: {response.url}")

    async def open(self, path: str) -> None:
        answer = await self.page.goto(
            f"{self.url}/console{path.rstrip('/') if path == '/' else path}"
        )
        assert answer is not None
        assert answer.status == 200, path
        await self.page.wait_for_load_state("load")

    async def shows(self, path: str, *texts: str) -> None:
        found = " ".join((await self.page.inner_text("main")).split())
        for text in texts:
            assert text in found, f"{path} does not show {text!r}: {found[:1500]}"

    async def log_in(self) -> None:
        await self.page.goto(f"{self.url}/console")
        assert self.page.url.endswith("/console/login")
        await self.page.get_by_label("Admin token").fill(TOKEN)
        await self.page.get_by_role("button", name="Log in").click()
        await self.page.wait_for_url(f"{self.url}/console")


@asynccontextmanager
async def browsing(chromium: str, url: str, **options: Any) -> AsyncIterator[Watched]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        context: BrowserContext = await browser.new_context(
            viewport={"width": 1360, "height": 900}, **options
        )
        try:
            yield Watched(await context.new_page(), url)
        finally:
            await browser.close()


async def charts_are_drawn(watched: Watched) -> None:
    await expect(watched.page.locator("[data-chart] canvas")).to_have_count(4, timeout=10_000)


async def test_every_page_when_there_is_data_then_it_is_whole(living, chromium, screenshots: Path):
    held, settled = await _numbers(living)
    exchange = await living.db.fetchval(
        "SELECT exchange_id FROM exchange WHERE module = 'cdrs' AND direction = 'IN' LIMIT 1"
    )
    session = await living.db.fetchval("SELECT id_key FROM session WHERE country_code = 'DE' AND status = 'ACTIVE' LIMIT 1")  # fmt: skip
    pages = PAGES | {
        f"/cdrs/{settled}": ("The price, line by line", "equal", "receivable:", "standing-offer/1", "disclosed_agent/1"),
        f"/cdrs/{held}": ("Held: price mismatch.", "an estimate", "1.5"),
        f"/exchanges/{exchange}": ('"total_cost"', '"status_code"', "1000"),
        f"/sessions/DE-RHE/{session}": ('"kwh"', "Authorisation"),
    }  # fmt: skip
    async with browsing(chromium, living.url) as watched:
        await watched.log_in()
        for path, texts in pages.items():
            await watched.open(path)
            if path == "/":
                await charts_are_drawn(watched)
            await watched.shows(path, *texts)
            wide = await watched.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} pixels too wide"
            unnamed = await watched.page.evaluate(_UNNAMED)
            assert not unnamed, f"{path}: {unnamed}"
            await watched.page.screenshot(path=screenshots / f"{_name(path)}.png", full_page=True)
        await _dark_and_narrow(watched, screenshots)
        assert not watched.wrong


async def test_what_people_change_when_they_press_then_it_happens(living, chromium):
    async with browsing(chromium, living.url) as watched:
        page = watched.page
        page.on("dialog", lambda dialog: dialog.accept())
        await watched.log_in()

        await watched.open("/partners/CH-VEL")
        await page.get_by_role("button", name="Suspend").click()
        await page.get_by_role("button", name="Resume").wait_for()
        assert await _state(living) == "SUSPENDED"
        await page.get_by_role("button", name="Resume").click()
        await page.get_by_role("button", name="Suspend").wait_for()
        assert await _state(living) == "REGISTERED"

        await watched.open("/ledger")
        await page.get_by_role("button", name="Verify the whole book").click()
        await page.get_by_text("The book is sound.").wait_for(timeout=20_000)

        await watched.open("/held")
        await page.get_by_label("Choose all").check()
        await page.get_by_role("button", name="Try the chosen again").click()
        await page.get_by_text("2 back in the queue").wait_for()
        assert await living.db.fetchval("SELECT count(*) FROM outbox WHERE topic = 'settle'") == 2

        await watched.open("/documents/1")
        for name, begins in (("PDF", b"%PDF"), ("UBL", b"<"), ("CII", b"<")):
            async with page.expect_download() as waiting:
                await page.get_by_role("link", name=name, exact=True).click()
            assert (await _saved(waiting)).startswith(begins)

        await watched.open("/payouts/1")
        async with page.expect_download() as waiting:
            await page.get_by_role("button", name="Export pain.001").click()
        assert b"pain.001.001.09" in await _saved(waiting)
        assert await living.db.fetchval("SELECT exported_by FROM payout_export") == "console"
        assert not watched.wrong


async def test_figures_when_something_happens_then_they_follow(living, chromium):
    async with browsing(chromium, living.url) as watched:
        await watched.log_in()
        running = watched.page.locator("#figures a", has_text="Sessions running").locator(".value")
        assert await running.inner_text() == "4"
        cpo = living.cpos[1]
        for charge in [c for c in cpo.charges.values() if c.status == "ACTIVE"]:
            await cpo.end(charge)
        await expect(running).to_have_text("2", timeout=8_000)
        await watched.open("/exchanges?outcome=failed")
        rows = watched.page.locator("#rows tbody tr")
        before = await rows.count()
        await living.cpos[0].authorise("NOBODY-1", living.cpos[0].stations[0])
        await living.assembly.exchanges.flush()
        await expect(rows).not_to_have_count(before, timeout=8_000)
        assert not watched.wrong


async def test_a_new_hub_when_nothing_happened_then_pages_say_what_to_do(empty_hub, chromium, screenshots: Path):  # fmt: skip
    async with browsing(chromium, empty_hub.url) as watched:
        await watched.log_in()
        for path in (p for p in PAGES if not re.search(r"/\d+|DE-RHE|\?", p)):
            await watched.open(path)
            await watched.page.screenshot(
                path=screenshots / f"{_name(path)}-empty.png", full_page=True
            )
        await watched.open("/partners")
        await watched.shows("/partners", "No partner yet", "networkcore party invite")
        assert not watched.wrong


async def test_the_door_when_the_token_is_wrong_or_taken_back_then_it_stays_shut(
    empty_hub, chromium
):
    async with browsing(chromium, empty_hub.url) as watched:
        watched.expected = {401}
        page = watched.page
        await page.goto(f"{empty_hub.url}/console/ledger")
        await page.get_by_label("Admin token").fill("wrong")
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_text("That is not the admin token.").wait_for()
        await watched.log_in()
        [cookie] = await page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (
            True,
            "Strict",
            "/console",
        )
        await page.get_by_role("button", name="Log out").click()
        await page.get_by_label("Admin token").wait_for()
        assert await page.context.cookies() == []
        assert not watched.wrong


async def _dark_and_narrow(watched: Watched, screenshots: Path) -> None:
    await watched.page.emulate_media(color_scheme="dark")
    await watched.page.set_viewport_size({"width": 1100, "height": 800})
    for path in ("/", "/exchanges", "/cdrs", "/ledger"):
        await watched.open(path)
        if path == "/":
            await charts_are_drawn(watched)
        wide = await watched.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{path} is {wide} pixels too wide"
        ground = await watched.page.evaluate(
            "getComputedStyle(document.documentElement).backgroundColor"
        )
        assert ground == "rgb(15, 20, 25)"
        await watched.page.screenshot(path=screenshots / f"{_name(path)}-dark.png", full_page=True)


_UNNAMED = """
[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select')].filter(
  (e) => !(e.innerText || e.getAttribute('aria-label') || (e.labels && e.labels.length))).map((e) => e.outerHTML)
"""


def _name(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "-", path).strip("-") or "overview"


async def _saved(waiting: Any) -> bytes:
    return await asyncio.to_thread(Path(await (await waiting.value).path()).read_bytes)


async def _state(living) -> str:
    return await living.db.fetchval("SELECT state FROM platform WHERE name LIKE 'V%lo%'")


async def _numbers(living) -> tuple[int, int]:
    numbers = {
        row["state"]: row["cdr_no"]
        for row in await living.db.fetch(
            "SELECT state, min(cdr_no) AS cdr_no FROM settlement GROUP BY state"
        )
    }
    return numbers["HELD"], numbers["SETTLED"]
