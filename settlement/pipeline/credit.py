"""A credit CDR takes back everything its original led to, at the original's rate and tax.

OCPI 2.2.1 mod_cdrs: only `total_cost` is negative, always the full amount, once per original.
"""

from __future__ import annotations

from datetime import timedelta

from ocpi.model.party import same
from settlement.errors import Held, Reason
from settlement.ledger.entry import idem_key, reversal
from settlement.pipeline import document, posting
from settlement.pipeline.item import Original, SettlementItem, SettlementPolicy
from settlement.pipeline.result import PIPELINE, Settled, Used, cdr_key
from settlement.tax.leg import Supply


def settle_credit(item: SettlementItem, policy: SettlementPolicy) -> Settled | Held:
    """The reversal of the original, or why the credit waits."""
    if item.has_conflict:
        detail = "the same CDR id arrived with other content"
        return Held(reason=Reason.CDR_CONFLICT, detail=detail, field="id")
    original = item.original
    if original is None:
        return Held(
            reason=Reason.CREDIT_WITHOUT_ORIGINAL,
            detail=f"no settled CDR {item.cdr.credit_reference_id or 'without a reference'}",
            field="credit_reference_id",
        )
    if wrong := _difference(item, original):
        detail = f"{wrong} is not that of the original"
        return Held(reason=Reason.CREDIT_DIFFERS_FROM_ORIGINAL, detail=detail, field=wrong)
    return _reverse(item, original, policy)


def _difference(item: SettlementItem, original: Original) -> str | None:
    credit, first = item.cdr, original.cdr
    if not same(credit.credit_reference_id or "", first.id):
        return "credit_reference_id"
    for field in ("country_code", "party_id", "currency", "start_date_time", "end_date_time"):
        if getattr(credit, field) != getattr(first, field):
            return field
    if credit.total_energy != first.total_energy:
        return "total_energy"
    if credit.total_cost.before_taxes != -first.total_cost.before_taxes:
        return "total_cost.before_taxes"
    after, before = credit.total_cost.after_taxes, first.total_cost.after_taxes
    if after is not None and before is not None and after != -before:
        return "total_cost.after_taxes"
    return None


def _reverse(item: SettlementItem, original: Original, policy: SettlementPolicy) -> Settled:
    key, first = cdr_key(item.cdr), cdr_key(original.cdr)
    entries = tuple(
        reversal(
            made,
            kind="credit",
            idem=idem_key("credit", made.idem.hex()),
            input_hash=item.cdr_hash,
            occurred_at=item.received_at,
            ref={**made.refs(), "cdr": key, "original": first},
        )
        for made in original.entries
    )
    orders = tuple(document.credit(order, item.cdr, key) for order in original.orders)
    sold = [o.leg for o in original.orders if o.leg.supply is Supply.ELECTRICITY]
    return Settled(
        cdr_key=key,
        kind="credit",
        occurred_at=item.received_at,
        tax_point=sold[0].tax_point if sold else item.received_at.date(),
        currency=item.cdr.currency,
        net_minor=-sum(leg.net_minor for leg in sold),
        vat_minor=-sum(leg.vat_minor for leg in sold),
        gross_minor=-sum(leg.gross_minor for leg in sold),
        energy_kwh=item.cdr.total_energy,
        entries=entries,
        legs=tuple(order.leg for order in orders),
        orders=orders,
        payables=posting.payables(entries, key, item.received_at, policy.payout_hours),
        split=None,
        due_at=item.received_at + timedelta(hours=policy.payout_hours),
        price_json=b"null",
        notes=(f"credits {first}",),
        used=_used(item, original, policy),
    )


def _used(item: SettlementItem, original: Original, policy: SettlementPolicy) -> Used:
    rows = [s.row_id for order in original.orders for s in order.leg.subtotals if s.row_id]
    return Used(
        pipeline=PIPELINE,
        cdr_hash=item.cdr_hash.hex(),
        tariff_hash="",
        published_hash="",
        zone=item.zone or "",
        policy=policy.name,
        route="as the original",
        contract="as the original",
        vat_rows=tuple(dict.fromkeys(rows)),
        quotes=(),
    )
