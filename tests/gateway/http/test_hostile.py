"""Bad input: every refusal is an envelope that says what to mend, nothing is half-written, no 5xx."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import random
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from ocpi.model.party import PartyId

STATE = """SELECT (SELECT jsonb_agg(t ORDER BY t.country_code, t.party_id, t.id_key) FROM {0} t)"""
TABLES = ("location", "tariff", "token", "session", "cdr", "cdr_conflict", "tariff_version")


async def state(database: Any) -> tuple[Any, ...]:
    return tuple([json.loads(await database.fetchval(STATE.format(t)) or "[]") for t in TABLES])


async def raw(world: Any, data: bytes, timeout_s: float = 3.0) -> bytes:
    """What the server answers to these bytes, until it closes or falls silent."""
    port = int(world.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        await writer.drain()
        answer = b""
        while piece := await asyncio.wait_for(reader.read(65536), timeout_s):
            answer += piece
            if b"\r\n\r\n" in answer:
                break
    except (TimeoutError, ConnectionError):
        return b""
    else:
        return answer
    finally:
        writer.close()


def spell(text: str) -> str:
    """The real value of a line of the data files: escapes as in a JSON string."""
    for name, value in (("\\t", "\t"), ("\\n", "\n"), ("\\r", "\r")):
        text = text.replace(name, value)
    return (
        text.encode("utf-8", "surrogatepass").decode("unicode_escape", "ignore")
        if "\\u" in text
        else text
    )


# --- impersonation -------------------------------------------------------------------------------

OWN, SIBLING, FOREIGN, UNKNOWN = "DE-AAA", "DE-AAB", "NL-CPO", "XX-XXX"


async def test_impersonation_when_any_place_names_another_party_then_refused_and_nothing_changes(
    join: Any, make: Any, database: Any
) -> None:
    """{URL, from-header, body} x {own, sibling, foreign, unknown, other case, look-alike}, generated."""
    cpo = await join("CPO", OWN, SIBLING)
    victim = await join("CPO", FOREIGN)
    emsp = await join("EMSP", "NL-BBB")
    await victim.call("PUT", "/receiver/locations/NL/CPO/L", make.location(victim.party, "L"))
    await asyncio.sleep(0.2)
    before, told = await state(database), len(emsp.heard)
    parties = [
        PartyId(*p.split("-")) for p in (OWN, SIBLING, FOREIGN, UNKNOWN, "DE-AAa", "DE-A\u0410A")
    ]
    refused = accepted = 0
    for url, from_, body in itertools.product(parties, [*parties, None], parties):
        headers = {} if from_ is None else cpo.routing(from_=from_)
        if any(not v.isascii() for v in headers.values()):
            continue
        path = f"/receiver/locations/{url.country_code}/{quote(url.party_id)}/L"
        status, answer = await cpo.call("PUT", path, make.location(body, "L"), headers=headers)
        upper = {str(p).upper() for p in (url, body, *([from_] if from_ else []))}
        is_own = len(upper) == 1 and upper <= {OWN, SIBLING}
        ok = answer["status_code"] == 1000
        assert ok == is_own, (url, from_, body, answer)
        assert status < 500
        refused, accepted = refused + (not ok), accepted + ok
    assert accepted
    assert refused > 150
    after = await state(database)
    assert [x for x in after[0] if x["party_id"] == "CPO"] == before[0]
    assert {x["party_id"] for x in after[0]} == {"CPO", "AAA", "AAB"}
    await asyncio.sleep(0.3)
    for entry in emsp.heard[told:]:
        assert entry[3]["party_id"].upper() in {"AAA", "AAB"}


@pytest.mark.parametrize("who", [FOREIGN, UNKNOWN])
async def test_impersonation_when_other_modules_name_another_party_then_nothing_changes(
    join: Any, make: Any, database: Any, who: str
) -> None:
    cpo, emsp = await join("CPO", OWN), await join("EMSP", "NL-BBB")
    await join("CPO", FOREIGN)
    foreign = PartyId(*who.split("-"))
    before = await state(database)
    cc, pid = foreign.country_code, foreign.party_id
    requests = [
        (cpo, "PUT", f"/receiver/tariffs/{cc}/{pid}/T1", make.tariff(foreign)),
        (cpo, "PUT", "/receiver/tariffs/DE/AAA/T1", make.tariff(foreign)),
        (cpo, "DELETE", f"/receiver/tariffs/{cc}/{pid}/T1", None),
        (cpo, "PUT", f"/receiver/sessions/{cc}/{pid}/S1", make.session(foreign, emsp.party)),
        (cpo, "PUT", "/receiver/sessions/DE/AAA/S1", make.session(foreign, emsp.party)),
        (cpo, "POST", "/receiver/cdrs", make.cdr(foreign, emsp.party)),
        (emsp, "PUT", f"/receiver/tokens/{cc}/{pid}/TOK1", make.token(foreign)),
        (emsp, "PUT", "/receiver/tokens/NL/BBB/TOK1", make.token(foreign)),
        (emsp, "PUT", "/receiver/locations/NL/BBB/L", make.location(emsp.party, "L")),
        (cpo, "PUT", "/receiver/tokens/DE/AAA/TOK1", make.token(cpo.party)),
        (emsp, "POST", "/receiver/cdrs", make.cdr(emsp.party, emsp.party)),
        (cpo, "PUT", "/receiver/locations/DE/AAA/OTHER", make.location(cpo.party, "L")),
    ]
    for partner, method, path, body in requests:
        status, answer = await partner.call(method, path, body)
        assert status in {200, 404}, (path, answer)
        assert 2000 <= answer["status_code"] < 3000, (path, answer)
        assert "data" not in answer
    direct = cpo.routing(emsp.party)
    wrong_token = make.session(cpo.party, PartyId("NL", "CCC"))
    answer = (await cpo.call("PUT", "/receiver/sessions/DE/AAA/S1", wrong_token, headers=direct))[1]
    assert answer["status_code"] == 2001
    answer = (
        await cpo.call(
            "POST", "/receiver/cdrs", make.cdr(cpo.party, PartyId("NL", "CCC")), headers=direct
        )
    )[1]
    assert answer["status_code"] == 2001
    assert "cdr_token" in answer["status_message"]
    assert await state(database) == before


# --- bodies --------------------------------------------------------------------------------------


async def test_coordinates_when_not_degrees_then_2001_names_them(
    join: Any, make: Any, database: Any
) -> None:
    cpo = await join("CPO", OWN)
    for latitude in ("abc", "nan", "inf", "1e5", "91", "\u0661\u0662.5", "", "1_0"):
        place = {"latitude": latitude, "longitude": "3.729944"}
        body = make.location(cpo.party, "L", coordinates=place)
        status, answer = await cpo.call("PUT", "/receiver/locations/DE/AAA/L", body)
        assert (status, answer["status_code"]) == (200, 2001), latitude
        assert "coordinates.latitude" in answer["status_message"]
    assert await database.fetchval("SELECT count(*) FROM location") == 0


async def test_bodies_when_not_json_then_400_and_when_not_the_schema_then_2001(
    join: Any, database: Any
) -> None:
    cpo = await join("CPO", OWN)
    path = "/receiver/locations/DE/AAA/L"
    for data in (b"", b"{", b"nul", b"\xff\xfe", b'{"a":1}}', b"<xml/>"):
        status, answer = await cpo.call("PUT", path, raw=data)
        assert (status, answer["status_code"]) == (400, 2001), (data, answer)
    for data in (b"{}", b"[]", b"1", b'"x"', b"null", b'{"id": 5}'):
        status, answer = await cpo.call("PUT", path, raw=data)
        assert (status, answer["status_code"]) == (200, 2001), (data, answer)


@pytest.mark.shared
async def test_json_suite_when_put_as_a_body_then_no_5xx_and_no_change(
    join: Any, database: Any, hostile: Any
) -> None:
    cpo = await join("CPO", OWN)
    before = await state(database)
    for name, encoded in hostile.json("jsontestsuite.json").items():
        status, answer = await cpo.call(
            "PUT", "/receiver/locations/DE/AAA/L", raw=base64.b64decode(encoded)
        )
        assert status < 500, name
        assert answer["status_code"] in range(2000, 3000), name
    assert await state(database) == before


@pytest.mark.shared
async def test_numbers_and_dates_when_hostile_then_refused_or_kept_and_never_5xx(
    join: Any, make: Any, hostile: Any
) -> None:
    cpo, emsp = await join("CPO", OWN), await join("EMSP", "NL-BBB")
    template = json.dumps(make.cdr(cpo.party, emsp.party, "HERE", total_energy=123456))
    for n, number in enumerate(hostile.lines("numbers.txt")):
        data = template.replace("123456", number).replace("HERE", f"N{n}").encode()
        async with asyncio.timeout(2):
            status, answer = await cpo.call("POST", "/receiver/cdrs", raw=data)
        assert status < 500, number[:80]
        assert answer["status_code"] < 3000
    for value in hostile.lines("datetimes.txt"):
        body = make.tariff(cpo.party, updated=spell(value))
        data = json.dumps(body).encode("utf-8", "replace")
        status, answer = await cpo.call("PUT", "/receiver/tariffs/DE/AAA/T1", raw=data)
        assert status < 500, value
        assert answer["status_code"] < 3000


@pytest.mark.shared
async def test_ids_and_naughty_strings_when_in_path_body_and_headers_then_never_5xx(
    join: Any, make: Any, hostile: Any
) -> None:
    cpo = await join("CPO", OWN)
    root = f"{cpo.world.url}/ocpi/2.2.1"
    texts = [spell(x) for x in hostile.lines("ids.txt")] + hostile.json("blns.json")
    for text in random.Random(1).sample(texts, 150):
        encoded = quote(text[:2000], safe="", errors="replace")
        data = json.dumps(make.location(cpo.party, text)).encode("utf-8", "replace")
        for path in (
            f"/receiver/locations/DE/AAA/{encoded}",
            f"/receiver/locations/{encoded}/AAA/L",
        ):
            url = URL(root + path, encoded=True)
            async with cpo.session.put(
                url, data=data, headers={"Authorization": f"Token {cpo.token}"}
            ) as answer:
                assert answer.status < 500, repr(text)
        name = make.location(cpo.party, name=text, last_updated=make.stamp())
        async with cpo.session.put(
            f"{root}/receiver/locations/DE/AAA/LOC1",
            data=json.dumps(name).encode("utf-8", "replace"), headers={"Authorization": f"Token {cpo.token}"},
        ) as answer:  # fmt: skip
            assert answer.status < 500, repr(text)
        clean = "".join(c for c in text if c.isprintable() and ord(c) < 256)[:500]
        for header in (
            "X-Request-ID",
            "X-Correlation-ID",
            "OCPI-to-party-id",
            "OCPI-from-country-code",
        ):
            status, _ = await cpo.call("GET", "/sender/tokens", headers={header: clean})
            assert status < 500, (header, clean)


# --- heads ---------------------------------------------------------------------------------------


@pytest.mark.shared
async def test_authorization_when_hostile_then_401_without_5xx(join: Any, hostile: Any) -> None:
    cpo = await join("CPO", OWN)
    for line in hostile.lines("authorization.txt"):
        value = spell(line).encode("utf-8", "replace")
        head = b"GET /ocpi/2.2.1/sender/tokens HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: "
        answer = await raw(cpo.world, head + value + b"\r\n\r\n")
        assert answer.startswith((b"HTTP/1.1 401", b"HTTP/1.1 400", b"HTTP/1.0 400")), (
            line,
            answer[:80],
        )


async def test_authorization_when_twice_or_missing_then_401(join: Any) -> None:
    cpo = await join("CPO", OWN)
    good = f"Authorization: Token {cpo.token}\r\n".encode()
    head = b"GET /ocpi/2.2.1/sender/tokens HTTP/1.1\r\nHost: h\r\n"
    assert (await raw(cpo.world, head + good + b"\r\n")).startswith(b"HTTP/1.1 200")
    assert (await raw(cpo.world, head + b"\r\n")).startswith(b"HTTP/1.1 401")
    assert (await raw(cpo.world, head + good + good + b"\r\n")).startswith(
        (b"HTTP/1.1 401", b"HTTP/1.1 400")
    )


@pytest.mark.shared
async def test_raw_requests_when_malformed_then_no_5xx_and_the_server_lives(
    join: Any, hostile: Any
) -> None:
    cpo = await join("CPO", OWN)
    for item in hostile.json("raw_requests.json"):
        answer = await raw(cpo.world, base64.b64decode(item["raw_b64"]), timeout_s=1.0)
        assert not answer.startswith(b"HTTP/1.1 5"), item["name"]
    assert (await cpo.call("GET", "/sender/tokens"))[0] == 200


async def test_sizes_when_too_large_then_refused_with_an_envelope(join: Any, make: Any) -> None:
    cpo = await join("CPO", OWN)
    path = "/receiver/locations/DE/AAA/L"
    status, answer = await cpo.call(
        "PUT", path, make.location(cpo.party, "L", name="x" * (1 << 20))
    )
    assert (status, answer["status_code"]) == (413, 2000)
    assert (await cpo.call("PUT", path, raw=b"[" * 100_000 + b"]" * 100_000))[1][
        "status_code"
    ] == 2001
    deep = make.location(cpo.party, "L")
    deep["x"] = json.loads("[" * 70 + "]" * 70)
    assert (await cpo.call("PUT", path, deep))[1]["status_code"] == 2001
    nul = json.dumps(make.location(cpo.party, "L", name="a\0b")).encode()
    status, answer = await cpo.call("PUT", path, raw=nul)
    assert (status, answer["status_code"]) == (200, 2001)
    assert "NUL" in answer["status_message"]
    assert (await cpo.call("GET", "/sender/tokens?x=" + "y" * 9000))[0] == 414
    many = {f"X-Extra-{n}": "1" for n in range(80)}
    assert (await cpo.call("GET", "/sender/tokens", headers=many))[0] in {400, 431}


async def test_unknown_fields_when_hostile_then_kept_or_refused_and_never_5xx(
    join: Any, make: Any
) -> None:
    """What nobody decodes is stored and passed on all the same; the database must not choke on it."""
    cpo, emsp = await join("CPO", OWN), await join("EMSP", "NL-BBB")
    loc = json.dumps(make.location(cpo.party, "L"))[:-1].encode()
    await cpo.call("PUT", "/receiver/locations/DE/AAA/L", make.location(cpo.party, "L"))
    command = {"response_url": emsp.url, "token": make.token(emsp.party), "location_id": "L"}
    start = json.dumps(command)[:-1].encode()
    patch = b'{"last_updated": "2026-11-20T11:00:00Z"'
    nasty = [
        b'"\xff"', b'"\\ud800"', b"1e1000000", b"-1e-1000000", b"9" * 500, b'"\\u0000"', b'"\x00"', b"[" * 90 + b"]" * 90,
        b'{"a":1,"a":2}', b'"\xed\xa0\x80"', b"NaN",
    ]  # fmt: skip
    for value in nasty:
        tail = b', "x_unknown": ' + value + b"}"
        for method, path, partner, body in (
            ("PUT", "/receiver/locations/DE/AAA/L", cpo, loc),
            ("PATCH", "/receiver/locations/DE/AAA/L", cpo, patch),
            ("PATCH", "/receiver/locations/DE/AAA/L/E1", cpo, patch),
            ("POST", "/receiver/commands/START_SESSION", emsp, start),
            ("POST", "/sender/tokens/TOK1/authorize", cpo, b'{"location_id": "L"'),
        ):
            status, answer = await partner.call(method, path, raw=body + tail)
            assert status < 500, (path, value, answer)
            assert answer["status_code"] < 3000 or answer["status_code"] >= 4000, (
                path,
                value,
                answer,
            )
    assert (await emsp.call("GET", "/sender/locations"))[0] == 200
    for query in ("type=%00", "type=%ED%A0%80", "type=" + "A" * 300):
        assert (await emsp.call("GET", f"/receiver/tokens/NL/BBB/TOK1?{query}"))[1][
            "status_code"
        ] in {2001, 2004}


async def test_paths_when_nothing_is_there_then_404_or_405_as_an_envelope(join: Any) -> None:
    cpo = await join("CPO", OWN)
    for method, path, status in (
        ("GET", "/nothing", 404), ("GET", "/receiver/locations/DE/AAA", 404), ("DELETE", "/receiver/locations/DE/AAA/L", 405),
        ("POST", "/sender/locations", 405), ("PUT", "/receiver/cdrs", 405), ("GET", "/receiver/locations/D1/AAA/L", 404),
    ):  # fmt: skip
        found, answer = await cpo.call(method, path)
        assert (found, answer["status_code"] // 1000) == (status, 2), (path, answer)
        assert (await cpo.call(method, path, token="unknown"))[0] == 401, path


async def test_ssrf_when_named_in_credentials_then_one_wording_and_no_canary(
    settings: Any, hostile: Any
) -> None:
    import msgspec

    from .conftest import Partner, Started

    hits = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal hits
        hits += 1
        writer.close()

    canary = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = canary.sockets[0].getsockname()[1]
    one = Started(msgspec.structs.replace(settings, allow_private_peers=False))
    world = await one.start()
    async with Partner(world, "CPO", OWN) as cpo:
        cpo.token = (await world.invite(OWN)).token_a
        wordings = set()
        for line in hostile.lines("ssrf_urls.txt")[1:]:
            url = line.partition("  #")[0].replace("{PORT}", str(port))
            if not url.strip() or ".test" in url:
                continue
            body = cpo.credentials() | {"url": url}
            status, answer = await cpo.call("POST", "/credentials", body)
            assert status in {200, 400}, (url, answer)
            if answer["status_code"] == 3001:
                wordings.add(answer["status_message"])
        assert len(wordings) == 1, wordings
    canary.close()
    await canary.wait_closed()
    await one.stop()
    assert hits == 0


async def test_body_when_the_caller_goes_away_within_it_then_no_stack_trace(
    join: Any, world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cpo = await join("CPO", "DE-AAA")
    port = int(world.url.rpartition(":")[2])
    head = (
        "POST /ocpi/2.2.1/receiver/cdrs HTTP/1.1\r\nHost: hub\r\nContent-Length: 100\r\n"
        f"Authorization: Token {cpo.token}\r\nContent-Type: application/json\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + b'{"id":')
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.transport.abort()
    await asyncio.sleep(0.1)
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == []
