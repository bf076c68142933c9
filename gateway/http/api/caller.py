"""Who calls the plain API: one bearer token, of a demand partner or of an administrator."""

from __future__ import annotations

import hmac

import msgspec
from aiohttp import web

from gateway.http.api.problem import Refusal
from gateway.hub.context import Hub
from gateway.hub.network import Network, Platform
from gateway.hub.seal import token_hash
from ocpi.model.party import PartyId

SCHEME = "bearer"
TOKEN_CHARS_MAX = 256


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A demand partner. Administrators call other operations and have no party."""

    platform: Platform
    party: PartyId
    token_hash: bytes


def bearer(request: web.Request) -> str:
    """The one token that was presented, or 401."""
    values = request.headers.getall("Authorization", [])
    if len(values) != 1:
        raise _unknown("exactly one Authorization header is expected")
    scheme, _, token = values[0].partition(" ")
    token = token.strip()
    if scheme.lower() != SCHEME or not token.isascii() or not 0 < len(token) <= TOKEN_CHARS_MAX:
        raise _unknown("Authorization: Bearer <token> is expected")
    return token


async def partner(hub: Hub, request: web.Request) -> Caller:
    """The demand partner whose token this is."""
    digest = token_hash(bearer(request))
    network = await hub.directory.current()
    if digest not in network.bearers:
        network = await hub.directory.reload_if_issued((digest,))
    platform = _platform(network, digest)
    if platform is None:
        raise _unknown("this token is not known")
    if not (platform.is_registered and platform.parties):
        raise Refusal(403, "suspended", "this partner is suspended; ask the hub's operator")
    return Caller(platform=platform, party=platform.parties[0], token_hash=digest)


async def is_still(hub: Hub, caller: Caller) -> bool:
    """Whether the caller would be let in again now: a stream outlives the moment it was opened."""
    platform = _platform(await hub.directory.current(), caller.token_hash)
    return platform is not None and platform.is_registered


def administrator(hub: Hub, request: web.Request) -> None:
    """Nothing when this is an administrator; 401 otherwise."""
    given = bearer(request).encode()
    if not hmac.compare_digest(given, hub.settings.admin_token.encode()):
        raise _unknown("this token is not an administrator's")


def _platform(network: Network, digest: bytes) -> Platform | None:
    credential = network.bearers.get(digest)
    return None if credential is None else network.platforms.get(credential.platform_id)


def _unknown(detail: str) -> Refusal:
    return Refusal(401, "not-authenticated", detail, "Authorization")
