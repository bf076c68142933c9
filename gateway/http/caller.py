"""Who is asking: exactly one Authorization header that names a live credential (OCPI transport).

What decides is the route object, never the text of the URL: `?x=versions` opens nothing
(reliability §4, citrineos).
"""

from __future__ import annotations

from aiohttp import web

from gateway.hub.context import Hub
from gateway.hub.credentials import Caller, is_usable, state_of
from gateway.hub.network import Credential, Network
from gateway.hub.seal import token_hash
from ocpi import handshake
from ocpi.header import AUTHORIZATION, token_candidates, unauthorised


async def authenticate(hub: Hub, request: web.Request, module: str) -> Caller:
    """The caller, or 401. A token unknown here may be one that another process has just given."""
    values = request.headers.getall(AUTHORIZATION, [])
    if len(values) != 1:
        raise unauthorised("exactly one Authorization header is expected")
    hashes = {token_hash(token): token for token in token_candidates(values[0])}
    if not hashes:
        raise unauthorised()
    network = await hub.directory.current()
    found = _find(network, hashes)
    if found is None:
        network = await hub.directory.reload_if_issued(tuple(hashes))
        found = _find(network, hashes)
    if found is None:
        raise unauthorised()
    credential, token = found
    if not is_usable(credential, hub.clock.now()):
        raise unauthorised("this invitation was used or is older than seven days")
    caller = Caller(
        credential=credential, platform=network.platforms[credential.platform_id], token=token
    )
    handshake.check_module(state_of(caller), module)
    return caller


def _find(network: Network, hashes: dict[bytes, str]) -> tuple[Credential, str] | None:
    for digest, token in hashes.items():
        credential = network.credentials.get(digest)
        if credential is not None:
            return credential, token
    return None
