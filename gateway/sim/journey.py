"""One charge the whole way, and everything that must hold beside it: INTERFACE's six chapters."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from gateway.sim import network as networks
from gateway.sim.cpo import ChargePointOperator, energy_at
from gateway.sim.network import CAR_EMAID, CARD, WALLET_CONTRACT, Network
from gateway.sim.objects import Charge
from gateway.sim.operator import Books, Operator
from gateway.sim.partner import Reply, until
from gateway.sim.step import Steps

SPREAD_S = 10.0
SETTLE_S = 30.0
PAST = timedelta(minutes=42)
OVERCHARGE = Decimal("1.50")
STRANGER = "DEADBEEF000000"


async def walk(network: Network, operator: Operator, steps: Steps) -> None:
    """Every chapter in order; a chapter that cannot begin without the one before raises."""
    await register(network, operator, steps)
    await publish(network, steps)
    charges = await authorise(network, operator, steps)
    await charge(network, charges, steps)
    await settle(network, operator, steps)
    await refuse(network, operator, steps)


async def register(network: Network, operator: Operator, steps: Steps) -> None:
    """Four partners, each on its own address, by a real handshake."""
    steps.chapter("1 · Partners connect")
    learned = await networks.connect(network, operator)
    for name, endpoints in learned.items():
        steps.check(
            f"{name} registers over OCPI", ok=endpoints > 5, figure=f"{endpoints} endpoints"
        )
    found = await network.wallet.near("50.94", "6.96")
    steps.check(
        f"{network.wallet.profile.name} connects over /api/v1",
        ok=found.status == 200, figure=f"HTTP {found.status}",
    )  # fmt: skip


async def publish(network: Network, steps: Steps) -> None:
    """Everybody sees everybody without any bilateral set-up."""
    steps.chapter("2 · They see each other")
    for cpo in (network.rhein, network.fjord):
        count = await cpo.publish()
        steps.check(f"{cpo.profile.name} publishes", ok=count > 1, figure=f"{count} objects")
    voltaris = network.voltaris
    await until(lambda: len(voltaris.locations) == 4, SPREAD_S, "locations reaching the eMSP")
    steps.check(
        f"{voltaris.profile.name} sees both operators",
        ok=len(voltaris.tariffs) == 2,
        figure=f"{len(voltaris.locations)} locations, {len(voltaris.tariffs)} tariffs",
    )
    tokens = await networks.issue_tokens(network)
    for cpo in (network.rhein, network.fjord):
        await until(partial(_has_card, cpo), SPREAD_S, "the card reaching a CPO")
    steps.check("its card is known at every operator", ok=True, figure=f"{len(tokens)} tokens")
    near = await network.wallet.near("50.94", "6.96", 30_000)
    places = near.body["locations"]
    steps.check(
        f"{network.wallet.profile.name} finds places near Koeln",
        ok=len(places) == 2, figure=f"nearest {places[0]['name']}, {places[0]['distance_m']} m",
    )  # fmt: skip


async def authorise(network: Network, operator: Operator, steps: Steps) -> dict[str, Any]:
    """Card, app, car and wallet: four ways to begin."""
    steps.chapter("3 · May they charge?")
    charges: dict[str, Any] = {}
    koeln, bonn = network.rhein.stations
    card = await _card(network, steps)
    charges["card"] = await _begin(network.rhein, network.voltaris.tokens[CARD], koeln, 1, card)
    stranger = await network.rhein.authorise(STRANGER, koeln)
    steps.check(
        "an unknown card is refused",
        ok=stranger.http_status == 404 and stranger.status_code == 2004,
        figure=f"{stranger.status_code} in {_ms(stranger)}",
    )
    charges["app"] = await _app(network, steps)
    await operator.trust(network.car.roots, network.car.crls(network.rhein.now()))
    car = await _plug_and_charge(network, steps)
    token = network.voltaris.tokens[CAR_EMAID]
    charges["car"] = await _begin(network.rhein, token, bonn, 1, car)
    charges["over"] = await _begin(network.rhein, network.voltaris.tokens[CARD], bonn, 2, card)
    charges["quote"], charges["wallet"] = await _wallet(network, steps)
    return charges


async def _card(network: Network, steps: Steps) -> str | None:
    station = network.rhein.stations[0]
    first = await network.rhein.authorise(CARD, station)
    again = await network.rhein.authorise(CARD, station)
    allowed = [r.data["allowed"] if r.is_success else r.status_message for r in (first, again)]
    steps.check(
        "card at Koeln", ok=allowed == ["ALLOWED", "ALLOWED"],
        figure=f"{allowed[0]} in {_ms(first)}, again in {_ms(again)}",
    )  # fmt: skip
    reference = (first.data or {}).get("authorization_reference")
    return str(reference) if reference else None


async def _app(network: Network, steps: Steps) -> Charge:
    place = next(x for x in network.voltaris.locations.values() if x["id"] == "BERGEN-BRYGGEN")
    reply, result = await network.voltaris.start_session(CARD, place, "BERGEN-BRYGGEN-1")
    steps.check(
        "app start at Bergen (START_SESSION through the hub)",
        ok=result["result"] == "ACCEPTED",
        figure=f"answer in {_ms(reply)}, result {result['result']}",
    )
    (found,) = [c for c in network.fjord.charges.values() if c.evse_uid == "BERGEN-BRYGGEN-1"]
    found.started_at -= PAST
    return found


async def _plug_and_charge(network: Network, steps: Steps) -> str | None:
    body, elapsed_ms = await _ask_car(network)
    steps.check(
        "car at Bonn by its contract certificate (Plug & Charge)",
        ok=body.get("allowed") == "ALLOWED" and body.get("certificate_status") == "Accepted",
        figure=f"{body.get('allowed')} in {elapsed_ms:.1f} ms,"
        f" {len(body.get('checks', ()))} checks",
    )
    return body.get("authorization_reference")


async def _ask_car(network: Network) -> tuple[dict[str, Any], float]:
    return await network.rhein.authorise_car(
        network.car.emaid, network.car.chain_pem, network.rhein.stations[1]
    )


async def _wallet(network: Network, steps: Steps) -> tuple[Any, str]:
    wallet = network.wallet
    near = await wallet.near("50.94", "6.96")
    place = near.body["locations"][0]
    at = {
        "country_code": place["country_code"], "party_id": place["party_id"],
        "location_id": place["location_id"], "evse_uid": place["evses"][1]["uid"],
    }  # fmt: skip
    quote = await wallet.quote(at, "24.5")
    steps.check(
        "wallet asks for the price first",
        ok=quote.status == 200,
        figure=f"{quote.body['total']['after_taxes']} {quote.body['currency']}"
        f" in {quote.elapsed_us / 1000:.1f} ms",
    )
    begun = await wallet.begin(at, WALLET_CONTRACT, key="journey-start-1")
    again = await wallet.begin(at, WALLET_CONTRACT, key="journey-start-1")
    is_once = begun.status == again.status == 202 and begun.body["id"] == again.body["id"]
    steps.check(
        "wallet starts once, though it asks twice", ok=is_once,
        figure=f"HTTP {begun.status} in {begun.elapsed_us / 1000:.1f} ms",
    )  # fmt: skip
    session_id = begun.body["id"]
    await _wait_for(network, session_id, {"ACTIVE"})
    started = [c for c in network.rhein.charges.values() if c.evse_uid == at["evse_uid"]]
    for one in started:
        one.started_at -= PAST
        one.energy_kwh = Decimal("24.500")
    steps.check("its session is running", ok=len(started) == 1, figure=f"{len(started)} session")
    return quote.body, session_id


async def _wait_for(network: Network, session_id: str, wanted: set[str]) -> Any:
    for _ in range(int(SETTLE_S / 0.05)):
        answer = await network.wallet.status(session_id)
        if answer.body["status"] in wanted:
            return answer.body
        await asyncio.sleep(0.05)
    raise TimeoutError(f"session {session_id} is {answer.body['status']}, not one of {wanted}")


async def _begin(
    cpo: ChargePointOperator, token: Any, station: Any, evse_no: int, reference: str | None
) -> Charge:
    return await cpo.begin(
        token, station, evse_no=evse_no, auth_method="AUTH_REQUEST",
        authorization_reference=reference, ago=PAST,
    )  # fmt: skip


async def charge(network: Network, charges: dict[str, Any], steps: Steps) -> None:
    """Sessions run and end; CDRs arrive."""
    steps.chapter("4 · Energy flows")
    rhein, fjord, voltaris = network.rhein, network.fjord, network.voltaris
    running = ((rhein, charges["card"]), (fjord, charges["app"]), (rhein, charges["car"]),
               (rhein, charges["over"]))  # fmt: skip
    for cpo, one in running:
        for share in (4, 2, 1):
            await cpo.meter(one, energy_at(one.station, PAST) / 4 / share)
    await until(lambda: len(voltaris.sessions) >= 4, SPREAD_S, "sessions reaching the eMSP")
    steps.check("meters report", ok=True, figure=f"{len(voltaris.sessions)} sessions seen live")
    replies = []
    for cpo, one in running:
        await cpo.end(one)
        over = OVERCHARGE if one is charges["over"] else Decimal(0)
        replies.append(await cpo.bill(one, overcharge=over))
    steps.check(
        "CDRs are accepted when durable", ok=all(r.is_success for r in replies),
        figure=", ".join(_ms(r) for r in replies),
    )  # fmt: skip
    again = await rhein.send_cdr(rhein.cdrs[0])
    location = replies[0].headers.get("Location", "")
    steps.check(
        "a repeated CDR is the same one",
        ok=again.is_success and again.headers.get("Location") == location != "",
        figure=f"{again.status_code} in {_ms(again)}",
    )
    stopped = await network.wallet.end(charges["wallet"])
    body = await _wait_for(network, charges["wallet"], {"COMPLETED", "SETTLED"})
    steps.check("wallet stops its session", ok=stopped.status == 202, figure=f"{body['kwh']} kWh")
    await until(lambda: len(voltaris.cdrs) >= 4, SPREAD_S, "CDRs reaching the eMSP")
    steps.check("CDRs reach the eMSP", ok=True, figure=f"{len(voltaris.cdrs)} CDRs")
    network.wallet_session = charges["wallet"]
    network.wallet_quote = charges["quote"]


async def settle(network: Network, operator: Operator, steps: Steps) -> None:
    """VAT, split, FX, journal, documents, payouts; the second run changes nothing."""
    steps.chapter("5 · Everyone is paid")
    await operator.settle()
    books = await operator.books()
    _settled(books, steps)
    _documents(books, steps)
    receipt = await network.wallet.receipt(network.wallet_session)
    total = receipt.body["total"]["after_taxes"]
    quoted = network.wallet_quote["total"]["after_taxes"]
    same = round(Decimal(total), 2) == round(Decimal(quoted), 2)
    steps.check("the price billed is the price quoted", ok=same, figure=f"{quoted} → {total} EUR")
    pdf = await network.wallet.receipt(network.wallet_session, "application/pdf")
    steps.check(
        "the driver's receipt is a PDF", ok=pdf.raw.startswith(b"%PDF"),
        figure=f"{len(pdf.raw) // 1024} KiB",
    )  # fmt: skip
    await operator.settle()
    again = await operator.books()
    steps.check(
        "a second run changes nothing", ok=again.fingerprint == books.fingerprint,
        figure=books.fingerprint[:16],
    )  # fmt: skip


def _settled(books: Books, steps: Steps) -> None:
    reasons = [reason for _, reason in books.held]
    steps.check(
        "sessions are priced at the public tariff", ok=books.settled == 4 and books.waiting == 0,
        figure=f"{books.settled} settled",
    )  # fmt: skip
    steps.check(
        "the overcharged one is held with its reason", ok=reasons == ["price_mismatch"],
        figure=", ".join(reasons) or "none held",
    )  # fmt: skip
    steps.check(
        "the ledger is sound and balances to zero",
        ok=books.is_sound and books.entries > 0 and not any(t for _, t in books.totals),
        figure=f"{books.entries} entries, " + ", ".join(f"{c} {t}" for c, t in books.totals),
    )


def _documents(books: Books, steps: Steps) -> None:
    kinds = sorted({kind for _, kind, _, _ in books.documents})
    judged = books.documents_judged
    steps.check(
        "documents are issued and pass the EN 16931 rules",
        ok={"380", "389"} <= set(kinds) and judged == len(books.documents) > 0
        and not books.documents_failed,
        figure=f"{len(books.documents)} documents ({', '.join(kinds)}), {judged} judged,"
               f" {len(books.documents_failed)} failed",
    )  # fmt: skip
    currencies = {currency for currency, _, _ in books.payouts}
    steps.check(
        "everyone is paid in their own currency", ok={"EUR", "NOK"} <= currencies,
        figure=", ".join(f"{n} x {c} {total}" for c, n, total in books.payouts),
    )  # fmt: skip


async def refuse(network: Network, operator: Operator, steps: Steps) -> None:
    """What was withdrawn is refused from that moment on."""
    steps.chapter("6 · What is stolen stays locked")
    blocked = await network.voltaris.block(CARD)
    reply = await network.rhein.authorise(CARD, network.rhein.stations[0])
    allowed = (reply.data or {}).get("allowed")
    steps.check(
        "a stolen card is refused everywhere", ok=blocked.is_success and allowed == "BLOCKED",
        figure=f"blocked in {_ms(blocked)}, then {allowed} in {_ms(reply)}",
    )  # fmt: skip
    await operator.revoke(network.car.chain)
    body, elapsed_ms = await _ask_car(network)
    steps.check(
        "a revoked contract certificate is refused",
        ok=body.get("allowed") != "ALLOWED"
        and body.get("certificate_status") == "CertificateRevoked",
        figure=f"{body.get('certificate_status')} in {elapsed_ms:.1f} ms",
    )  # fmt: skip


def _has_card(cpo: ChargePointOperator) -> bool:
    return CARD in cpo.tokens


def _ms(reply: Reply) -> str:
    return f"{reply.elapsed_us / 1000:.1f} ms"
