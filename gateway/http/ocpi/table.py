"""Which handler serves which route of the catalogue: one row per name.

`token_authorize` is not here: it needs this process's authoriser, and is added with the routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.http.message import Handler
from gateway.http.ocpi import access, lists, objects, orders
from gateway.http.ocpi.passing import forward_by_session

HANDLERS: Final[Mapping[str, Handler]] = {
    "version_details": access.version_details,
    "credentials_get": access.credentials_get,
    "credentials_post": access.credentials_post,
    "credentials_put": access.credentials_put,
    "credentials_delete": access.credentials_delete,
    "locations_list": lists.object_list,
    "locations_get": objects.location_get,
    "locations_get_evse": objects.location_get,
    "locations_get_connector": objects.location_get,
    "location_get": objects.object_get,
    "evse_get": objects.object_get,
    "connector_get": objects.object_get,
    "location_put": objects.object_put,
    "evse_put": objects.object_put,
    "connector_put": objects.object_put,
    "location_patch": objects.object_patch,
    "evse_patch": objects.object_patch,
    "connector_patch": objects.object_patch,
    "sessions_list": lists.object_list,
    "charging_preferences_put": forward_by_session,
    "session_get": objects.object_get,
    "session_put": objects.object_put,
    "session_patch": objects.object_patch,
    "cdrs_list": lists.object_list,
    "cdr_post": objects.cdr_post,
    "cdr_get": objects.cdr_get,
    "tariffs_list": lists.object_list,
    "tariff_get": objects.object_get,
    "tariff_put": objects.object_put,
    "tariff_delete": objects.tariff_delete,
    "tokens_list": lists.object_list,
    "token_get": objects.object_get,
    "token_put": objects.object_put,
    "token_patch": objects.object_patch,
    "command_post": orders.command_post,
    "command_result_post": orders.command_result_post,
    "active_profile_get": orders.profile_order,
    "profile_put": orders.profile_order,
    "profile_delete": orders.profile_order,
    "profile_result_post": orders.profile_result_post,
    "active_profile_put": forward_by_session,
    "client_info_list": lists.client_info_list,
}
