"""The network as an authorisation sees it: standings, relations, issuers, whom to ask.

`Standings` is an immutable reading of one picture of the network (`gateway.hub.network`). A new
picture makes a new reading; nothing in it is computed before it is asked for.
"""

from __future__ import annotations

import msgspec

from gateway.hub.authorise.verdict import Standing
from gateway.hub.network import Credential, Network, Platform
from ocpi.model.party import PartyId, Role

MODULE = "tokens"
SENDER = "SENDER"
PROVIDER = "provider"
ISSUER_ROLES = frozenset({Role.EMSP, Role.NSP, Role.OTHER})
DEADLINE_S = 2.0
DEADLINE_MAX_S = 10.0


class IssuerPolicy(msgspec.Struct, frozen=True):
    """What an issuer demands of a request; kept under "authorise" in the platform's quirks."""

    location_required: bool = False
    location_known: bool = False
    deadline_s: float = DEADLINE_S
    emaid_as: str = ""


NO_POLICY = IssuerPolicy()


class Issuer(msgspec.Struct, frozen=True):
    """One party, ready to be judged and asked."""

    party: PartyId
    standing: Standing
    platform: Platform | None
    policy: IssuerPolicy = NO_POLICY


class Standings:
    """One reading; remembers what it was asked for."""

    def __init__(self, picture: Network) -> None:
        self.picture = picture
        self._issuers: dict[str, Issuer] = {}
        self._requesters: dict[str, Standing] = {}
        self._open: dict[tuple[str, str], bool] = {}

    def issuer(self, owner: str) -> Issuer:
        """The party called NLABC, as the one to be asked."""
        found = self._issuers.get(owner)
        if found is None:
            found = self._issuers[owner] = self._judge(PartyId(owner[:2], owner[2:]))
        return found

    def _judge(self, party: PartyId) -> Issuer:
        platform = self.picture.platform_of(party, module=MODULE, side=SENDER)
        if platform is None:
            return Issuer(party, Standing.ABSENT, None)
        return Issuer(party, _standing(platform), platform, _policy(platform))

    def requester(self, owner: str) -> Standing:
        """How a party stands as the one that asks: it is there, so it is not offline."""
        found = self._requesters.get(owner)
        if found is None:
            party = PartyId(owner[:2], owner[2:])
            platform = self.picture.platform_of(party, module=MODULE, side="RECEIVER")
            found = Standing.ABSENT if platform is None else _presence(platform)
            self._requesters[owner] = found
        return found

    def relation_open(self, left: str, right: str) -> bool:
        """Open unless a row closes either direction: either may shut the other out."""
        if not self.picture.relations:
            return True
        found = self._open.get((left, right))
        if found is None:
            one, other = PartyId(left[:2], left[2:]), PartyId(right[:2], right[2:])
            allows = self.picture.allows
            found = allows(one, other, MODULE) and allows(other, one, MODULE)
            self._open[left, right] = found
        return found

    def issuer_of_contract(self, emaid_key: str) -> Issuer | None:
        """The party that owns the provider prefix of a contract id.

        A party that merely is called like the prefix is not its owner (ocpi.md §2).
        """
        owner = self.picture.prefixes.get((PROVIDER, emaid_key[:5]))
        return self.issuer(owner.country_code + owner.party_id) if owner is not None else None

    def askable(self, requester: str) -> tuple[Issuer, ...]:
        """Everybody who might know a token nobody published: connected, with a tokens SENDER."""
        found: dict[int, Issuer] = {}
        for party, members in self.picture.by_party.items():
            owner = party.country_code + party.party_id
            if owner == requester or not any(m.role in ISSUER_ROLES for m in members):
                continue
            issuer = self.issuer(owner)
            is_up = issuer.standing is Standing.CONNECTED and issuer.platform is not None
            if is_up and self.relation_open(requester, owner):
                assert issuer.platform is not None
                found.setdefault(issuer.platform.platform_id, issuer)
        return tuple(found.values())


def same_network(left: Network, right: Network) -> bool:
    """Whether two pictures say the same, but for when somebody was last heard of."""
    if left is right:
        return True
    return (
        left.platforms.keys() == right.platforms.keys()
        and left.credentials.keys() == right.credentials.keys()
        and all(_same(left, right, name) for name in _COMPARED)
        and all(
            _same(platform, right.platforms[number], name)
            for number, platform in left.platforms.items()
            for name in _COMPARED_OF_PLATFORM
        )
        and all(
            _same(credential, right.credentials[digest], name)
            for digest, credential in left.credentials.items()
            for name in _COMPARED_OF_CREDENTIAL
        )
    )


def _same(left: object, right: object, name: str) -> bool:
    return bool(getattr(left, name) == getattr(right, name))


def _but(struct: type[msgspec.Struct], *names: str) -> tuple[str, ...]:
    """Every field that nobody has thought of is compared."""
    return tuple(name for name in struct.__struct_fields__ if name not in names)


_COMPARED = _but(Network, "platforms", "credentials", "bearers")
_COMPARED_OF_PLATFORM = _but(Platform, "last_seen")
_COMPARED_OF_CREDENTIAL = _but(Credential, "used_at")


def _standing(platform: Platform) -> Standing:
    presence = _presence(platform)
    if presence is not Standing.CONNECTED:
        return presence
    is_up = platform.is_registered and platform.connection == "CONNECTED"
    return Standing.CONNECTED if is_up and platform.endpoint(MODULE, SENDER) else Standing.OFFLINE


def _presence(platform: Platform) -> Standing:
    if "SUSPENDED" in (platform.state, platform.connection):
        return Standing.SUSPENDED
    return Standing.ABSENT if platform.state == "REMOVED" else Standing.CONNECTED


def _policy(platform: Platform) -> IssuerPolicy:
    """Quirks are written by people: what cannot be read is not there."""
    try:
        policy = msgspec.convert(platform.quirks.get("authorise", {}), IssuerPolicy)
    except msgspec.ValidationError:
        return NO_POLICY
    bounded = min(max(policy.deadline_s, 0.1), DEADLINE_MAX_S)
    return msgspec.structs.replace(policy, deadline_s=bounded)
