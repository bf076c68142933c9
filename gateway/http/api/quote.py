"""The price before the start, line by line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gateway.http.api import shape
from gateway.http.api.operation import Answer, Call
from gateway.http.api.problem import Refusal
from gateway.hub import quote as quotes
from gateway.hub.quote import Estimate, Wish
from ocpi.model.party import party
from settlement.tariff.explain import answer

PAST_MAX = timedelta(days=1)
AHEAD_MAX = timedelta(days=366)


async def quote(call: Call) -> Answer:
    """`POST /quotes`: nothing is reserved, nothing is added to the operator's tariff."""
    body: shape.QuoteRequest = call.body
    if body.duration_s + body.parking_s > shape.PLAN_S_MAX:
        raise Refusal(
            422, "invalid-field", "parking_s: a week at most, charging included", "parking_s"
        )
    wish = Wish(
        asker=call.partner.party,
        owner=party(body.country_code, body.party_id),
        location_id=body.location_id,
        evse_uid=body.evse_uid,
        connector_id=body.connector_id,
        energy_kwh=Decimal(body.energy_kwh),
        charging_s=body.duration_s,
        parking_s=body.parking_s,
        start=_start(body.start, call.hub.clock.now()),
    )
    return Answer(value=_shape(await quotes.quote(call.hub, wish)))


def _start(asked: datetime | None, now: datetime) -> datetime:
    """Now, or a moment about which today's tariffs say something."""
    if asked is None:
        return now
    if not now - PAST_MAX <= asked <= now + AHEAD_MAX:
        detail = "start: from a day ago to a year ahead"
        raise Refusal(422, "invalid-field", detail, "start")
    return asked.astimezone(UTC)


def _shape(found: Estimate) -> shape.Quote:
    explained = answer(found.priced, ())
    after = explained.total.after_taxes
    components = [c for e in found.tariff.elements for c in e.price_components]
    return shape.Quote(
        currency=explained.currency,
        tariff_id=found.tariff.id,
        tariff_hash=found.content_hash.hex(),
        total=shape.Total(
            before_taxes=Decimal(explained.total.before_taxes or 0),
            after_taxes=None if after is None else Decimal(after),
        ),
        lines=tuple(
            shape.QuoteLine(
                dimension=line.dimension,
                quantity=Decimal(line.billed_quantity),
                unit_price=Decimal(line.unit_price),
                amount=Decimal(line.amount),
                why=line.why,
            )
            for line in explained.lines
        ),
        components=tuple(
            shape.Component(type=c.type, price=c.price, vat_percent=c.vat, step_size=c.step_size)
            for c in components
        ),
        notes=explained.warnings,
    )
