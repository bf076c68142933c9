"""Who is connected: an immutable picture of platforms, parties, endpoints and relations.

Every process keeps one and reads it again after `AGE_MAX_S`, at once after its own changes, and
when somebody shows a token it does not know. When PostgreSQL is away the last picture stays in use.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec

from gateway.store.database import Database, StoreUnavailable
from gateway.store.sql import load
from ocpi.model.party import PartyId, Role

SQL = load("gateway.store", "network.sql")
AGE_MAX_S = 1.0
EPOCH_EVERY_S = 0.05
API_KIND = "API"
# Who gets what somebody else publishes: the opposite roles (OCPI transport "Broadcast Push").
# OTHER counts as eMSP-like: it gets a CPO's broadcast, its own goes to CPOs only.
SUPPLY_ROLES = frozenset({Role.CPO})
DEMAND_ROLES = frozenset({Role.EMSP, Role.NAP, Role.NSP, Role.SCSP, Role.OTHER})


# Kept by the hub until the receiver can take them, so no receiver is ever too far away.
DURABLE_MODULES = frozenset({"cdrs"})


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One role of one party."""

    party: PartyId
    role: str
    platform_id: int
    name: str
    business_details: bytes
    last_updated: datetime


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A token that the hub gave out, without the token."""

    credential_id: int
    platform_id: int
    kind: str
    expires_at: datetime | None
    used_at: datetime | None


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """One connected system, with every party that lives on it and everything it serves."""

    platform_id: int
    name: str
    kind: str
    state: str
    connection: str
    version: str | None
    versions_url: str | None
    last_seen: datetime | None
    quirks: dict[str, Any]
    members: tuple[Member, ...]
    endpoints: dict[tuple[str, str], str]
    token_kind: str | None
    token_sealed: bytes | None

    @property
    def is_registered(self) -> bool:
        return self.state == "REGISTERED"

    @property
    def parties(self) -> tuple[PartyId, ...]:
        return tuple(dict.fromkeys(m.party for m in self.members))

    def owns(self, party: PartyId) -> bool:
        return any(m.party == party for m in self.members)

    def roles_of(self, party: PartyId) -> frozenset[str]:
        return frozenset(m.role for m in self.members if m.party == party)

    def endpoint(self, module: str, role: str) -> str | None:
        return self.endpoints.get((module, role))


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """The picture. Lookups are dictionary reads; nothing here awaits."""

    hub: PartyId
    platforms: dict[int, Platform]
    by_party: dict[PartyId, tuple[Member, ...]]
    credentials: dict[bytes, Credential]
    relations: dict[tuple[str, str, str], bool]
    prefixes: dict[tuple[str, str], PartyId]
    bearers: dict[bytes, Credential] = {}  # of the plain API; they open nothing in OCPI

    def platform_of(self, party: PartyId, *, module: str, side: str) -> Platform | None:
        """The platform that serves this side of the module for the party; else any it lives on."""
        homes = [self.platforms[m.platform_id] for m in self.by_party.get(party, ())]
        serving = [p for p in homes if p.endpoint(module, side) is not None]
        return next(iter(serving or homes), None)

    def is_known(self, party: PartyId) -> bool:
        return party == self.hub or party in self.by_party

    def standing(self, party: PartyId, *, module: str) -> str | None:
        """How a party is connected (hubclientinfo's words); None when nobody is called so.

        CDRs are taken by the hub for whoever is away: they are money, and wait durably.
        """
        members = self.by_party.get(party)
        if members is None:
            return None
        homes = [self.platforms[m.platform_id] for m in members]
        if any(p.kind == "api" for p in homes) or module in DURABLE_MODULES:
            return "CONNECTED"
        states = [p.connection for p in homes]
        return "CONNECTED" if "CONNECTED" in states else states[0]

    def allows(self, origin: PartyId, receiver: PartyId, module: str) -> bool:
        """Everybody may talk to everybody unless a row says no; the most specific row wins."""
        for from_ in (str(origin), f"{origin.country_code}-*", "*-*"):
            for to in (str(receiver), f"{receiver.country_code}-*", "*-*"):
                for subject in (module, "*"):
                    allowed = self.relations.get((from_, to, subject))
                    if allowed is not None:
                        return allowed
        return True

    def hidden_from(self, asker: PartyId, module: str) -> tuple[str, ...]:
        """Owners whose objects this party must not see."""
        if not self.relations:
            return ()
        return tuple(
            str(p) for p in self.by_party if p != asker and not self.allows(p, asker, module)
        )

    def receivers(self, origin: PartyId, module: str) -> tuple[Member, ...]:
        """Whom a broadcast of `origin` reaches: opposite roles, registered, allowed, not itself."""
        roles = frozenset(m.role for m in self.by_party.get(origin, ()))
        wanted = _opposite(roles, module)
        found: dict[PartyId, Member] = {}
        for party, members in self.by_party.items():
            if party == origin:
                continue
            for member in members:
                if member.role in wanted and self._is_reachable(member, module):
                    found.setdefault(party, member)
        return tuple(m for p, m in found.items() if self.allows(origin, p, module))

    def _is_reachable(self, member: Member, module: str) -> bool:
        platform = self.platforms[member.platform_id]
        return platform.is_registered and platform.endpoint(module, "RECEIVER") is not None


def _opposite(roles: frozenset[str], module: str) -> frozenset[str]:
    if module == "tokens":
        return SUPPLY_ROLES
    if module in {"locations", "tariffs", "sessions", "cdrs"}:
        return DEMAND_ROLES
    return DEMAND_ROLES if roles & SUPPLY_ROLES else SUPPLY_ROLES


class Directory:
    """Holds this process's picture of the network and keeps it young."""

    def __init__(
        self, db: Database, hub: PartyId, *, epoch: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        """`epoch` changes when any process has changed the network: then the picture is old."""
        self._db = db
        self._hub = hub
        self._epoch = epoch
        self._epoch_read: object = None
        self._epoch_at = float("-inf")
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()
        self._network = Network(
            hub=hub, platforms={}, by_party={}, credentials={}, relations={}, prefixes={}
        )

    @property
    def now(self) -> Network:
        """The picture as it was last read, without waiting."""
        return self._network

    async def current(self) -> Network:
        """The picture, at most `AGE_MAX_S` old while PostgreSQL answers."""
        is_old = time.monotonic() - self._read_at > AGE_MAX_S
        if is_old or await self._is_changed():
            try:
                await self._read(time.monotonic() - (AGE_MAX_S if is_old else 0.0))
            except StoreUnavailable:
                if not self._network.platforms:
                    raise
                self._read_at = time.monotonic()
        return self._network

    async def _is_changed(self) -> bool:
        """Whether another process has changed the network; asked a few times a second at most."""
        now = time.monotonic()
        if self._epoch is None or now - self._epoch_at < EPOCH_EVERY_S:
            return False
        self._epoch_at = now
        return await self._epoch() != self._epoch_read

    async def reload(self) -> Network:
        """The picture as it is now: after an own change, or for a token nobody has seen."""
        await self._read(time.monotonic())
        return self._network

    async def reload_if_issued(self, token_hashes: tuple[bytes, ...]) -> Network:
        """For a token that is not in the picture: one look-up, and a new picture if it is real."""
        if await self._db.fetchval(SQL["is_issued"], list(token_hashes)):
            return await self.reload()
        return self._network

    async def _read(self, older_than: float) -> None:
        async with self._lock:
            if self._read_at > older_than:
                return
            epoch = await self._epoch() if self._epoch is not None else None
            started = time.monotonic()
            self._network = await _read(self._db, self._hub)
            self._read_at, self._epoch_read = started, epoch
            self._epoch_at = started


async def _read(db: Database, hub: PartyId) -> Network:
    members = [_member(r) for r in await db.fetch(SQL["parties"])]
    endpoints: dict[int, dict[tuple[str, str], str]] = {}
    for r in await db.fetch(SQL["endpoints"]):
        endpoints.setdefault(r["platform_id"], {})[(r["module"], r["role"])] = r["url"]
    outbound = {r["platform_id"]: r for r in await db.fetch(SQL["outbound"])}
    by_platform: dict[int, list[Member]] = {}
    by_party: dict[PartyId, list[Member]] = {}
    for member in members:
        by_platform.setdefault(member.platform_id, []).append(member)
        by_party.setdefault(member.party, []).append(member)
    platforms: dict[int, Platform] = {}
    for r in await db.fetch(SQL["platforms"]):
        out = outbound.get(r["platform_id"])
        platforms[r["platform_id"]] = Platform(
            platform_id=r["platform_id"],
            name=r["name"],
            kind=r["kind"],
            state=r["state"],
            connection=r["connection"],
            version=r["version"],
            versions_url=r["versions_url"],
            last_seen=r["last_seen"],
            quirks=msgspec.json.decode(r["quirks"], type=dict[str, Any]),
            members=tuple(by_platform.get(r["platform_id"], ())),
            endpoints=endpoints.get(r["platform_id"], {}),
            token_kind=out["kind"] if out else None,
            token_sealed=out["token_sealed"] if out else None,
        )
    credentials = await _credentials(db)
    return Network(
        hub=hub,
        platforms=platforms,
        by_party={p: tuple(m) for p, m in by_party.items()},
        credentials={h: c for h, c in credentials.items() if c.kind != API_KIND},
        bearers={h: c for h, c in credentials.items() if c.kind == API_KIND},
        relations=await _relations(db),
        prefixes={
            (r["kind"], r["prefix"]): PartyId(r["country_code"], r["party_id"])
            for r in await db.fetch(SQL["prefixes"])
        },
    )


async def _credentials(db: Database) -> dict[bytes, Credential]:
    return {
        r["token_hash"]: Credential(
            credential_id=r["credential_id"],
            platform_id=r["platform_id"],
            kind=r["kind"],
            expires_at=r["expires_at"],
            used_at=r["used_at"],
        )
        for r in await db.fetch(SQL["credentials"])
    }


async def _relations(db: Database) -> dict[tuple[str, str, str], bool]:
    return {
        (
            f"{r['from_country']}-{r['from_party']}",
            f"{r['to_country']}-{r['to_party']}",
            r["module"],
        ): r["allowed"]
        for r in await db.fetch(SQL["relations"])
    }


def _member(row: Any) -> Member:
    return Member(
        party=PartyId(row["country_code"], row["party_id"]),
        role=row["role"],
        platform_id=row["platform_id"],
        name=row["name"],
        business_details=row["business_details"].encode(),
        last_updated=row["last_updated"],
    )
