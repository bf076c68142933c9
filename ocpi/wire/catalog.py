"""Every route of every version, in one table.

Routes, version details, outgoing URLs, the API description and the tests are all read from here.
Paths are relative to the version's root; ``suffix`` is what follows the module's endpoint URL.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

import msgspec

SENDER: Final = "SENDER"
RECEIVER: Final = "RECEIVER"
V221: Final = "2.2.1"
VERSIONS: Final = (V221,)
"""The versions a hub serves and asks for, newest last; ``codec.READABLE`` names those it reads."""

_LIST: Final = ("date_from", "date_to", "offset", "limit")
_TOKEN: Final = ("type",)
_HOLE: Final = re.compile(r"\{(\w+)\}")

FUNCTIONAL: Final = frozenset(
    {"locations", "sessions", "cdrs", "tariffs", "tokens", "commands", "chargingprofiles"}
)
"""Modules whose messages are routed; credentials, versions and hubclientinfo are not."""


class Route(msgspec.Struct, frozen=True):
    """One method on one path of one side of a module."""

    version: str
    module: str
    interface: str
    method: str
    suffix: str
    name: str
    body_kind: str | None
    answer_kind: str | None
    query: tuple[str, ...] = ()
    is_list: bool = False
    is_served: bool = True

    @property
    def path(self) -> str:
        """The path below the version's root, in the router's syntax."""
        return prefix(self.module, self.interface) + self.suffix

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in the path."""
        return tuple(_HOLE.findall(self.suffix))

    def url(self, endpoint: str, **ids: str) -> str:
        """Give the address of one object below a partner's endpoint, ids percent-encoded once."""
        filled = _HOLE.sub(lambda hole: quote(ids[hole.group(1)], safe=""), self.suffix)
        return endpoint.rstrip("/") + filled if filled else endpoint


def prefix(module: str, interface: str) -> str:
    """Give the path of a module's endpoint below the version's root."""
    if module == "versions":
        return ""
    return "/credentials" if module == "credentials" else f"/{interface.lower()}/{module}"


_OWNED: Final = "/{country_code}/{party_id}"
_LOCATION: Final = _OWNED + "/{location_id}"
_EVSE: Final = _LOCATION + "/{evse_uid}"
_CONNECTOR: Final = _EVSE + "/{connector_id}"

_S, _R = SENDER, RECEIVER

# module, interface, method, suffix, name, body kind, answer kind, query
_Row = tuple[str, str, str, str, str, str | None, str | None, tuple[str, ...]]

_ROWS_221: Final[tuple[_Row, ...]] = (
    ("versions", _S, "GET", "", "version_details", None, "version_details", ()),
    ("credentials", _R, "GET", "", "credentials_get", None, "credentials", ()),
    ("credentials", _R, "POST", "", "credentials_post", "credentials", "credentials", ()),
    ("credentials", _R, "PUT", "", "credentials_put", "credentials", "credentials", ()),
    ("credentials", _R, "DELETE", "", "credentials_delete", None, None, ()),
    # see mod_locations
    ("locations", _S, "GET", "", "locations_list", None, "location", _LIST),
    ("locations", _S, "GET", "/{location_id}", "locations_get", None, "location", ()),
    ("locations", _S, "GET", "/{location_id}/{evse_uid}", "locations_get_evse", None, "evse", ()),
    (
        *("locations", _S, "GET", "/{location_id}/{evse_uid}/{connector_id}"),
        *("locations_get_connector", None, "connector", ()),
    ),
    ("locations", _R, "GET", _LOCATION, "location_get", None, "location", ()),
    ("locations", _R, "GET", _EVSE, "evse_get", None, "evse", ()),
    ("locations", _R, "GET", _CONNECTOR, "connector_get", None, "connector", ()),
    ("locations", _R, "PUT", _LOCATION, "location_put", "location", None, ()),
    ("locations", _R, "PUT", _EVSE, "evse_put", "evse", None, ()),
    ("locations", _R, "PUT", _CONNECTOR, "connector_put", "connector", None, ()),
    ("locations", _R, "PATCH", _LOCATION, "location_patch", "location", None, ()),
    ("locations", _R, "PATCH", _EVSE, "evse_patch", "evse", None, ()),
    ("locations", _R, "PATCH", _CONNECTOR, "connector_patch", "connector", None, ()),
    # see mod_sessions
    ("sessions", _S, "GET", "", "sessions_list", None, "session", _LIST),
    (
        *("sessions", _S, "PUT", "/{session_id}/charging_preferences", "charging_preferences_put"),
        *("charging_preferences", "charging_preferences_response", ()),
    ),
    ("sessions", _R, "GET", _OWNED + "/{session_id}", "session_get", None, "session", ()),
    ("sessions", _R, "PUT", _OWNED + "/{session_id}", "session_put", "session", None, ()),
    ("sessions", _R, "PATCH", _OWNED + "/{session_id}", "session_patch", "session", None, ()),
    # cdrs (mod_cdrs); the receiver names a CDR's URL itself, in the Location header of its answer
    ("cdrs", _S, "GET", "", "cdrs_list", None, "cdr", _LIST),
    ("cdrs", _R, "POST", "", "cdr_post", "cdr", None, ()),
    ("cdrs", _R, "GET", "/{cdr_key}", "cdr_get", None, "cdr", ()),
    # see mod_tariffs
    ("tariffs", _S, "GET", "", "tariffs_list", None, "tariff", _LIST),
    ("tariffs", _R, "GET", _OWNED + "/{tariff_id}", "tariff_get", None, "tariff", ()),
    ("tariffs", _R, "PUT", _OWNED + "/{tariff_id}", "tariff_put", "tariff", None, ()),
    ("tariffs", _R, "DELETE", _OWNED + "/{tariff_id}", "tariff_delete", None, None, ()),
    # see mod_tokens
    ("tokens", _S, "GET", "", "tokens_list", None, "token", _LIST),
    (
        *("tokens", _S, "POST", "/{token_uid}/authorize", "token_authorize"),
        *("location_references", "authorization_info", _TOKEN),
    ),
    ("tokens", _R, "GET", _OWNED + "/{token_uid}", "token_get", None, "token", _TOKEN),
    ("tokens", _R, "PUT", _OWNED + "/{token_uid}", "token_put", "token", None, _TOKEN),
    ("tokens", _R, "PATCH", _OWNED + "/{token_uid}", "token_patch", "token", None, _TOKEN),
    # commands (mod_commands); the sender's address is the response_url it gave
    ("commands", _R, "POST", "/{command}", "command_post", "command", "command_response", ()),
    ("commands", _S, "POST", "/{command}/{uid}", "command_result_post", "command_result", None, ()),
    # see mod_charging_profiles
    (
        *("chargingprofiles", _R, "GET", "/{session_id}", "active_profile_get", None),
        *("charging_profile_response", ("duration", "response_url")),
    ),
    (
        *("chargingprofiles", _R, "PUT", "/{session_id}", "profile_put", "set_charging_profile"),
        *("charging_profile_response", ()),
    ),
    (
        *("chargingprofiles", _R, "DELETE", "/{session_id}", "profile_delete", None),
        *("charging_profile_response", ("response_url",)),
    ),
    (
        *("chargingprofiles", _S, "POST", "/result/{uid}", "profile_result_post"),
        *("active_charging_profile_result", None, ()),
    ),
    (
        *("chargingprofiles", _S, "PUT", "/{session_id}", "active_profile_put"),
        *("active_charging_profile", None, ()),
    ),
    # hubclientinfo (mod_hub_client_info); the receiver side is served by the partners
    ("hubclientinfo", _S, "GET", "", "client_info_list", None, "client_info", _LIST),
    ("hubclientinfo", _R, "GET", _OWNED, "client_info_get", None, "client_info", ()),
    ("hubclientinfo", _R, "PUT", _OWNED, "client_info_put", "client_info", None, ()),
)

ROUTES: Final[tuple[Route, ...]] = tuple(
    Route(
        V221,
        module,
        interface,
        method,
        suffix,
        name,
        body,
        answer,
        query,
        is_list=query is _LIST,
        is_served=not (module == "hubclientinfo" and interface == RECEIVER),
    )
    for module, interface, method, suffix, name, body, answer, query in _ROWS_221
)

_BY_NAME: Final = {(route.version, route.name): route for route in ROUTES}


def route(version: str, name: str) -> Route:
    """Give the route of that name, for building an outgoing URL."""
    return _BY_NAME[version, name]


def endpoints(version: str, base_url: str) -> list[tuple[str, str, str]]:
    """Give (module, role, URL) of every endpoint the hub serves below ``base_url``.

    ``base_url`` is the version's root, such as ``https://hub.example/ocpi/2.2.1``.
    """
    root = base_url.rstrip("/")
    seen: dict[tuple[str, str], str] = {}
    for row in ROUTES:
        if row.version == version and row.is_served and row.module != "versions":
            key = (row.module, row.interface)
            seen.setdefault(key, root + prefix(row.module, row.interface))
    return [(module, role, url) for (module, role), url in seen.items()]
