"""Partners as the operator manages them: invite, register with them, suspend, resume, rotate."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.hub import client_info, credentials, peer
from gateway.hub.context import Hub
from gateway.hub.credentials import INVITATION_DAYS, SQL, Discovery
from gateway.hub.means import MeansError, checked_currency, checked_iban, checked_vat_id
from gateway.hub.network import Network, Platform
from gateway.hub.peer import Request
from gateway.hub.seal import new_token, token_hash
from ocpi import envelope
from ocpi.model.credentials import Credentials
from ocpi.model.party import PartyId, Role, fold

ROLES = frozenset({Role.CPO, Role.EMSP, Role.NAP, Role.NSP, Role.OTHER, Role.SCSP})
REGISTER_TIMEOUT_S = 30.0


class PartnerError(Exception):
    """What the operator asked for cannot be done; the text says what to do instead."""


class InvalidPartyError(PartnerError):
    """What was said of the party is wrong in itself; `field` names it."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """What goes to the partner. TOKEN_A is shown this once; the hub keeps only its hash."""

    versions_url: str
    token_a: str
    country_code: str
    party_id: str
    role: str


class NewParty(msgspec.Struct, frozen=True, kw_only=True):
    """A party that joins. `beside`: a party whose platform it shares."""

    party: PartyId
    role: str
    name: str
    vat_id: str | None = None
    iban: str | None = None
    currency: str = "EUR"
    beside: PartyId | None = None


async def invite(hub: Hub, new: NewParty) -> Invitation:
    """Makes the party (or finds it, while it is not registered) and a fresh TOKEN_A."""
    new = with_checked_means(new)
    _check(hub, new)
    token = new_token()
    now = hub.clock.now()
    async with hub.db.transaction() as conn:
        platform_id = await _platform_for(conn, new)
        await _add_party(conn, new, platform_id, now)
        await conn.execute(SQL["revoke"], platform_id, "IN", now)
        expires_at = now + INVITATION_DAYS
        await conn.execute(SQL["add_inbound"], platform_id, "A", token_hash(token), expires_at, now)
        await conn.execute(SQL["set_state"], platform_id, "INVITED", "PLANNED")
    await hub.refresh_network()
    return Invitation(
        versions_url=hub.versions_url,
        token_a=token,
        country_code=new.party.country_code,
        party_id=new.party.party_id,
        role=new.role,
    )


def _check(hub: Hub, new: NewParty) -> None:
    if new.role not in ROLES:
        raise InvalidPartyError("role", f"role: one of {', '.join(sorted(ROLES))} is expected")
    if new.party == hub.party:
        raise PartnerError(f"{new.party} is the hub itself")
    if not new.name.strip():
        raise InvalidPartyError("name", "name: the party's name is expected")


def with_checked_means(new: NewParty) -> NewParty:
    """The same with its account, VAT number and currency as the books write them."""
    try:
        return msgspec.structs.replace(
            new,
            vat_id=checked_vat_id(new.vat_id),
            iban=checked_iban(new.iban),
            currency=checked_currency(new.currency),
        )
    except MeansError as error:
        raise InvalidPartyError(error.field, str(error)) from None


async def _platform_for(conn: Any, new: NewParty) -> int:
    """The party's own platform again, the one it shares, or a new one."""
    known = await conn.fetchrow(SQL["party"], new.party.country_code, new.party.party_id, new.role)
    if known is not None:
        _check_open(known, new.party)
        return int(known["platform_id"])
    if new.beside is not None:
        found = await conn.fetchrow(SQL["platform_of"], *_pair(new.beside))
        if found is None:
            raise PartnerError(f"--beside: no party {new.beside}")
        _check_open(found, new.beside)
        return int(found["platform_id"])
    return int(await conn.fetchval(SQL["add_platform"], new.name))


def _check_open(row: Any, party: PartyId) -> None:
    if row["platform_state"] in {"REGISTERED", "SUSPENDED"}:
        raise PartnerError(f"{party} is registered: use `party rotate` or `party resume`")


async def _add_party(conn: Any, new: NewParty, platform_id: int, now: Any) -> None:
    details = msgspec.json.encode({"name": new.name}).decode()
    await conn.execute(
        SQL["add_party"],
        *_pair(new.party),
        new.role,
        platform_id,
        new.name,
        details,
        new.vat_id,
        new.iban,
        new.currency,
        now,
    )
    kind = "operator" if new.role == Role.CPO else "provider"
    prefix = f"{new.party.country_code}{new.party.party_id}"
    await conn.execute(SQL["add_prefix"], kind, prefix, *_pair(new.party))


def _pair(party: PartyId) -> tuple[str, str]:
    return (party.country_code, party.party_id)


async def register(
    hub: Hub, versions_url: str, token_a: str, *, version: str | None = None
) -> tuple[PartyId, ...]:
    """The hub starts the handshake: reads the partner's versions, POSTs its own credentials.

    The roles are those the partner answers with; a party that lives elsewhere already is refused
    before anything is kept.
    """
    found = await _discover(hub, versions_url, token_a, version)
    token_b = new_token()
    platform_id = await _begin(hub, versions_url, token_b)
    try:
        theirs = await _post(hub, found, token_a, token_b)
        await _finish(hub, platform_id, theirs, found, token_b)
    except BaseException:
        await credentials.end(hub, platform_id, state="REMOVED", connection="OFFLINE")
        raise
    await hub.refresh_network()
    return tuple(PartyId(fold(r.country_code), fold(r.party_id)) for r in theirs.roles)


async def _discover(hub: Hub, url: str, token: str, version: str | None) -> Discovery:
    try:
        return await credentials.discover(hub, url, token, roles=frozenset(), wanted=version)
    except credentials.UnfetchedError as error:
        raise PartnerError(f"{error.message} from {url}: {error.answer.trouble}") from error


async def _begin(hub: Hub, versions_url: str, token_b: str) -> int:
    """The partner calls the hub's versions with TOKEN_B while the POST is open: it works now."""
    now = hub.clock.now()
    async with hub.db.transaction() as conn:
        platform_id = int(await conn.fetchval(SQL["add_platform"], versions_url[:200]))
        await conn.execute(
            SQL["add_inbound"], platform_id, "A", token_hash(token_b), now + INVITATION_DAYS, now
        )
    await hub.refresh_network()
    return platform_id


async def _post(hub: Hub, found: Discovery, token_a: str, token_b: str) -> Credentials:
    url = next(url for module, _, url in found.endpoints if module == "credentials")
    own = credentials.own_credentials(hub, token_b)
    body, _ = hub.wire.encode(found.version, own)
    answer = await peer.ask_stranger(
        hub,
        Request(
            method="POST", url=url, body=body, module="credentials", timeout_s=REGISTER_TIMEOUT_S
        ),
        token_a,
        is_raw=found.is_raw,
    )
    return _read_credentials(hub, found.version, answer)


def _read_credentials(hub: Hub, version: str, answer: peer.Answer) -> Credentials:
    data = envelope.single(answer.envelope.data) if answer.envelope else None
    if not answer.is_success or data is None:
        raise PartnerError(f"the credentials were not taken at {answer.url}: {answer.trouble}")
    theirs: Credentials = hub.wire.decode(version, "credentials", data)
    return theirs


async def _finish(
    hub: Hub, platform_id: int, theirs: Credentials, found: Discovery, token_b: str
) -> None:
    async with hub.db.transaction() as conn:
        for role in theirs.roles:
            party = PartyId(fold(role.country_code), fold(role.party_id))
            new = NewParty(party=party, role=fold(role.role), name=role.business_details.name)
            await _adopt(hub, conn, new, platform_id)
        await credentials.store_registration(
            hub, conn, platform_id, sent=theirs, found=found, token=token_b
        )


async def _adopt(hub: Hub, conn: Any, new: NewParty, platform_id: int) -> None:
    """A new party, or one that was invited or removed and now comes by this way."""
    _check(hub, new)
    known = await conn.fetchrow(SQL["party"], *_pair(new.party), new.role)
    if known is None:
        await _add_party(conn, new, platform_id, hub.clock.now())
        return
    _check_open(known, new.party)
    await conn.execute(SQL["move_party"], *_pair(new.party), new.role, platform_id)


async def rotate(hub: Hub, party: PartyId) -> None:
    """PUT of the hub's credentials with a new token; the partner answers with a new one too."""
    platform = registered_platform(hub.directory.now, party)
    url = platform.endpoint("credentials", "RECEIVER") or platform.endpoint("credentials", "SENDER")
    if url is None or platform.version is None or platform.versions_url is None:
        raise PartnerError(f"{party} serves no credentials: ask it to PUT its own")
    token = new_token()
    now = hub.clock.now()
    async with hub.db.transaction() as conn:
        await conn.execute(
            SQL["add_inbound"], platform.platform_id, "C", token_hash(token), None, now
        )
    await hub.refresh_network()
    body, _ = hub.wire.encode(platform.version, credentials.own_credentials(hub, token))
    request = Request(
        method="PUT", url=url, body=body, module="credentials", timeout_s=REGISTER_TIMEOUT_S
    )
    answer = await peer.ask(hub, platform, request)
    theirs = _read_credentials(hub, platform.version, answer)
    credentials.check_roles(platform, theirs.roles)
    found = await _discover(hub, theirs.url, theirs.token, platform.version)
    async with hub.db.transaction() as conn:
        await credentials.store_registration(
            hub, conn, platform.platform_id, sent=theirs, found=found, token=token
        )
    await hub.refresh_network()


async def suspend(hub: Hub, party: PartyId) -> None:
    """From this moment the platform may only read its credentials; it keeps its tokens."""
    platform = registered_platform(hub.directory.now, party)
    await _set_state(hub, platform, "SUSPENDED", "SUSPENDED")


async def resume(hub: Hub, party: PartyId) -> None:
    """The platform may speak again; it counts as connected until it fails to answer."""
    platform = _platform(hub.directory.now, party)
    if platform.state != "SUSPENDED":
        raise PartnerError(f"{party} is not suspended")
    await _set_state(hub, platform, "REGISTERED", "CONNECTED")


async def _set_state(hub: Hub, platform: Platform, state: str, connection: str) -> None:
    now = hub.clock.now()
    async with hub.db.transaction() as conn:
        await conn.execute(SQL["set_state"], platform.platform_id, state, connection)
        await conn.execute(SQL["touch_parties"], platform.platform_id, now)
        await client_info.announce_platform(hub, conn, platform.platform_id, peer.new_id())
    await hub.refresh_network()
    hub.wake()


def registered_platform(network: Network, party: PartyId) -> Platform:
    """The party's platform, which must be registered."""
    platform = _platform(network, party)
    if not platform.is_registered:
        raise PartnerError(f"{party} is {platform.state.lower()}, not registered")
    return platform


def _platform(network: Network, party: PartyId) -> Platform:
    members = network.by_party.get(party)
    if not members:
        raise PartnerError(f"no party {party}: see `networkcore party list`")
    return network.platforms[members[0].platform_id]
