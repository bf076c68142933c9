"""A small network in a real database: two CPOs in two currencies, a demand partner, finished sessions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from ocpi.wire import codec
from settlement.bank.rate import EcbReference
from settlement.ledger.split import CommissionContract, Measure, Rule
from settlement.store.item import Loader, Wire
from settlement.store.reference import (
    StoredReference,
    add_contract,
    add_share,
    add_vat_rate,
    seed_vat_rates,
)
from settlement.tax.party import Address, MoneyParty
from settlement.tax.row import Kind, TaxRow, Verified
from settlement.worker import Worker

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HUB = MoneyParty(
    key="NL-NCO",
    name="NetworkCore B.V.",
    country="NL",
    currency="EUR",
    vat_id="NL004495445B01",
    address=Address(street="Kade 1", postal_code="1011AA", city="Amsterdam", country="NL"),
    iban="NL91ABNA0417164300",
    bic="ABNANL2A",
)
PARTIES = (
    ("DE", "ABC", "CPO", "Ladewerk GmbH", "DE136695976", "DE89370400440532013000", "EUR"),
    ("NO", "KRN", "CPO", "Fjordlading AS", "NO974760673MVA", "NO9386011117947", "NOK"),
    ("DE", "DPX", "EMSP", "Fahrstrom GmbH", "DE129273398", "DE02120300000000202051", "EUR"),
)
VAT = {"DE": Decimal(19), "NO": Decimal(25)}
PRICE = {"EUR": Decimal("0.50"), "NOK": Decimal("5.00")}
ZONES = {"DE": "Europe/Berlin", "NO": "Europe/Oslo"}


class FixedClock:
    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def tariff(country: str, party: str, currency: str) -> dict:
    vat = float(VAT[country])
    return {
        "country_code": country,
        "party_id": party,
        "id": "T1",
        "currency": currency,
        "elements": [
            {
                "price_components": [
                    {"type": "ENERGY", "price": float(PRICE[currency]), "vat": vat, "step_size": 1}
                ]
            }
        ],
        "last_updated": "2026-01-01T00:00:00Z",
    }


def cdr(
    number: int,
    *,
    country: str = "DE",
    party: str = "ABC",
    currency: str = "EUR",
    kwh: str = "20",
    start: datetime = NOW - timedelta(hours=5),
    **changes: object,
) -> dict:
    energy = Decimal(kwh)
    net = energy * PRICE[currency]
    gross = (net * (100 + VAT[country]) / 100).quantize(Decimal("0.0001"))
    price = {"excl_vat": float(net), "incl_vat": float(gross)}
    body = {
        "country_code": country,
        "party_id": party,
        "id": f"CDR-{number}",
        "start_date_time": stamp(start),
        "end_date_time": stamp(start + timedelta(hours=1)),
        "session_id": f"S-{number}",
        "cdr_token": {
            "country_code": "DE",
            "party_id": "DPX",
            "uid": f"TOK{number}",
            "type": "RFID",
            "contract_id": "DE-DPX-C00000001-1",
        },
        "auth_method": "WHITELIST",
        "cdr_location": {
            "id": "LOC1",
            "name": "Yard",
            "address": "Road 1",
            "city": "Town",
            "postal_code": "10115",
            "country": {"DE": "DEU", "NO": "NOR"}[country],
            "coordinates": {"latitude": "52.500000", "longitude": "13.400000"},
            "evse_uid": f"E{number}",
            "evse_id": f"{country}*{party}*E{number}",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": currency,
        "tariffs": [tariff(country, party, currency)],
        "charging_periods": [
            {
                "start_date_time": stamp(start),
                "dimensions": [
                    {"type": "ENERGY", "volume": float(energy)},
                    {"type": "TIME", "volume": 1.0},
                ],
                "tariff_id": "T1",
            }
        ],
        "total_cost": price,
        "total_energy": float(energy),
        "total_energy_cost": price,
        "total_time": 1.0,
        "last_updated": stamp(start + timedelta(hours=1, minutes=1)),
    }
    return body | changes


class Network:
    """What the gateway would have written: parties, tariffs, CDRs with their outbox rows."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.clock = FixedClock()

    def worker(self, *, batch: int = 200, **options: object) -> Worker:
        reference = StoredReference(
            hub=HUB,
            ask_rate=EcbReference(spread=Decimal("0.004"), age_max=timedelta(days=45)).quote,
        )
        loader = Loader(Wire(decode=codec.decode))
        return Worker(self.pool.acquire, loader, reference, self.clock, batch=batch, **options)

    async def open(self) -> None:
        async with self.pool.acquire() as conn, conn.transaction():
            platform = await conn.fetchval(
                "INSERT INTO platform (name, kind, state) VALUES ('p', 'ocpi', 'REGISTERED') RETURNING platform_id"
            )
            for country, party, role, name, vat_id, iban, currency in PARTIES:
                address = json.dumps(
                    {"street": "Weg 1", "city": "Ort", "postal_code": "1", "country": country}
                )
                await conn.execute(
                    "INSERT INTO party (country_code, party_id, role, platform_id, name, vat_id, iban, bic, currency, address)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb)",
                    country, party, role, platform, name, vat_id, iban,
                    "DNBANOKKXXX" if country == "NO" else None, currency, address,
                )  # fmt: skip
                if role == "CPO":
                    await self.publish(conn, tariff(country, party, currency))
                    await conn.execute(
                        "INSERT INTO location (country_code, party_id, id_key, version, body, body_hash, last_updated, time_zone)"
                        " VALUES ($1, $2, 'LOC1', '2.2.1', '{}', sha256('{}'), now(), $3)",
                        country, party, ZONES[country],
                    )  # fmt: skip
            await seed_vat_rates(conn)
            for country, rate in VAT.items():
                await add_vat_rate(
                    conn,
                    TaxRow(
                        jurisdiction=country,
                        kind=Kind.EV_CHARGING,
                        rate=rate,
                        source="a letter",
                        verified=Verified.YES,
                        reviewer="R. Viewer",
                        reviewed_at=date(2026, 1, 2),
                    ),
                )
            await add_contract(
                conn,
                "*",
                CommissionContract(
                    contract_id="standard",
                    currency="EUR",
                    commission=(Rule(receiver="hub", measure=Measure.PERCENT, value=Decimal(3)),),
                ),
                valid_from=date(2026, 1, 1),
            )
            await add_share(
                conn,
                "*",
                (
                    Rule(receiver="demand", measure=Measure.PERCENT, value=Decimal("1.5")),
                    Rule(receiver="hub", measure=Measure.REST),
                ),
                valid_from=date(2026, 1, 1),
            )

    async def publish(self, conn: asyncpg.Connection, body: dict) -> None:
        raw = json.dumps(body).encode()
        await conn.execute(
            "INSERT INTO tariff_version (hash, country_code, party_id, id_key, version, body, published_at)"
            " VALUES (sha256($1), $2, $3, $4, '2.2.1', $1, '2026-01-01')",
            raw, body["country_code"], body["party_id"], body["id"],
        )  # fmt: skip

    async def add(self, *bodies: dict, queued: bool = True) -> list[int]:
        """As the gateway does it: the CDR and its outbox row in one transaction."""
        numbers = []
        async with self.pool.acquire() as conn, conn.transaction():
            for body in bodies:
                numbers.append(await self._add(conn, body))
                if queued:
                    await self.queue(conn, numbers[-1])
        return numbers

    async def queue(self, conn: asyncpg.Connection, number: int) -> None:
        await conn.execute(
            "INSERT INTO outbox (topic, key, not_before) VALUES ('settle', $1, '2026-01-01')",
            str(number),
        )

    async def _add(self, conn: asyncpg.Connection, body: dict) -> int:
        raw = body.pop("__raw__", None) or json.dumps(body).encode()
        token = body["cdr_token"]
        return await conn.fetchval(
            "INSERT INTO cdr (country_code, party_id, id_key, version, body, body_hash, last_updated, received_at, url_key,"
            " session_key, token_country, token_party, token_uid, started_at, ended_at, currency, credit, credit_reference_key)"
            " VALUES ($1, $2, $3, '2.2.1', $4, sha256($4), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING cdr_no",
            body["country_code"], body["party_id"], body["id"].upper(), raw, NOW, NOW - timedelta(hours=3),
            hashlib.sha256(f"{body['country_code']}{body['id']}".encode()).hexdigest(), body["session_id"],
            token["country_code"], token["party_id"], token["uid"],
            datetime.fromisoformat(body["start_date_time"]), datetime.fromisoformat(body["end_date_time"]),
            body["currency"], bool(body.get("credit")), (body.get("credit_reference_id") or "").upper() or None,
        )  # fmt: skip

    async def value(self, sql: str, *args: object) -> object:
        async with self.pool.acquire() as conn:
            return await conn.fetchval(sql, *args)

    async def rows(self, sql: str, *args: object) -> list[tuple]:
        async with self.pool.acquire() as conn:
            return [tuple(row) for row in await conn.fetch(sql, *args)]


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=6) as made:
        yield made


@pytest.fixture
async def network(pool: asyncpg.Pool) -> Network:
    made = Network(pool)
    await made.open()
    return made


@pytest.fixture
def make_cdr():
    return cdr


@pytest.fixture
def hub() -> MoneyParty:
    return HUB


MONEY_TABLES = (
    "journal", "balance", "chain", "account", "settlement", "held", "document_order", "document_due", "document",
    "document_session", "invoice_series", "payable", "payout", "payout_batch", "statement_line", "outbox", "fx_quote", "vat_rate",
)  # fmt: skip


@pytest.fixture
def snapshot(network: Network):
    """Every row of every table about money, as text: equal before and after means nothing changed."""

    async def take() -> dict[str, object]:
        return {
            table: await network.value(
                f"SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {table} t"
            )
            for table in MONEY_TABLES
        }

    return take
