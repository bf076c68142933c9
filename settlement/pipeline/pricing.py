"""The public price of a CDR: its own tariff proves the sum, the archive proves the tariff."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from ocpi.model.cdr import Cdr
from ocpi.model.party import fold
from ocpi.model.tariff import Tariff
from settlement.errors import Held, MoneyError, Reason
from settlement.pipeline.item import PublishedTariff, SettlementItem, SettlementPolicy
from settlement.tariff import (
    NoteCode,
    Priced,
    PricePolicy,
    PriceRequest,
    VatMissing,
    price,
    request,
    total_differences,
)
from settlement.tariff.version import fingerprint

# One zone in the whole country: the only places where the country tells the wall clock.
SINGLE_ZONES = {
    "AT": "Europe/Vienna",
    "BE": "Europe/Brussels",
    "BG": "Europe/Sofia",
    "CH": "Europe/Zurich",
    "CZ": "Europe/Prague",
    "DE": "Europe/Berlin",
    "DK": "Europe/Copenhagen",
    "EE": "Europe/Tallinn",
    "FI": "Europe/Helsinki",
    "GB": "Europe/London",
    "GR": "Europe/Athens",
    "HR": "Europe/Zagreb",
    "HU": "Europe/Budapest",
    "IE": "Europe/Dublin",
    "IT": "Europe/Rome",
    "LT": "Europe/Vilnius",
    "LU": "Europe/Luxembourg",
    "LV": "Europe/Riga",
    "MT": "Europe/Malta",
    "NO": "Europe/Oslo",
    "PL": "Europe/Warsaw",
    "RO": "Europe/Bucharest",
    "SE": "Europe/Stockholm",
    "SI": "Europe/Ljubljana",
    "SK": "Europe/Bratislava",
}
ALPHA_3 = {
    "AUT": "AT",
    "BEL": "BE",
    "BGR": "BG",
    "CHE": "CH",
    "CYP": "CY",
    "CZE": "CZ",
    "DEU": "DE",
    "DNK": "DK",
    "EST": "EE",
    "ESP": "ES",
    "FIN": "FI",
    "FRA": "FR",
    "GBR": "GB",
    "GRC": "GR",
    "HRV": "HR",
    "HUN": "HU",
    "IRL": "IE",
    "ITA": "IT",
    "LTU": "LT",
    "LUX": "LU",
    "LVA": "LV",
    "MLT": "MT",
    "NLD": "NL",
    "NOR": "NO",
    "POL": "PL",
    "PRT": "PT",
    "ROU": "RO",
    "SWE": "SE",
    "SVN": "SI",
    "SVK": "SK",
    "ISL": "IS",
    "LIE": "LI",
}


class PublicPrice(msgspec.Struct, frozen=True, kw_only=True):
    """A price whose tariff was public when the session started."""

    priced: Priced
    zone: str
    tariff_hash: str
    published_hash: str
    notes: tuple[str, ...]


def public_price(item: SettlementItem, policy: SettlementPolicy) -> PublicPrice | Held:
    """Priced by the CDR's own tariff, compared with its total and with the archive."""
    zone = item.zone or SINGLE_ZONES.get(country_of(item.cdr) or "")
    if zone is None:
        detail = "the location's time zone is not known and its country has several"
        return Held(reason=Reason.TIME_ZONE_MISSING, detail=detail, field="time_zone")
    in_force = published_at_start(item)
    tariffs = item.cdr.tariffs or tuple(found.tariff for found in in_force)
    made = _request(item, tariffs, zone, policy)
    if isinstance(made, Held):
        return made
    priced = price(made)
    if isinstance(priced, Held):
        return priced
    held = _compare(item.cdr, priced, policy)
    if held is not None:
        return held
    used = [tariff for tariff in tariffs if tariff.id in priced.tariff_ids]
    proof = _prove(used, in_force, policy)
    if isinstance(proof, Held):
        return proof
    notes = [f"{note.code}: {note.detail}" for note in priced.notes]
    if item.zone is None:
        notes.append(f"time_zone_from_country: {zone}")
    if item.taxes_unknown:
        notes.append("taxes_not_on_the_wire: the VAT rows alone decide")
    return PublicPrice(
        priced=priced,
        zone=zone,
        tariff_hash=",".join(fingerprint(tariff) for tariff in used),
        published_hash=",".join(found.content_hash.hex() for found in proof),
        notes=tuple(notes),
    )


def country_of(cdr: Cdr) -> str | None:
    """ISO alpha-2 of the charge point; CDRs write alpha-3."""
    stated = fold(cdr.cdr_location.country)
    return stated if len(stated) == 2 else ALPHA_3.get(stated)


def published_at_start(item: SettlementItem) -> tuple[PublishedTariff, ...]:
    """Per tariff id the version that was public at the session's start."""
    start: datetime = item.cdr.start_date_time
    newest: dict[str, PublishedTariff] = {}
    for found in item.published:
        if found.published_at > start or (found.withdrawn_at and found.withdrawn_at <= start):
            continue
        known = newest.get(fold(found.tariff.id))
        if known is None or known.published_at < found.published_at:
            newest[fold(found.tariff.id)] = found
    return tuple(newest.values())


def _request(
    item: SettlementItem, tariffs: Sequence[Tariff], zone: str, policy: SettlementPolicy
) -> PriceRequest | Held:
    if not tariffs:
        detail = "the CDR carries no tariff and none was published: no information, not free"
        return Held(reason=Reason.TARIFF_MISSING, detail=detail, field="tariffs")
    currencies = {tariff.currency for tariff in tariffs}
    if currencies != {item.cdr.currency}:
        detail = f"the CDR is in {item.cdr.currency}, its tariff in {', '.join(sorted(currencies))}"
        return Held(reason=Reason.CURRENCY_MISMATCH, detail=detail, field="currency")
    rules = PricePolicy(
        rounding=policy.rounding,
        step_tolerance=policy.step_tolerance,
        min_price_on_reservation_only=policy.min_price_on_reservation_only,
    )
    return request(item.cdr, tariffs, zone, rules, vat_missing=VatMissing.UNKNOWN)


def _compare(cdr: Cdr, priced: Priced, policy: SettlementPolicy) -> Held | None:
    """Inside the party's tolerance the CDR's figure stands; outside the item waits."""
    try:
        found = total_differences(cdr, priced, policy.rounding, policy.tolerance_minor)
    except MoneyError as wrong:
        return Held(reason=Reason.CDR_OUT_OF_BOUNDS, detail=str(wrong), field="total_cost")
    if not found:
        return None
    codes = {note.code for note in priced.notes}
    reason = Reason.PRICE_MISMATCH
    if priced.is_ambiguous:
        reason = Reason.AMBIGUOUS_TARIFF
    elif NoteCode.PERIOD_SPANS_PRICE_CHANGE in codes:
        reason = Reason.PERIOD_SPANS_PRICE_CHANGE
    shown = "; ".join(f"{d.field}: the CDR says {d.cdr}, computed {d.computed}" for d in found)
    return Held(reason=reason, detail=shown, field=found[0].field)


def _prove(
    used: Sequence[Tariff], in_force: Sequence[PublishedTariff], policy: SettlementPolicy
) -> tuple[PublishedTariff, ...] | Held:
    archive = {fold(found.tariff.id): found for found in in_force}
    proofs = []
    for tariff in used:
        found = archive.get(fold(tariff.id))
        if found is None:
            if policy.require_published_tariff:
                detail = f"tariff {tariff.id} was not published when the session started"
                return Held(reason=Reason.TARIFF_MISSING, detail=detail, field="tariffs")
            continue
        if fingerprint(found.tariff) != fingerprint(tariff):
            detail = f"tariff {tariff.id} of the CDR is not the one published at the start"
            return Held(reason=Reason.TARIFF_DIFFERS_FROM_PUBLISHED, detail=detail, field="tariffs")
        proofs.append(found)
    return tuple(proofs)
