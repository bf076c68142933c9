"""One CDR into money: audit, price, tax, split, exchange, postings, documents; or held.

Pure: the same item, reference and moment give the same result, with the versions it rests on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec

from ocpi.model.cdr import Cdr
from ocpi.model.party import fold
from settlement.errors import Held, Reason
from settlement.fx import Conversion, Quote, find
from settlement.fx.convert import at_mid
from settlement.ledger.entry import JournalEntry, Leg, entry, idem_key
from settlement.ledger.order import DocumentOrder
from settlement.ledger.split import CommissionContract, Split, share_out
from settlement.money import Money, Rounding, round_to_int, to_money
from settlement.pipeline import document, posting
from settlement.pipeline.audit import audit
from settlement.pipeline.credit import settle_credit
from settlement.pipeline.item import Reference, SettlementItem, SettlementPolicy
from settlement.pipeline.posting import Desk
from settlement.pipeline.pricing import PublicPrice, country_of, public_price
from settlement.pipeline.result import PIPELINE, Settled, Used, cdr_key
from settlement.tariff import answer, differences
from settlement.tax.agency import Service, service_leg
from settlement.tax.charging import Charging, Fee, charging_leg
from settlement.tax.leg import Supply, TaxLeg
from settlement.tax.model import MODELS, ContractModel
from settlement.tax.party import MoneyParty, driver

DEMAND = "demand"  # in a contract: whoever's token started the session
HUB = "hub"


class _Deal(msgspec.Struct, frozen=True, kw_only=True):
    """An audited item with everything that must be there."""

    item: SettlementItem
    reference: Reference
    policy: SettlementPolicy
    model: ContractModel
    desk: Desk
    cpo: MoneyParty
    demand: MoneyParty
    contract: CommissionContract
    price: PublicPrice

    @property
    def cdr(self) -> Cdr:
        return self.item.cdr


class _Legs(msgspec.Struct, frozen=True, kw_only=True):
    charging: TaxLeg
    commission: TaxLeg | None
    referral: TaxLeg | None
    split: Split
    share_deal: Conversion | None = None
    place_quotes: tuple[Quote, ...] = ()

    def all(self) -> tuple[TaxLeg, ...]:
        found = (self.charging, self.commission, self.referral)
        return tuple(leg for leg in found if leg is not None)


def settle(item: SettlementItem, reference: Reference, now: datetime) -> Settled | Held:
    """Everything one transaction writes for this CDR, or why it waits."""
    policy = policy_for(item, reference)
    if item.cdr.credit:
        return settle_credit(item, policy)
    deal = _deal(item, reference, policy, now)
    if isinstance(deal, Held):
        return deal
    legs = _tax(deal)
    if isinstance(legs, Held):
        return legs
    posted = _post(deal, legs)
    if isinstance(posted, Held):
        return posted
    return _result(deal, legs, *posted)


def policy_for(item: SettlementItem, reference: Reference) -> SettlementPolicy:
    key = f"{fold(item.cdr.country_code)}-{fold(item.cdr.party_id)}"
    return dict(reference.cpo_policies).get(key, reference.policy)


def _deal(
    item: SettlementItem, reference: Reference, policy: SettlementPolicy, now: datetime
) -> _Deal | Held:
    """The item audited and priced, with everything the money needs."""
    if held := audit(item, policy, now):
        return held
    if item.cdr.total_cost.before_taxes < 0:
        detail = "a negative total without credit"
        return Held(reason=Reason.CDR_INCONSISTENT, detail=detail, field="total_cost")
    price = public_price(item, policy)
    if isinstance(price, Held):
        return price
    if item.cpo is None or item.demand is None or item.contract is None:
        return Held(reason=Reason.PARTY_MISSING, detail="a party or its contract is not known")
    model = MODELS.get(reference.route)
    if model is None:
        detail = f"no contract model {reference.route!r}"
        return Held(reason=Reason.VAT_TREATMENT_MISSING, detail=detail)
    return _Deal(
        item=item,
        reference=reference,
        policy=policy,
        model=model,
        desk=Desk(quotes=reference.quotes, now=now),
        cpo=item.cpo,
        demand=item.demand,
        contract=_applicable(item.contract, item.demand),
        price=price,
    )


def _applicable(contract: CommissionContract, demand: MoneyParty) -> CommissionContract:
    """The shares of this session: a rule that names the partner beats the one for all partners."""
    named = any(rule.receiver == demand.key for rule in contract.shares)
    meant = {demand.key if named else DEMAND, HUB}
    shares = tuple(rule for rule in contract.shares if rule.receiver in meant)
    return msgspec.structs.replace(contract, shares=shares)


def _tax(deal: _Deal) -> _Legs | Held:
    charging = _charging(deal)
    if isinstance(charging, Held):
        return charging
    split = share_out(deal.contract, charging.currency, charging.net_minor, deal.cdr.total_energy)
    if isinstance(split, Held):
        return split
    commission = _service(deal, Supply.COMMISSION, split.commission_minor, charging.currency)
    if isinstance(commission, Held):
        return commission
    share = sum(part.amount_minor for part in split.shares if part.receiver != HUB)
    net = Money(amount_minor=share, currency=charging.currency)
    conversion = _exchanged(deal, net)
    if isinstance(conversion, Held):
        return conversion
    if conversion is not None:
        net = conversion.target
    referral = _service(deal, Supply.REFERRAL, net.amount_minor, net.currency)
    if isinstance(referral, Held):
        return referral
    legs = _Legs(
        charging=charging,
        commission=commission,
        referral=referral,
        split=split,
        share_deal=conversion,
    )
    return _in_place_currency(deal, legs)


def _exchanged(deal: _Deal, share: Money) -> Conversion | Held | None:
    """The demand partner's share in its own currency, where that is another one."""
    if not share.amount_minor or deal.demand.currency == share.currency:
        return None
    return deal.desk.sell(share, deal.demand.currency)


def _charging(deal: _Deal) -> TaxLeg | Held:
    cdr, priced = deal.cdr, deal.price.priced
    jurisdiction = deal.item.jurisdiction or country_of(cdr)
    if jurisdiction is None:
        detail = f"the country {cdr.cdr_location.country[:8]!r} of the charge point is not known"
        return Held(reason=Reason.VAT_ROW_MISSING, detail=detail, field="cdr_location.country")
    net, gross = _totals(deal)
    charging = Charging(
        rule=deal.model.leg(Supply.ELECTRICITY),
        cpo=deal.cpo,
        driver=driver(jurisdiction.partition("-")[0], cdr.currency),
        issuer=deal.reference.hub,
        jurisdiction=jurisdiction,
        tax_point=cdr.end_date_time.astimezone(ZoneInfo(deal.price.zone)).date(),
        currency=cdr.currency,
        fees=tuple(
            Fee(kind=document.kind_of(line, priced), net=line.net, gross=line.gross, vat=line.vat)
            for line in priced.lines
        ),
        net_minor=net,
        gross_minor=gross,
    )
    leg = charging_leg(charging, deal.reference.taxes)
    return leg if isinstance(leg, Held) else _as_stated(deal, leg)


def _totals(deal: _Deal) -> tuple[int | None, int | None]:
    """Minor units of what is known; inside the tolerance the CDR's own figures stand."""
    cdr, total, mode = deal.cdr, deal.price.priced.total, deal.policy.rounding

    def minor(value: Fraction | None) -> int | None:
        return None if value is None else to_money(value, cdr.currency, mode).amount_minor

    ours, gross = minor(total.before_taxes), minor(total.after_taxes)
    if ours is None:
        return None, gross
    stated = minor(Fraction(cdr.total_cost.before_taxes))
    if gross is None:
        return stated, None
    after = cdr.total_cost.after_taxes
    if after is not None:
        return stated, minor(Fraction(after))
    return stated, gross if stated == ours else None


def _as_stated(deal: _Deal, leg: TaxLeg) -> TaxLeg | Held:
    """What the tariff left open came from the VAT rows: the CDR must not say otherwise."""
    total, stated = deal.price.priced.total, deal.cdr.total_cost
    checks = (
        ("before_taxes", total.before_taxes, stated.before_taxes, leg.net_minor),
        ("after_taxes", total.after_taxes, stated.after_taxes, leg.gross_minor),
    )
    for name, ours, theirs, minor in checks:
        if ours is not None or theirs is None:
            continue
        said = to_money(theirs, leg.currency, Rounding.HALF_UP).amount_minor
        if abs(said - minor) > deal.policy.tolerance_minor:
            detail = f"the CDR says {theirs}, the VAT rows give {minor} minor units"
            return Held(reason=Reason.PRICE_MISMATCH, detail=detail, field=f"total_cost.{name}")
    return leg


def _service(deal: _Deal, supply: Supply, net_minor: int, currency: str) -> TaxLeg | Held | None:
    if not net_minor:
        return None
    hub = deal.reference.hub
    is_commission = supply is Supply.COMMISSION
    service = Service(
        rule=deal.model.leg(supply),
        supplier=hub if is_commission else deal.demand,
        customer=deal.cpo if is_commission else hub,
        issuer=hub,
        net=Money(amount_minor=net_minor, currency=currency),
        tax_point=deal.cdr.end_date_time.astimezone(ZoneInfo(deal.price.zone)).date(),
    )
    return service_leg(service, deal.reference.taxes)


def _in_place_currency(deal: _Deal, legs: _Legs) -> _Legs | Held:
    """VAT is also shown in the money of the country it is owed in (art. 230)."""
    quotes: list[Quote] = []
    shown: list[TaxLeg | None] = []
    hub = deal.reference.hub.currency
    for leg, home in (
        (legs.charging, deal.cpo.currency),
        (legs.commission, hub),
        (legs.referral, hub),
    ):
        if leg is None or not leg.vat_minor or leg.currency == home:
            shown.append(leg)
            continue
        quote = find(deal.reference.quotes, leg.currency, home, deal.desk.now)
        if isinstance(quote, Held):
            return quote
        vat = Money(amount_minor=leg.vat_minor, currency=leg.currency)
        minor = round_to_int(at_mid(vat, home, quote), Rounding.HALF_UP)
        quotes.append(quote)
        shown.append(
            msgspec.structs.replace(leg, vat_in_place_currency_minor=minor, place_currency=home)
        )
    charging, commission, referral = shown
    if charging is None:
        return legs
    return msgspec.structs.replace(
        legs,
        charging=charging,
        commission=commission,
        referral=referral,
        place_quotes=tuple(quotes),
    )


def _post(deal: _Deal, legs: _Legs) -> tuple[tuple[JournalEntry, ...], tuple[Quote, ...]] | Held:
    """One entry for the whole session; a free one posts nothing."""
    income = posting.collected(legs.charging, deal.demand, deal.item.collection, deal.desk)
    if isinstance(income, Held):
        return income
    due = legs.charging.gross_minor
    postings: list[Leg] = [*income.legs]
    quotes = [*income.quotes, *legs.place_quotes]
    if legs.commission is not None:
        postings += posting.commissioned(legs.commission)
        due -= legs.commission.gross_minor
    if legs.referral is not None:
        postings += posting.referred(legs.referral, legs.share_deal)
        quotes += [legs.share_deal.quote] if legs.share_deal else []
    net = Money(amount_minor=due, currency=legs.charging.currency)
    moved = posting.paid_out_in(deal.cpo, net, deal.desk)
    if isinstance(moved, Held):
        return moved
    postings += moved.legs
    quotes += moved.quotes
    if not any(leg.amount_minor for leg in postings):
        return (), tuple(quotes)
    key = cdr_key(deal.cdr)
    made = entry(
        kind="settlement",
        idem=idem_key("settlement", key),
        input_hash=deal.item.cdr_hash,
        occurred_at=deal.cdr.end_date_time,
        legs=postings,
        ref={
            "cdr": key,
            "cpo": deal.cpo.key,
            "demand": deal.demand.key,
            "tariff": deal.price.tariff_hash,
        },
    )
    return (made,), tuple(quotes)


def _orders(deal: _Deal, legs: _Legs) -> tuple[DocumentOrder, ...]:
    cdr, key = deal.cdr, cdr_key(deal.cdr)
    orders = []
    if legs.charging.gross_minor:
        orders.append(document.receipt(cdr, key, legs.charging, deal.price.priced))
    if legs.commission is not None:
        orders.append(document.service(cdr, key, legs.commission, deal.cpo.key))
    if legs.referral is not None:
        orders.append(document.service(cdr, key, legs.referral, deal.demand.key))
    return tuple(orders)


def _result(
    deal: _Deal, legs: _Legs, entries: tuple[JournalEntry, ...], quotes: tuple[Quote, ...]
) -> Settled:
    cdr, price, policy = deal.cdr, deal.price, deal.policy
    found = differences(cdr, price.priced, policy.rounding, policy.tolerance_minor)
    key, received = cdr_key(cdr), deal.item.received_at
    return Settled(
        cdr_key=key,
        kind="settlement",
        occurred_at=cdr.end_date_time,
        tax_point=legs.charging.tax_point,
        currency=cdr.currency,
        net_minor=legs.charging.net_minor,
        vat_minor=legs.charging.vat_minor,
        gross_minor=legs.charging.gross_minor,
        energy_kwh=cdr.total_energy,
        entries=entries,
        legs=legs.all(),
        orders=_orders(deal, legs),
        payables=posting.payables(entries, key, received, policy.payout_hours),
        split=legs.split,
        due_at=received + timedelta(hours=policy.payout_hours),
        price_json=msgspec.json.encode(answer(price.priced, found)),
        notes=(*price.notes, *(f"cost_part_differs: {d.field}" for d in found)),
        used=_used(deal, legs, quotes),
    )


def _used(deal: _Deal, legs: _Legs, quotes: tuple[Quote, ...]) -> Used:
    rows = [s.row_id for leg in legs.all() for s in leg.subtotals if s.row_id]
    rows += [leg.self_assessed_row_id for leg in legs.all() if leg.self_assessed_row_id]
    dealt = [f"{quote.provider}/{quote.quote_id}" for quote in quotes]
    return Used(
        pipeline=PIPELINE,
        cdr_hash=deal.item.cdr_hash.hex(),
        tariff_hash=deal.price.tariff_hash,
        published_hash=deal.price.published_hash,
        zone=deal.price.zone,
        policy=deal.policy.name,
        route=f"{deal.model.route}/{deal.model.version}",
        contract=f"{deal.contract.contract_id}/{deal.contract.version}",
        vat_rows=tuple(dict.fromkeys(rows)),
        quotes=tuple(dict.fromkeys(dealt)),
    )
