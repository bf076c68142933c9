"""The object tables: one row per published object, its body as the owner wrote it.

Five aggregates, one way to read and write them: a `Kind` names the SQL file and says which columns
are taken out of the model. The columns are for finding; the truth is `body`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.store.database import Database
from gateway.store.sql import load
from ocpi.errors import invalid
from ocpi.model.cdr import Cdr
from ocpi.model.location import Location
from ocpi.model.party import PartyId, fold
from ocpi.model.session import Session
from ocpi.model.tariff import Tariff
from ocpi.model.token import Token

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_DEGREES = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{1,20})?\Z")
CONTRACT_SEPARATORS = str.maketrans("", "", "-* ")


class Key(msgspec.Struct, frozen=True):
    """What an object is found by; `variant` is the token's type and empty for all else."""

    owner: PartyId
    id_key: str
    variant: str = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One stored object."""

    key: Key
    version: str
    body: bytes
    last_updated: datetime

    @property
    def body_hash(self) -> bytes:
        return hashlib.sha256(self.body).digest()


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """How one module's objects are stored. `wire_kind` is what the codec calls them."""

    module: str
    wire_kind: str
    sql: Mapping[str, str]
    columns: Callable[[Any], tuple[object, ...]]
    has_variant: bool = False


class Place(msgspec.Struct, frozen=True):
    """Where a page ends: the key of its last row in the order of the scan."""

    last_updated: datetime = BEGINNING
    country_code: str = ""
    party_id: str = ""
    id_key: str = ""
    variant: str = ""


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`parties`: for sessions and CDRs who asks, else which owners are hidden."""

    parties: tuple[str, ...] = ()
    date_from: datetime | None = None
    date_to: datetime | None = None
    owner: PartyId | None = None
    limit: int = 50
    offset: int = 0
    after: Place = Place()


def contract_key(contract_id: str) -> str:
    """The contract id as it is compared: upper case, separators removed."""
    return fold(contract_id).translate(CONTRACT_SEPARATORS)


def _location(x: Location) -> tuple[object, ...]:
    latitude = _degrees("coordinates.latitude", x.coordinates.latitude, 90)
    longitude = _degrees("coordinates.longitude", x.coordinates.longitude, 180)
    return (x.publish, latitude, longitude, x.country, x.time_zone)


def _degrees(field: str, text: str, limit: int) -> float:
    """For finding places near a point; the text itself stays as it is (OCPI GeoLocation)."""
    if _DEGREES.match(text) is None or abs(float(text)) > limit:
        raise invalid(field, "decimal degrees are expected")
    return float(text)


def _tariff(x: Tariff) -> tuple[object, ...]:
    return (x.currency,)


def _token(x: Token) -> tuple[object, ...]:
    return (contract_key(x.contract_id), x.valid, x.whitelist)


def _session(x: Session) -> tuple[object, ...]:
    token = x.cdr_token
    return (
        x.status, x.start_date_time, x.end_date_time, fold(x.location_id), x.evse_uid,
        fold(token.country_code), fold(token.party_id), token.uid, token.type,
        x.authorization_reference,
    )  # fmt: skip


def _cdr(x: Cdr) -> tuple[object, ...]:
    token = x.cdr_token
    reference = x.credit_reference_id
    return (
        fold(x.session_id) if x.session_id else None,
        fold(token.country_code), fold(token.party_id), token.uid,
        x.start_date_time, x.end_date_time, x.currency, bool(x.credit),
        fold(reference) if reference else None,
    )  # fmt: skip


def _kind(module: str, wire_kind: str, columns: Callable[[Any], tuple[object, ...]]) -> Kind:
    return Kind(
        module=module,
        wire_kind=wire_kind,
        sql=load("gateway.store", f"{wire_kind}.sql"),
        columns=columns,
        has_variant=wire_kind == "token",
    )


LOCATIONS = _kind("locations", "location", _location)
TARIFFS = _kind("tariffs", "tariff", _tariff)
TOKENS = _kind("tokens", "token", _token)
SESSIONS = _kind("sessions", "session", _session)
CDRS = _kind("cdrs", "cdr", _cdr)
KINDS: Mapping[str, Kind] = {k.module: k for k in (LOCATIONS, TARIFFS, TOKENS, SESSIONS, CDRS)}


async def upsert(
    conn: Any, kind: Kind, row: Row, value: Any, *fixed: object, is_held: bool = False
) -> bool | None:
    """True: new; False: changed; None: what is stored is as new, nothing was written.

    `is_held`: the caller has locked the row and compared what it must; it is not judged again.
    """
    inserted: bool | None = await conn.fetchval(
        kind.sql["upsert"],
        *_key(kind, row.key),
        row.version,
        row.body,
        row.body_hash,
        row.last_updated,
        *kind.columns(value),
        *fixed,
        is_held,
    )
    return inserted


async def get(db: Database, kind: Kind, key: Key) -> Row | None:
    """The object, if it is here."""
    return _row(kind, await db.fetchrow(kind.sql["get"], *_key(kind, key)))


async def lock(conn: Any, kind: Kind, key: Key) -> Row | None:
    """The object, held until the transaction ends."""
    return _row(kind, await conn.fetchrow(kind.sql["lock"], *_key(kind, key)))


async def page(db: Database, kind: Kind, query: PageQuery) -> list[Row]:
    """The next rows after `query.after`, in the order of the scan."""
    after = query.after
    place = (after.last_updated, after.country_code, after.party_id, after.id_key)
    records = await db.fetch(
        kind.sql["page"],
        query.date_from,
        query.date_to,
        query.owner.country_code if query.owner else None,
        query.owner.party_id if query.owner else None,
        query.limit,
        query.offset,
        list(query.parties),
        *((*place, after.variant) if kind.has_variant else place),
    )
    return [r for r in (_row(kind, record) for record in records) if r is not None]


async def count(db: Database, kind: Kind, query: PageQuery) -> int:
    """How many rows all pages of this query have together."""
    total: int = await db.fetchval(
        kind.sql["count"],
        query.date_from,
        query.date_to,
        query.owner.country_code if query.owner else None,
        query.owner.party_id if query.owner else None,
        list(query.parties),
    )
    return total


def place_of(row: Row) -> Place:
    """Where a page that ends with this row ends."""
    key = row.key
    owner = key.owner
    return Place(row.last_updated, owner.country_code, owner.party_id, key.id_key, key.variant)


def _key(kind: Kind, key: Key) -> tuple[str, ...]:
    plain = (key.owner.country_code, key.owner.party_id, key.id_key)
    return (*plain, key.variant) if kind.has_variant else plain


def _row(kind: Kind, record: Any) -> Row | None:
    if record is None:
        return None
    return Row(
        key=Key(
            PartyId(record["country_code"], record["party_id"]),
            record["id_key"],
            record["type"] if kind.has_variant else "",
        ),
        version=record["version"],
        body=record["body"],
        last_updated=record["last_updated"],
    )
