"""The OCPI part of the application, built from the catalogue: no route is written down twice."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from gateway.http.message import Handler, Message, Reply
from gateway.http.ocpi import access
from gateway.http.ocpi.authorise import token_authorize
from gateway.http.ocpi.pipeline import serve
from gateway.http.ocpi.table import HANDLERS
from gateway.hub.authorise.flow import Authoriser
from gateway.hub.context import Hub
from ocpi.errors import CLIENT_ERROR, OcpiError
from ocpi.wire.catalog import ROUTES, SENDER, Route

ROOT = "/ocpi"


def add(app: web.Application, hub: Hub, authoriser: Authoriser) -> None:
    """Every served route of every version, the versions list, and a refusal for all the rest."""
    handlers: Mapping[str, Handler] = {**HANDLERS, "token_authorize": token_authorize(authoriser)}
    router = app.router
    newest = hub.wire.preferred
    listing = Route(newest, "versions", SENDER, "GET", "", "versions", None, "versions")
    router.add_route("GET", f"{ROOT}/versions", serve(hub, listing, access.versions))
    for route in ROUTES:
        if route.is_served:
            path = f"{ROOT}/{route.version}{route.path}"
            router.add_route(route.method, path, serve(hub, route, handlers[route.name]))
            router.add_route(route.method, path + "/", serve(hub, route, handlers[route.name]))
    nowhere = Route(newest, "nowhere", SENDER, "GET", "", "nowhere", None, None)
    router.add_route("*", ROOT + "/{path:.*}", serve(hub, nowhere, _nothing_here(router)))


def _nothing_here(router: web.UrlDispatcher) -> Handler:
    """404 for a path that no route has, 405 where only the method is wrong."""
    infos = [resource.get_info() for resource in router.resources()]
    plain = frozenset(info["path"] for info in infos if "path" in info)
    patterns = tuple(info["pattern"] for info in infos if "pattern" in info)

    async def refuse(message: Message) -> Reply:
        path = f"{ROOT}/{message.parameters['path']}"
        if path in plain or any(pattern.fullmatch(path) for pattern in patterns):
            raise OcpiError(CLIENT_ERROR, 405, "this method is not defined here")
        raise OcpiError(CLIENT_ERROR, 404, "there is nothing at this address")

    return refuse
