"""From a request to a room and back: who it is, whether the form is ours, one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from gateway.console import static
from gateway.console.page import (
    Elsewhere,
    File,
    Handler,
    Missing,
    NotPossible,
    Numbers,
    Page,
    Visit,
    environment,
    storable,
)
from gateway.console.session import COOKIE, SESSION_LASTS, Doorkeeper, Session
from gateway.hub.context import Hub
from gateway.hub.partner import PartnerError
from gateway.store.database import StoreUnavailable

ROOT: Final = "/console"
AWAY: Final = "PostgreSQL does not answer in time. The gateway itself keeps serving; try again."
FORM_BYTES_MAX: Final = 64 << 10
FORM_TIMEOUT_S: Final = 10.0
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Console:
    """One process's console: its templates, its files, its doorkeeper."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.door = Doorkeeper(hub.settings)
        self.assets = static.read()
        self._templates = environment()
        self._templates.globals |= {"asset": self._asset, "root": ROOT, "hub": _hub_name(hub)}

    def room(self, handler: Handler) -> Any:
        """The aiohttp handler of a room; nobody who is not logged in gets further than the door."""

        async def handle(request: web.Request) -> web.StreamResponse:
            now = self.hub.clock.now()
            session = self.door.read(request.cookies.get(COOKIE), now)
            if session is None:
                return self._to_login(request)
            try:
                visit = await self._visit(request, session, now)
                return self._answer(await handler(visit), visit)
            except Missing as missing:
                return self._sorry(404, "Not found", str(missing), session)
            except (NotPossible, PartnerError) as no:
                return self._sorry(409, "Not possible", str(no), session)
            except Forbidden as no:
                return self._sorry(403, "Not accepted", str(no), session)
            except StoreUnavailable:
                return self._sorry(503, "The store is away", AWAY, session)

        return handle

    async def login(self, request: web.Request) -> web.StreamResponse:
        """Shows the door."""
        if self.door.read(request.cookies.get(COOKIE), self.hub.clock.now()) is not None:
            return _redirect(ROOT)
        return self._door(200, "")

    async def enter(self, request: web.Request) -> web.StreamResponse:
        """Takes the admin token and gives a cookie for it."""
        now = self.hub.clock.now()
        address = request.remote or ""
        try:
            self._check_origin(request)
            form = await _read_form(request)
        except Forbidden as no:
            return self._door(403, str(no))
        if self.door.must_wait(address, now):
            return self._door(429, "Too many attempts. Wait a minute.")
        cookie = self.door.admit(form.get("token", ("",))[0].strip(), address, now)
        if cookie is None:
            return self._door(401, "That is not the admin token.")
        response = _redirect(ROOT)
        response.set_cookie(
            COOKIE, cookie, path=ROOT, httponly=True, samesite="Strict",
            secure=self.hub.settings.public_url.startswith("https://"),
            max_age=int(SESSION_LASTS.total_seconds()),
        )  # fmt: skip
        return response

    async def leave(self, _visit: Visit) -> Elsewhere:
        """The cookie is taken back by the answer to this form."""
        return Elsewhere(location=f"{ROOT}/login")

    async def file(self, request: web.Request) -> web.StreamResponse:
        """A style or a script; nobody has to be logged in for these."""
        return static.answer(self.assets, request.match_info["name"])

    async def _visit(self, request: web.Request, session: Session, now: datetime) -> Visit:
        form: Mapping[str, tuple[str, ...]] = {}
        if request.method == "POST":
            self._check_origin(request)
            form = await _read_form(request)
            given = request.headers.get("X-CSRF-Token") or form.get("csrf", ("",))[0]
            if not self.door.proves(session, given):
                raise Forbidden("This form is too old. Load the page again.")
        return Visit(
            hub=self.hub,
            session=session,
            now=now,
            path={n: storable(v) for n, v in request.match_info.items()},
            query=dict(request.query),
            form=form,
            is_partial="HX-Request" in request.headers,
        )

    def _answer(self, answer: Page | File | Numbers | Elsewhere, visit: Visit) -> web.Response:
        match answer:
            case Page():
                name = answer.partial if visit.is_partial and answer.partial else answer.template
                return self._page(name, answer.status, visit.session, visit.now, answer.context)
            case File():
                response = web.Response(body=answer.body, content_type=answer.content_type)
                response.headers.update(HEADERS)
                name = "".join(c if c.isalnum() or c in "-._" else "_" for c in answer.name)
                response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
                return response
            case Numbers():
                body = msgspec.json.encode(answer.value)
                return web.Response(body=body, content_type="application/json", headers=HEADERS)
            case Elsewhere():
                response = _redirect(answer.location)
                if answer.location.endswith("/login"):
                    response.del_cookie(COOKIE, path=ROOT)
                return response

    def _page(
        self, name: str, status: int, session: Session | None, now: datetime, context: Any
    ) -> web.Response:
        text = self._templates.get_template(name).render(session=session, now=now, **context)
        return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)

    def _sorry(self, status: int, title: str, text: str, session: Session) -> web.Response:
        context = {"title": title, "text": text}
        return self._page("sorry.html", status, session, self.hub.clock.now(), context)

    def _door(self, status: int, said: str) -> web.Response:
        return self._page("login.html", status, None, self.hub.clock.now(), {"said": said})

    def _to_login(self, request: web.Request) -> web.Response:
        if "HX-Request" in request.headers:
            return web.Response(status=401, headers=HEADERS | {"HX-Redirect": f"{ROOT}/login"})
        if request.method == "GET" and "/data/" not in request.path:
            return _redirect(f"{ROOT}/login")
        return web.Response(status=401, headers=HEADERS)

    def _check_origin(self, request: web.Request) -> None:
        """Browsers say where a form was: elsewhere is refused before anything is read."""
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        origin = request.headers.get("Origin")
        here = {request.host, urlsplit(self.hub.settings.public_url).netloc}
        if site not in {"same-origin", "none"}:
            raise Forbidden("This form was sent from another site.")
        if origin is not None and urlsplit(origin).netloc not in here:
            raise Forbidden("This form was sent from another site.")

    def _asset(self, name: str) -> str:
        return f"{ROOT}/static/{name}?{self.assets[name].version}"


class Forbidden(Exception):  # noqa: N818 - an answer to a person, not a failure
    """A form that did not come from one of our pages."""


def _hub_name(hub: Hub) -> dict[str, str]:
    return {
        "name": hub.settings.hub_name,
        "party": str(hub.party),
        "versions_url": hub.versions_url,
    }


def _redirect(location: str) -> web.Response:
    return web.Response(status=303, headers=HEADERS | {"Location": location})


async def _read_form(request: web.Request) -> Mapping[str, tuple[str, ...]]:
    length = request.content_length
    if length is None or length > FORM_BYTES_MAX:
        raise Forbidden("The form is too large.")
    if request.content_type != "application/x-www-form-urlencoded":
        raise Forbidden("Forms are sent as application/x-www-form-urlencoded.")
    try:
        async with asyncio.timeout(FORM_TIMEOUT_S):
            found = await request.post()
    except (TimeoutError, ValueError, LookupError):
        raise Forbidden("The form could not be read.") from None
    names = dict.fromkeys(found)
    return {n: tuple(storable(v) for v in found.getall(n) if isinstance(v, str)) for n in names}
