"""The console's addresses: one table of rooms, added to the application by the wiring."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from gateway.console import (
    authorisation,
    charge,
    document,
    exchange,
    ledger,
    overview,
    partner,
    payout,
    trust,
)
from gateway.console.page import Handler
from gateway.console.serve import ROOT, Console
from gateway.hub.context import Hub

ROOMS: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", "", overview.overview),
    ("GET", "/figures", overview.figures),
    ("GET", "/data/exchanges", overview.traffic),
    ("GET", "/data/authorisations", overview.authorisations),
    ("GET", "/data/energy", overview.energy),
    ("GET", "/data/money", overview.money),
    ("GET", "/partners", partner.listing),
    ("GET", "/partners/{party}", partner.show),
    ("POST", "/partners/{party}/suspend", partner.suspend),
    ("POST", "/partners/{party}/resume", partner.resume),
    ("GET", "/exchanges", exchange.listing),
    ("GET", "/exchanges/{exchange}", exchange.show),
    ("GET", "/authorisations", authorisation.listing),
    ("GET", "/sessions", charge.sessions),
    ("GET", "/sessions/{party}/{id}", charge.session),
    ("GET", "/cdrs", charge.cdrs),
    ("GET", "/cdrs/{cdr}", charge.cdr),
    ("GET", "/ledger", ledger.ledger),
    ("POST", "/ledger/verify", ledger.prove),
    ("GET", "/held", ledger.held),
    ("POST", "/held/release", ledger.release),
    ("GET", "/documents", document.listing),
    ("GET", "/documents/{document}", document.show),
    ("GET", "/documents/{document}/{format}", document.download),
    ("GET", "/payouts", payout.listing),
    ("GET", "/payouts/{batch}", payout.show),
    ("POST", "/payouts/{batch}/export", payout.export),
    ("GET", "/trust", trust.trust),
)


def add(app: web.Application, hub: Hub) -> None:
    """Adds every room, the door and the files."""
    console = Console(hub)
    app.router.add_get(f"{ROOT}/login", console.login)
    app.router.add_post(f"{ROOT}/login", console.enter)
    app.router.add_post(f"{ROOT}/logout", console.room(console.leave))
    app.router.add_get(f"{ROOT}/static/{{name:.+}}", console.file)
    for path in ("/", f"{ROOT}/"):
        app.router.add_get(path, _home)
    for method, path, handler in ROOMS:
        app.router.add_route(method, ROOT + path, console.room(handler))


async def _home(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPSeeOther(ROOT)
