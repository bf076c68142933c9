"""The postings of one session: collected, owed, earned, shared; each currency sums to zero."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from settlement.errors import Held
from settlement.fx import Conversion, Quote, buy, sell
from settlement.ledger import account
from settlement.ledger.entry import JournalEntry, Leg
from settlement.ledger.exchange import conversion_legs, leg
from settlement.ledger.order import Payable
from settlement.money import Money
from settlement.pipeline.item import Collection
from settlement.tax.leg import Liable, TaxLeg
from settlement.tax.party import MoneyParty


class Postings(msgspec.Struct, frozen=True, kw_only=True):
    legs: tuple[Leg, ...]
    quotes: tuple[Quote, ...] = ()


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Where currencies are exchanged, and at which moment."""

    quotes: tuple[Quote, ...]
    now: datetime

    def buy(self, target: Money, pay: str) -> Conversion | Held:
        return buy(target, pay, self.quotes, self.now)

    def sell(self, source: Money, want: str) -> Conversion | Held:
        return sell(source, want, self.quotes, self.now)


def collected(
    charging: TaxLeg, demand: MoneyParty, collection: Collection, desk: Desk
) -> Postings | Held:
    """The driver's payment comes in, and is the CPO's money from the first moment."""
    gross = Money(amount_minor=charging.gross_minor, currency=charging.currency)
    owed = leg(
        account.payable(charging.supplier.key, gross.currency), gross.currency, -gross.amount_minor
    )
    if collection is Collection.PSP:
        place = account.psp_clearing(gross.currency)
        return Postings(legs=(leg(place, gross.currency, gross.amount_minor), owed))
    if demand.currency == gross.currency:
        place = account.receivable(demand.key, gross.currency)
        return Postings(legs=(leg(place, gross.currency, gross.amount_minor), owed))
    deal = desk.buy(gross, demand.currency)
    if isinstance(deal, Held):
        return deal
    paid = deal.source
    place = account.receivable(demand.key, paid.currency)
    incoming = leg(place, paid.currency, paid.amount_minor)
    return Postings(legs=(incoming, *conversion_legs(deal), owed), quotes=(deal.quote,))


def commissioned(commission: TaxLeg) -> tuple[Leg, ...]:
    """The hub's commission is kept back from what the CPO is owed."""
    currency = commission.currency
    return (
        leg(account.payable(commission.customer.key, currency), currency, commission.gross_minor),
        leg(account.commission_revenue(currency), currency, -commission.net_minor),
        leg(
            account.output_vat(commission.supplier.country, currency),
            currency,
            -commission.vat_minor,
        ),
    )


def referred(referral: TaxLeg, deal: Conversion | None) -> tuple[Leg, ...]:
    """The demand partner's share, in its own currency; reversed VAT stands on both sides."""
    currency, hub = referral.currency, referral.customer.country
    cost: tuple[Leg, ...] = (leg(account.share_expense(currency), currency, referral.net_minor),)
    if deal is not None:
        paid = deal.source
        cost = (
            leg(account.share_expense(paid.currency), paid.currency, paid.amount_minor),
            *conversion_legs(deal),
        )
    deductible = referral.vat_minor
    own: tuple[Leg, ...] = ()
    if referral.liable is Liable.CUSTOMER:
        deductible = referral.self_assessed_minor
        own = (leg(account.output_vat(hub, currency), currency, -deductible),)
    return (
        *cost,
        leg(account.input_vat(hub, currency), currency, deductible),
        *own,
        leg(account.payable(referral.supplier.key, currency), currency, -referral.gross_minor),
    )


def paid_out_in(cpo: MoneyParty, net: Money, desk: Desk) -> Postings | Held:
    """What is left for the CPO, moved into the currency it is paid in."""
    if cpo.currency == net.currency or net.amount_minor <= 0:
        return Postings(legs=())
    deal = desk.sell(net, cpo.currency)
    if isinstance(deal, Held):
        return deal
    return Postings(
        legs=(
            leg(account.payable(cpo.key, net.currency), net.currency, net.amount_minor),
            *conversion_legs(deal),
            leg(account.payable(cpo.key, cpo.currency), cpo.currency, -deal.target.amount_minor),
        ),
        quotes=(deal.quote,),
    )


def payables(
    entries: Iterable[JournalEntry], cdr_key: str, received_at: datetime, hours: int
) -> tuple[Payable, ...]:
    """What the entries changed for each partner we owe."""
    return tuple(
        Payable(
            party=party,
            account=posted.account,
            currency=posted.currency,
            amount_minor=-posted.amount_minor,
            due_at=received_at + timedelta(hours=hours),
            reference=cdr_key,
        )
        for entry in entries
        for posted in entry.legs
        if posted.account.startswith("payable:")
        and (party := account.party_of(posted.account)) is not None
    )
