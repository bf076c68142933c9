"""One OCPI request on its way through the hub, and what it is answered with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from gateway.hub.context import Hub
from gateway.hub.credentials import Caller
from gateway.hub.network import Network
from ocpi.header import Routing
from ocpi.model.party import PartyId, party
from ocpi.routing import Decision
from ocpi.wire.catalog import Route


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`origin` is the caller's party that speaks; None for modules that are not routed.

    `suffix` is what follows the module's endpoint in the URL and `query_string` what follows `?`,
    both exactly as they were sent.
    """

    hub: Hub
    route: Route
    caller: Caller
    network: Network
    routing: Routing
    origin: PartyId | None
    decision: Decision
    correlation_id: str
    parameters: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    suffix: str
    query_string: str
    body: bytes

    @property
    def owner(self) -> PartyId:
        """The owner in the URL, of the routes that have one."""
        return party(self.parameters["country_code"], self.parameters["party_id"])

    @property
    def speaker(self) -> PartyId:
        """The party that speaks; routed modules always have one."""
        if self.origin is None:
            raise RuntimeError(f"{self.route.name} is handled as routed but has no origin")
        return self.origin

    def argument(self, name: str) -> str | None:
        """The last value of a query parameter."""
        return next((v for k, v in reversed(self.query) if k == name), None)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """`data` is ready JSON. `envelope` replaces all: a partner's own answer, passed on.

    `from_` is whoever answered, where that is not the hub.
    """

    data: bytes | None = None
    http_status: int = 200
    code: int = 1000
    message: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    from_: PartyId | None = None
    envelope: bytes | None = None


Handler = Callable[[Message], Awaitable[Reply]]
