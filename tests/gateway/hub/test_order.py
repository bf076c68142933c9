"""Any order of arrival, any repetition: the same state at the end (reliability §5.3)."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.http.wire import WIRE
from gateway.store import object as store
from gateway.store.database import Database
from gateway.store.object import Key, Row
from ocpi.model.party import PartyId

OWNER = PartyId("NL", "ABC")
START = datetime(2026, 11, 20, tzinfo=UTC)


def tariff(minute: int, price: str) -> tuple[Row, Any]:
    at = START + timedelta(minutes=minute)
    body = json.dumps(
        {
            "country_code": "NL", "party_id": "ABC", "id": "T", "currency": "EUR",
            "elements": [{"price_components": [{"type": "ENERGY", "price": float(price), "step_size": 1}]}],
            "last_updated": at.isoformat().replace("+00:00", "Z"),
        }
    ).encode()  # fmt: skip
    row = Row(key=Key(OWNER, "T"), version="2.2.1", body=body, last_updated=at)
    return row, WIRE.decode("2.2.1", "tariff", body)


async def test_upsert_when_the_history_is_permuted_and_doubled_then_one_end(
    database: Database,
) -> None:
    history = [
        tariff(1, "0.10"),
        tariff(2, "0.20"),
        tariff(2, "0.30"),
        tariff(2, "0.40"),
        tariff(0, "0.50"),
    ]
    ends = set()
    for order in itertools.permutations(history):
        async with database.transaction() as conn:
            await conn.execute("TRUNCATE tariff")
            for row, value in (*order, order[0], order[2]):
                await store.upsert(conn, store.TARIFFS, row, value)
        found = await store.get(database, store.TARIFFS, Key(OWNER, "T"))
        assert found is not None
        ends.add(found.body)
    assert len(ends) == 1
    winner = max(history, key=lambda h: (h[0].last_updated, h[0].body_hash))
    assert ends == {winner[0].body}


async def test_upsert_when_it_meets_its_like_then_says_what_happened(database: Database) -> None:
    (first, one), (second, two) = tariff(1, "0.10"), tariff(2, "0.20")
    async with database.transaction() as conn:
        assert await store.upsert(conn, store.TARIFFS, first, one) is True
        assert await store.upsert(conn, store.TARIFFS, first, one) is None
        assert await store.upsert(conn, store.TARIFFS, second, two) is False
        assert await store.upsert(conn, store.TARIFFS, first, one) is None
        assert await store.upsert(conn, store.TARIFFS, first, one, is_held=True) is False
