"""The credentials module, both ways: partners register with the hub, and the hub with partners.

The roles of a partner are fixed by the operator at the invitation. What a partner sends may name
some of them and describe them, never add one: a foreign role is 2001 and nothing changes.
OCPI credentials §"Registration"; ocpi.md §3 rows 11-13, 18; reliability §5.1.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import msgspec

from gateway.hub import client_info, peer
from gateway.hub.context import Hub
from gateway.hub.network import Credential, Network, Platform
from gateway.hub.peer import Request, ask_stranger
from gateway.hub.seal import new_token, token_hash
from gateway.store.sql import load
from ocpi import handshake
from ocpi.errors import CLIENT_ERROR, UNUSABLE_API, OcpiError, invalid
from ocpi.handshake import State
from ocpi.model.credentials import Credentials, CredentialsRole
from ocpi.model.location import BusinessDetails
from ocpi.model.party import PartyId, Role, fold

T = TypeVar("T")
SQL = load("gateway.store", "partner.sql")
INVITATION_DAYS = timedelta(days=7)
FETCH_TIMEOUT_S = 5.0
ENDPOINTS_MAX = 100


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking: the credential that was shown, and the platform it belongs to."""

    credential: Credential
    platform: Platform
    token: str


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner's own versions and version details say."""

    version: str
    endpoints: tuple[tuple[str, str, str], ...]
    is_raw: bool


class UnfetchedError(OcpiError):
    """The same words for every address; `answer` says more, to the operator alone."""

    def __init__(self, why: str, answer: peer.Answer) -> None:
        super().__init__(UNUSABLE_API, 200, f"url: {why}")
        self.answer = answer


def state_of(caller: Caller) -> State:
    """Where the caller stands, as the handshake table names it."""
    if caller.credential.kind == "A":
        return State.INVITED
    return State.SUSPENDED if caller.platform.state == "SUSPENDED" else State.REGISTERED


def is_usable(credential: Credential, now: datetime) -> bool:
    """An invitation works for seven days and once; a registered token until it is replaced."""
    if credential.kind != "A":
        return True
    is_fresh = credential.expires_at is not None and now < credential.expires_at
    return is_fresh and credential.used_at is None


def read(hub: Hub, caller: Caller) -> Credentials:
    """The hub's credentials for this partner, with the token just shown: it is kept hashed."""
    return own_credentials(hub, caller.token)


async def register(hub: Hub, caller: Caller, version: str, raw: bytes) -> Credentials:
    """POST: fetches the partner's versions while the request is open, then answers TOKEN_C."""
    return await _accept(hub, caller, version, raw, claim="claim_invitation")


async def renew(hub: Hub, caller: Caller, version: str, raw: bytes) -> Credentials:
    """PUT: the endpoints are fetched again and the token is always a new one."""
    return await _accept(hub, caller, version, raw, claim="claim_renewal")


async def unregister(hub: Hub, caller: Caller) -> None:
    """DELETE: both tokens die; what the partner published stays, it only cannot be reached."""
    await end(hub, caller.platform.platform_id, state="REMOVED", connection="OFFLINE")


async def end(hub: Hub, platform_id: int, *, state: str, connection: str) -> None:
    """Revokes every token of the platform, both directions, and empties its queue."""
    now = hub.clock.now()
    async with hub.db.transaction() as conn:
        await conn.execute(SQL["revoke"], platform_id, "IN", now)
        await conn.execute(SQL["revoke"], platform_id, "OUT", now)
        await conn.execute(SQL["set_state"], platform_id, state, connection)
        await conn.execute(SQL["touch_parties"], platform_id, now)
        await conn.execute(SQL["forget_deliveries"], platform_id)
        await client_info.announce_platform(hub, conn, platform_id, peer.new_id())
    await hub.refresh_network()


async def _accept(hub: Hub, caller: Caller, version: str, raw: bytes, *, claim: str) -> Credentials:
    sent: Credentials = hub.wire.decode(version, "credentials", raw)
    handshake.parties(sent, hub.party)
    check_roles(caller.platform, sent.roles)
    roles = frozenset(fold(r.role) for r in sent.roles)
    found = await discover(hub, sent.url, sent.token, roles=roles, wanted=version)
    token = new_token()
    async with hub.db.transaction() as conn:
        claimed = await conn.fetchval(SQL[claim], caller.credential.credential_id, hub.clock.now())
        if claimed is None:
            raise _not_allowed("this token was used by another request just now")
        await store_registration(
            hub, conn, caller.platform.platform_id, sent=sent, found=found, token=token
        )
    await hub.refresh_network()
    return own_credentials(hub, token)


def check_roles(platform: Platform, roles: tuple[CredentialsRole, ...]) -> None:
    """Every role sent is one of the invited ones (ocn-node's hole: PUT takes over a party)."""
    invited = {(m.party, m.role) for m in platform.members}
    for index, role in enumerate(roles):
        party = PartyId(fold(role.country_code), fold(role.party_id))
        if (party, fold(role.role)) not in invited:
            raise invalid(
                f"roles[{index}]", f"{role.role} {party} was not invited on this platform"
            )


async def store_registration(
    hub: Hub, conn: Any, platform_id: int, *, sent: Credentials, found: Discovery, token: str
) -> None:
    """Everything a finished handshake leaves behind, inside the caller's transaction."""
    now = hub.clock.now()
    await conn.execute(SQL["revoke"], platform_id, "IN", now)
    await conn.execute(SQL["revoke"], platform_id, "OUT", now)
    await conn.execute(SQL["add_inbound"], platform_id, "C", token_hash(token), None, now)
    sealed = hub.seal.close(sent.token, context=peer.seal_context(platform_id))
    await conn.execute(SQL["add_outbound"], platform_id, "B", sealed, now)
    await conn.execute(SQL["clear_endpoints"], platform_id)
    for module, role, url in found.endpoints:
        await conn.execute(SQL["add_endpoint"], platform_id, found.version, module, role, url)
    quirks = msgspec.json.encode({"token": "raw" if found.is_raw else "base64"}).decode()
    await conn.execute(SQL["registered"], platform_id, found.version, sent.url, now, quirks)
    for said in sent.roles:
        details = msgspec.json.encode(msgspec.to_builtins(said.business_details)).decode()
        await conn.execute(
            SQL["describe"],
            fold(said.country_code),
            fold(said.party_id),
            fold(said.role),
            said.business_details.name,
            details,
            now,
        )
    await conn.execute(SQL["ask_pull"], str(platform_id), now)
    await client_info.announce_platform(hub, conn, platform_id, peer.new_id())


def own_credentials(hub: Hub, token: str) -> Credentials:
    """What the hub says of itself: one role, HUB; the parties behind it come by hubclientinfo."""
    role = CredentialsRole(
        role=Role.HUB,
        business_details=BusinessDetails(name="NetworkCore"),
        country_code=hub.party.country_code,
        party_id=hub.party.party_id,
    )
    return Credentials(token=token, url=hub.versions_url, roles=(role,))


async def discover(
    hub: Hub, versions_url: str, token: str, *, roles: frozenset[str], wanted: str | None
) -> Discovery:
    """Reads a partner's versions and the details of the common one (3001, 3002, 3003)."""
    body, is_raw = await _fetch_versions(hub, versions_url, token)
    decode = partial(hub.wire.decode, hub.wire.preferred)
    version = _readable(lambda: handshake.pick_version(decode, body, hub.wire.versions, wanted))
    answer = await _fetch(hub, version.url, token, is_raw=is_raw)
    if not answer.is_success:
        raise UnfetchedError("its version details could not be fetched", answer)
    found = _readable(lambda: handshake.pick_endpoints(decode, answer.body, roles))
    endpoints = tuple(
        (fold(e.identifier).lower(), fold(e.role), e.url) for e in found[:ENDPOINTS_MAX]
    )
    known = tuple(e for e in endpoints if e[1] in {"SENDER", "RECEIVER"})
    return Discovery(version=version.version, endpoints=_completed(known), is_raw=is_raw)


def _readable(read: Callable[[], T]) -> T:
    """The partner's answer, read; what it says of itself stays out of the hub's own words."""
    try:
        return read()
    except OcpiError as error:
        if error.code == UNUSABLE_API:
            raise _unusable("its versions or version details cannot be read") from error
        raise


def _completed(endpoints: tuple[tuple[str, str, str], ...]) -> tuple[tuple[str, str, str], ...]:
    """Some CPOs serve commands without saying so: derived from the credentials URL (§10.10)."""
    has = {(module, role) for module, role, _ in endpoints}
    is_cpo = ("locations", "SENDER") in has
    if not is_cpo or ("commands", "RECEIVER") in has:
        return endpoints
    url = next(url for module, _, url in endpoints if module == "credentials")
    base, found, _ = url.rstrip("/").rpartition("/credentials")
    return (*endpoints, ("commands", "RECEIVER", f"{base}/commands")) if found else endpoints


async def _fetch_versions(hub: Hub, url: str, token: str) -> tuple[bytes, bool]:
    """Base64 first, as the standard says; raw once for partners that refuse it."""
    for is_raw in (False, True):
        answer = await _fetch(hub, url, token, is_raw=is_raw)
        if answer.is_success:
            return answer.body, is_raw
        if answer.http_status not in peer.HTTP_UNAUTHORISED:
            break
    raise UnfetchedError("its versions could not be fetched", answer)


async def _fetch(hub: Hub, url: str, token: str, *, is_raw: bool) -> peer.Answer:
    request = Request(method="GET", url=url, module="versions", timeout_s=FETCH_TIMEOUT_S)
    return await ask_stranger(hub, request, token, is_raw=is_raw)


def _unusable(why: str) -> OcpiError:
    """One wording for every address: it tells nothing about what lives there."""
    return OcpiError(UNUSABLE_API, 200, f"url: {why}")


def _not_allowed(why: str) -> OcpiError:
    return OcpiError(CLIENT_ERROR, 405, why)


def invited_platform(network: Network, party: PartyId, role: str) -> Platform | None:
    """The platform on which this role of the party lives, if it was ever invited."""
    for member in network.by_party.get(party, ()):
        if member.role == role:
            return network.platforms[member.platform_id]
    return None
