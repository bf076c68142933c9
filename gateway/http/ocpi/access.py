"""Versions and credentials: the two modules that an invited platform may use."""

from __future__ import annotations

import msgspec

from gateway.http.message import Message, Reply
from gateway.hub import credentials
from ocpi import handshake
from ocpi.model.credentials import Credentials, Endpoint, Version, VersionDetails


def _encode(message: Message, value: object) -> bytes:
    body, _ = message.hub.wire.encode(message.route.version, value)
    return body


async def versions(message: Message) -> Reply:
    """GET /ocpi/versions: what the hub speaks."""
    hub = message.hub
    found = [Version(version=v, url=hub.root(v)) for v in hub.wire.versions]
    return Reply(data=msgspec.json.encode(found))


async def version_details(message: Message) -> Reply:
    """GET /ocpi/{version}: where each side of each module is."""
    hub, version = message.hub, message.route.version
    endpoints = hub.wire.endpoints(version, hub.root(version))
    details = VersionDetails(
        version=version,
        endpoints=tuple(Endpoint(identifier=m, role=r, url=u) for m, r, u in endpoints),
    )
    return Reply(data=_encode(message, details))


async def credentials_get(message: Message) -> Reply:
    _step(message)
    return _answer(message, credentials.read(message.hub, message.caller))


async def credentials_post(message: Message) -> Reply:
    _step(message)
    version, body = message.route.version, message.body
    return _answer(message, await credentials.register(message.hub, message.caller, version, body))


async def credentials_put(message: Message) -> Reply:
    _step(message)
    version, body = message.route.version, message.body
    return _answer(message, await credentials.renew(message.hub, message.caller, version, body))


async def credentials_delete(message: Message) -> Reply:
    _step(message)
    await credentials.unregister(message.hub, message.caller)
    return Reply()


def _step(message: Message) -> None:
    """405 for what the handshake table does not have in this state."""
    handshake.step(credentials.state_of(message.caller), message.route.method)


def _answer(message: Message, value: Credentials) -> Reply:
    return Reply(data=_encode(message, value))
