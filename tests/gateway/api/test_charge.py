"""One charge over the plain API: asked for, started, followed, stopped, billed."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from gateway.console import exchange as console
from gateway.sim import profile as who
from gateway.sim.partner import envelope

KOELN = {
    "country_code": "DE", "party_id": "RHE", "location_id": "KOELN-DOM", "evse_uid": "KOELN-DOM-1",
}  # fmt: skip


async def test_charge_when_walked_then_every_status_comes_and_the_bill_is_the_quote(living) -> None:
    quote = (await living.call("POST", "/quotes", KOELN | {"energy_kwh": "24.5"})).body
    # 1.00 start fee and 24.5 kWh, each with 19 % German VAT, as the profile publishes them
    net = who.GERMAN_PRICE.start_fee + Decimal("24.5") * who.GERMAN_PRICE.per_kwh
    assert Decimal(quote["total"]["before_taxes"]) == net
    assert Decimal(quote["total"]["after_taxes"]) == net * Decimal("1.19")
    assert {line["dimension"] for line in quote["lines"]} == {"FLAT", "ENERGY"}
    assert sum(Decimal(line["amount"]) for line in quote["lines"]) == net
    assert quote["currency"] == "EUR"

    begun = await living.start()
    charge_id = begun.body["id"]
    assert begun.status == 202
    assert begun.headers["Location"] == f"/api/v1/sessions/{charge_id}"
    assert begun.body["status"] in {"PENDING", "ACTIVE"}
    early = await living.call("GET", f"/sessions/{charge_id}/receipt")
    assert (early.status, early.body["title"]) == (409, "not settled")
    active = await living.until(charge_id, "ACTIVE")
    assert active["currency"] == "EUR"

    (charge,) = living.cpo.charges.values()
    assert charge.token["contract_id"] == "FR-BLZ-C1"
    assert (charge.token["country_code"], charge.token["party_id"]) == ("FR", "BLZ")
    charge.started_at -= timedelta(minutes=42)
    await living.cpo.meter(charge, Decimal("24.500"))
    metered = (await living.call("GET", f"/sessions/{charge_id}")).body
    assert metered["kwh"] == "24.500"
    assert Decimal(metered["cost"]["before_taxes"]) == net

    stopped = await living.call("POST", f"/sessions/{charge_id}/stop")
    assert stopped.status == 202
    assert stopped.body["status"] in {"STOPPING", "COMPLETED"}
    await living.until(charge_id, "COMPLETED")
    again = await living.call("POST", f"/sessions/{charge_id}/stop")
    assert (again.status, again.body["status"]) == (202, "COMPLETED")
    await living.billed()
    assert (await living.call("GET", f"/sessions/{charge_id}")).body["status"] == "SETTLED"

    receipt = (await living.call("GET", f"/sessions/{charge_id}/receipt")).body
    assert Decimal(receipt["total"]["after_taxes"]) == round(net * Decimal("1.19"), 2)
    total = receipt["total"]
    assert Decimal(total["before_taxes"]) + Decimal(receipt["vat"]) == Decimal(total["after_taxes"])
    assert receipt["energy_kwh"] == "24.500"
    assert len(receipt["documents"]) == 1
    pdf = await _receipt(living, charge_id, "application/pdf")
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert pdf.raw.startswith(b"%PDF")
    for accept in ("application/json, application/pdf;q=0.5", "*/*", "text/html", "application/pdf;q=0"):  # fmt: skip
        assert "json" in (await _receipt(living, charge_id, accept)).headers["Content-Type"]

    exchanges = await _exchanges(living)
    shown = await console.recent(living.db, module="api", outcome="ok", limit=100)
    assert {"/api/v1/quotes", "/api/v1/sessions"} <= {x["path"] for x in shown}
    assert {x["party"] for x in shown} == {"FR-BLZ"}
    of_start = [x for x in exchanges if x["path"].endswith("/sessions") and x["http_status"] == 202]
    assert [x["from_party"] for x in of_start] == ["FR-BLZ"]
    correlation = of_start[0]["correlation_id"]
    onward = await living.db.fetchval(
        "SELECT count(*) FROM command WHERE correlation_id = $1", correlation
    )
    assert onward == 1
    assert not any(living.token.encode() in (x["request"] or b"") + (x["response"] or b"") for x in exchanges)  # fmt: skip
    assert not any(b"%PDF" in (x["response"] or b"") for x in exchanges)


async def _receipt(living: Any, charge_id: str, accept: str) -> Any:
    return await living.call("GET", f"/sessions/{charge_id}/receipt", headers={"Accept": accept})


async def _exchanges(living: Any) -> list[Any]:
    await living.assembly.exchanges.flush()
    return await living.db.fetch("SELECT * FROM exchange WHERE module = 'api' ORDER BY exchange_id")


async def test_start_when_the_operator_refuses_then_rejected_with_its_reason(living) -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return envelope({"result": "REJECTED", "timeout": 30}, living.hub.clock.now())

    await _serve_command(living, refuse)
    begun = await living.start()
    assert (begun.status, begun.body["status"], begun.body["reason"]) == (202, "REJECTED", "REJECTED")  # fmt: skip
    stop = await living.call("POST", f"/sessions/{begun.body['id']}/stop")
    assert (stop.status, stop.body["title"]) == (409, "not started")


async def _serve_command(living: Any, handler: Any) -> None:
    """The operator's platform answers commands with `handler` from now on, on a new address."""
    routes = living.cpo.routes
    living.cpo.routes = lambda: [
        (m, p, handler if p.startswith("/commands") else h) for m, p, h in routes()
    ]
    await living.cpo.stop()
    await living.cpo.start()
    await living.cpo.renew(living.hub.versions_url)


async def test_start_when_the_answer_is_nonsense_then_rejected_and_nothing_of_it_is_told(
    living,
) -> None:
    answers: list[bytes] = []

    async def speak(_request: web.Request) -> web.Response:
        return web.Response(body=answers.pop(0), content_type="application/json")

    await _serve_command(living, speak)
    for said in (b"<html>secret", b'{"status_code":1000,"data":{"result":7},"timestamp":"x"}',
                 b'{"status_code":2000,"status_message":"secret","timestamp":"2026-01-01T00:00:00Z"}',
                 b'{"status_code":1000,"data":[],"timestamp":"2026-01-01T00:00:00Z"}'):  # fmt: skip
        answers.append(said)
        begun = await living.start()
        assert (begun.status, begun.body["status"]) == (202, "REJECTED"), said
        assert "secret" not in begun.raw.decode()


async def test_start_when_the_result_never_comes_then_timeout_and_a_late_session_still_counts(
    living,
) -> None:
    bodies: list[Any] = []

    async def accept(request: web.Request) -> web.Response:
        bodies.append(json.loads(await request.read()))
        return envelope({"result": "ACCEPTED", "timeout": 30}, living.hub.clock.now())

    await _serve_command(living, accept)
    charge_id = (await living.start()).body["id"]
    assert (await living.call("GET", f"/sessions/{charge_id}")).body["status"] == "PENDING"
    early = await living.call("POST", f"/sessions/{charge_id}/stop")
    assert early.status == 409
    await living.db.execute("UPDATE command SET expires_at = now() - interval '1 minute'")
    late = await living.until(charge_id, "REJECTED")
    assert late["reason"] == "TIMEOUT"
    await living.cpo.begin(
        bodies[0]["token"], living.cpo.stations[0], auth_method="COMMAND",
        authorization_reference=bodies[0]["authorization_reference"],
    )  # fmt: skip
    assert (await living.call("GET", f"/sessions/{charge_id}")).body["status"] == "ACTIVE"


async def test_start_when_the_operator_knows_no_reference_then_its_session_is_recognised(
    living,
) -> None:
    async def accept(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        task = asyncio.create_task(
            living.cpo.begin(body["token"], living.cpo.stations[0], auth_method="COMMAND")
        )
        living.cpo._tasks.add(task)
        return envelope({"result": "ACCEPTED", "timeout": 30}, living.hub.clock.now())

    await _serve_command(living, accept)
    charge_id = (await living.start()).body["id"]
    other = await living.start(evse_uid="KOELN-DOM-2")
    await living.until(charge_id, "ACTIVE")
    assert other.body["session_id"] is None


async def test_start_when_the_operator_is_away_then_rejected_with_a_reason(living) -> None:
    await living.cpo.stop()
    begun = await living.start()
    assert (begun.status, begun.body["status"]) == (202, "REJECTED")
    assert "reached" in begun.body["reason"]


async def test_stop_when_the_operator_refuses_then_502_and_the_key_is_free(living) -> None:
    charge_id = (await living.start()).body["id"]
    await living.until(charge_id, "ACTIVE")
    await living.cpo.stop()
    path = f"/sessions/{charge_id}/stop"
    first = await living.call("POST", path, key="stop-1")
    assert (first.status, first.headers["Content-Type"]) == (502, "application/problem+json")
    await living.cpo.start()
    await living.cpo.renew(living.hub.versions_url)
    assert (await living.call("POST", path, key="stop-1")).status == 202
    await living.until(charge_id, "COMPLETED")


async def test_stop_when_the_station_fails_or_is_silent_then_the_session_is_active_again(
    living,
) -> None:
    charge_id = (await living.start()).body["id"]
    await living.until(charge_id, "ACTIVE")

    async def accept(_request: web.Request) -> web.Response:
        return envelope({"result": "ACCEPTED", "timeout": 30}, living.hub.clock.now())

    await _serve_command(living, accept)
    path = f"/sessions/{charge_id}/stop"
    assert (await living.call("POST", path)).body["status"] == "STOPPING"
    await living.db.execute(
        """UPDATE command SET result = '{"result": "FAILED"}' WHERE kind = 'STOP_SESSION'"""
    )
    assert (await living.call("GET", f"/sessions/{charge_id}")).body["status"] == "ACTIVE"
    assert (await living.call("POST", path)).body["status"] == "STOPPING"
    await living.db.execute("UPDATE command SET expires_at = now() - interval '1 second'")
    await living.until(charge_id, "ACTIVE")


async def test_start_when_no_process_lived_to_ask_then_it_ends_as_timeout(living) -> None:
    charge_id = (await living.start()).body["id"]
    await living.until(charge_id, "ACTIVE")
    await living.db.execute("DELETE FROM session")
    await living.db.execute("UPDATE charge SET command_key = NULL")
    assert (await living.call("GET", f"/sessions/{charge_id}")).body["status"] == "PENDING"
    await living.db.execute("UPDATE charge SET requested_at = requested_at - interval '3 minutes'")
    found = (await living.call("GET", f"/sessions/{charge_id}")).body
    assert (found["status"], found["reason"]) == ("REJECTED", "TIMEOUT")


async def test_session_when_another_partner_asks_then_404_everywhere(living) -> None:
    charge_id = (await living.start()).body["id"]
    stranger = await living.admit(who.VOLTARIS)
    for method, path in (
        ("GET", f"/sessions/{charge_id}"), ("GET", f"/sessions/{charge_id}/receipt"),
        ("GET", f"/sessions/{charge_id}/events"), ("POST", f"/sessions/{charge_id}/stop"),
    ):  # fmt: skip
        theirs = await living.call(method, path, token=stranger)
        nobodys = await living.call(method, path.replace(charge_id, "nobody"), token=stranger)
        assert theirs.status == nobodys.status == 404
        assert theirs.body == nobodys.body
        assert theirs.body["field"] == "id"
    assert (await living.call("GET", f"/sessions/{charge_id}")).status == 200


async def test_quote_when_it_cannot_be_given_then_422_names_the_field(living) -> None:
    good = KOELN | {"energy_kwh": "10"}
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"location_id": "NOWHERE"}, "location_id"), ({"party_id": "XXX"}, "location_id"),
        ({"evse_uid": "NO"}, "evse_uid"), ({"connector_id": "9"}, "connector_id"),
        ({"energy_kwh": "-1"}, "energy_kwh"), ({"energy_kwh": 10}, "energy_kwh"), ({"energy_kwh": "NaN"}, "energy_kwh"),
        ({"energy_kwh": "1e9"}, "energy_kwh"), ({"duration_s": 0}, "duration_s"), ({"duration_s": 604801}, "duration_s"),
        ({"duration_s": 604800, "parking_s": 1}, "parking_s"), ({"start": "2026-01-01T00:00:00"}, "start"),
        ({"start": "0001-01-01T00:00:00+14:00"}, "start"), ({"start": "9999-12-31T23:59:59-14:00"}, "start"),
        ({"country_code": "DE\n"}, "country_code"), ({"location_id": "KÖLN"}, "location_id"),
        ({"location_id": "A\u0000B"}, "location_id"), ({"location_id": " "}, "location_id"),
    )  # fmt: skip
    for change, field in wrong:
        answer = await living.call("POST", "/quotes", good | change)
        assert (answer.status, answer.body["field"]) == (422, field), (change, answer.body)
    for field in ("country_code", "party_id", "location_id", "evse_uid", "energy_kwh"):
        lacking = {name: value for name, value in good.items() if name != field}
        answer = await living.call("POST", "/quotes", lacking)
        assert (answer.status, answer.body["field"]) == (422, field)
    tolerated = good | {"connector_id": "1", "country_code": "de", "a_new_field": {"x": [1]}}
    assert (await living.call("POST", "/quotes", tolerated)).status == 200
    parked = (await living.call("POST", "/quotes", good | {"parking_s": 600, "duration_s": 1})).body
    assert Decimal(parked["total"]["before_taxes"]) == who.GERMAN_PRICE.start_fee + 10 * who.GERMAN_PRICE.per_kwh  # fmt: skip
