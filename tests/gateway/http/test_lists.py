"""Pages: nothing lost, nothing doubled, bounded, also while objects change (ocpi.md §7)."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.settings import Settings


async def crawl(partner: Any, path: str) -> list[dict[str, Any]]:
    found, pages = [], 0
    while path:
        status, body, headers = await partner.call_all("GET", path)
        assert status == 200, body
        found += body["data"]
        pages += 1
        link = headers.get("Link", "")
        path = link.split(">")[0].strip("<") if link else ""
        assert pages < 100
    return found


async def fill(cpo: Any, make: Any, count: int) -> None:
    for n in range(count):
        body = make.tariff(cpo.party, f"T{n}", updated=f"2026-11-20T10:{n // 3:02}:00Z")
        assert (await cpo.call("PUT", f"/receiver/tariffs/DE/AAA/T{n}", body))[0] == 201


async def test_crawl_when_objects_change_meanwhile_then_none_is_lost(join: Any, make: Any) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    await fill(cpo, make, 20)
    assert sorted(t["id"] for t in await crawl(emsp, "/sender/tariffs?limit=3")) == sorted(
        f"T{n}" for n in range(20)
    )
    _, body, headers = await emsp.call_all("GET", "/sender/tariffs?limit=5")
    assert (headers["X-Total-Count"], headers["X-Limit"]) == ("20", "1000")
    first = {t["id"] for t in body["data"]}
    for moved in (*first, "T19"):
        body = make.tariff(cpo.party, moved, updated="2026-11-20T11:00:00Z")
        await cpo.call("PUT", f"/receiver/tariffs/DE/AAA/{moved}", body)
    rest = await crawl(emsp, headers["Link"].split(">")[0].strip("<"))
    assert first | {t["id"] for t in rest} == {f"T{n}" for n in range(20)}


async def test_offset_and_dates_when_given_then_counted_and_exclusive_at_the_end(
    join: Any, make: Any
) -> None:
    cpo, emsp = await join("CPO", "DE-AAA"), await join("EMSP", "NL-BBB")
    await fill(cpo, make, 9)
    _, body = await emsp.call("GET", "/sender/tariffs?offset=4&limit=3")
    assert [t["id"] for t in body["data"]] == ["T4", "T5", "T6"]
    dates = "date_from=2026-11-20T10:01:00Z&date_to=2026-11-20T10:02:00Z"
    _, body, headers = await emsp.call_all("GET", f"/sender/tariffs?{dates}")
    assert {t["id"] for t in body["data"]} == {"T3", "T4", "T5"}
    assert headers["X-Total-Count"] == "3"
    assert "Link" not in headers
    assert [t["id"] for t in await crawl(emsp, f"/sender/tariffs?{dates}&limit=1")] == [
        "T3",
        "T4",
        "T5",
    ]


@pytest.mark.shared
async def test_queries_when_hostile_then_no_5xx(join: Any, make: Any, hostile: Any) -> None:
    emsp = await join("EMSP", "NL-BBB")
    from yarl import URL

    for query in hostile.lines("queries.txt"):
        if any(ord(c) < 32 for c in query):
            continue
        url = URL(
            f"{emsp.world.url}/ocpi/2.2.1/sender/tariffs?{query[:9000]}", encoded=query.isascii()
        )
        async with emsp.session.get(
            url, headers={"Authorization": f"Token {emsp.token}"}
        ) as answer:
            assert answer.status < 500, query[:100]


async def test_restart_when_everything_was_acknowledged_then_everything_is_there(
    settings: Settings, make: Any
) -> None:
    from .conftest import Partner, Started

    one = Started(settings)
    world = await one.start()
    async with Partner(world, "CPO", "DE-AAA") as cpo, Partner(world, "EMSP", "NL-BBB") as emsp:
        for partner in (cpo, emsp):
            assert (await partner.register())[0] == 200
        await fill(cpo, make, 5)
        assert (await cpo.call("POST", "/receiver/cdrs", make.cdr(cpo.party, emsp.party)))[0] == 201
        assert (await emsp.call("PUT", "/receiver/tokens/NL/BBB/TOK1", make.token(emsp.party)))[
            0
        ] == 201
        await one.stop()
        cpo.heard.clear()
        emsp.heard.clear()
        two = Started(settings)
        cpo.world = emsp.world = await two.start()
        try:
            assert len(await crawl(emsp, "/sender/tariffs?limit=2")) == 5
            assert len(await crawl(emsp, "/sender/cdrs")) == 1
            assert len(await crawl(cpo, "/sender/tokens")) == 1
            assert (await cpo.call("POST", "/receiver/cdrs", make.cdr(cpo.party, emsp.party)))[
                0
            ] == 200
        finally:
            await two.stop()
