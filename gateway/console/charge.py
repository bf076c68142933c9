"""Sessions and CDRs: lists, and one CDR with its price explained beside the CPO's own total."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import msgspec

from gateway.console import body, partner
from gateway.console.page import ROWS, Missing, Page, Visit
from gateway.hub.context import Hub
from gateway.store.sql import load
from ocpi.errors import OcpiError
from ocpi.model.cdr import Cdr
from ocpi.model.party import fold
from ocpi.model.price import Price
from ocpi.model.session import Session
from settlement.errors import Held, MoneyError
from settlement.money import Rounding, round_to_decimals
from settlement.store import view
from settlement.tariff import explain

SQL = load(__package__, "charge.sql")
STATUSES: Final = ("ACTIVE", "COMPLETED", "INVALID", "PENDING", "RESERVATION")
STATES: Final = ("SETTLED", "HELD", "WAITING", "REVERSED")
PARTS: Final = ("fixed", "energy", "time", "parking", "reservation")
UNITS: Final = {
    "ENERGY": "kWh",
    "TIME": "h",
    "PARKING_TIME": "h",
    "RESERVATION_TIME": "h",
    "FLAT": "\N{MULTIPLICATION SIGN}",
}


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of the CDR beside ours; the difference only where there is one."""

    name: str
    stated: Decimal | None
    computed: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        """Zero when ours is theirs at the decimals they show; None where one side is silent."""
        if self.stated is None or self.computed is None:
            return None
        places = max(0, -int(self.stated.as_tuple().exponent))
        shown = round_to_decimals(Fraction(self.computed), places, Rounding.HALF_UP)
        return Decimal(0) if shown == self.stated else self.stated - self.computed


async def sessions(visit: Visit) -> Page:
    """What is charging, newest word first."""
    db = visit.hub.db
    rows, parties = await asyncio.gather(
        db.fetch(
            SQL["sessions"], visit.text("party"), _known(visit.text("status"), STATUSES),
            visit.text("find"), ROWS,
        ),
        partner.names(db),
    )  # fmt: skip
    listed = [(row, _session_of(visit.hub, row)) for row in rows]
    context = {
        "sessions": listed, "parties": parties, "statuses": STATUSES, "rows_max": ROWS,
        "query": _query(visit),
    }  # fmt: skip
    return Page(template="sessions.html", partial="session_rows.html", context=context)


async def session(visit: Visit) -> Page:
    """One session as its CPO last told it."""
    db, who = visit.hub.db, partner.read_party(visit.path["party"])
    key = (who.country_code, who.party_id, fold(visit.path["id"]))
    row = await db.fetchrow(SQL["session"], *key)
    if row is None:
        raise Missing(f"There is no session {visit.path['id'][:40]} of {who}.")
    cdrs, authorised = await asyncio.gather(
        db.fetch(SQL["cdrs_of_session"], *key),
        db.fetchrow(SQL["authorisation"], row["authorization_reference"]),
    )
    context = {
        "row": row, "said": _session_of(visit.hub, row), "cdrs": cdrs, "authorised": authorised,
        "body": body.show(row["body"]),
    }  # fmt: skip
    return Page(template="session.html", context=context)


async def cdrs(visit: Visit) -> Page:
    """Every CDR and what became of it, the newest first."""
    db = visit.hub.db
    rows, parties = await asyncio.gather(
        db.fetch(
            SQL["cdrs"], visit.text("party"), _known(visit.text("state"), STATES),
            visit.text("find"), visit.number("before"), ROWS,
        ),
        partner.names(db),
    )  # fmt: skip
    context = {
        "cdrs": rows, "parties": parties, "states": STATES, "rows_max": ROWS,
        "query": _query(visit),
    }  # fmt: skip
    return Page(template="cdrs.html", partial="cdr_rows.html", context=context)


async def cdr(visit: Visit) -> Page:
    """One CDR: the price and why, the differences, the journal, the documents, the payables."""
    db, number = visit.hub.db, visit.id("cdr")
    row = await db.fetchrow(SQL["cdr"], number)
    if row is None:
        raise Missing(f"There is no CDR {number}.")
    async with db.connection() as conn:
        settled = await view.show_settlement(conn, number)
    held, payables, documents, due, zone = await asyncio.gather(
        db.fetchrow(SQL["held"], number),
        db.fetch(SQL["payables"], number),
        db.fetch(SQL["documents"], number),
        db.fetch(SQL["documents_due"], number),
        db.fetchval(SQL["zone"], number),
    )
    said = _cdr_of(visit.hub, row)
    price, no_price = settled.price if settled else None, ""
    if price is None and said is not None:
        price, no_price = _estimate(said, zone)
    context = {
        "row": row, "said": said, "settled": settled, "held": held, "payables": payables,
        "documents": documents, "due": due, "price": price, "no_price": no_price,
        "is_estimate": settled is None or settled.price is None, "units": UNITS,
        "sums": _sums(said, price) if said is not None and price is not None else (),
        "body": body.show(row["body"]),
    }  # fmt: skip
    return Page(template="cdr.html", context=context)


def _estimate(said: Cdr, zone: str | None) -> tuple[dict[str, Any] | None, str]:
    """What we would compute from the tariffs inside the CDR; why not, where that is impossible."""
    if zone is None:
        return None, "The time zone of the charge point is not known."
    if not said.tariffs:
        return None, "The CDR carries no tariff."
    try:
        found = explain(said, said.tariffs, zone)
    except (MoneyError, ArithmeticError, LookupError, ValueError) as error:
        return None, str(error)
    if isinstance(found, Held):
        return None, f"{found.reason.replace('_', ' ')}: {found.detail}"
    return msgspec.to_builtins(found), ""


def _sums(said: Cdr, price: dict[str, Any]) -> tuple[Sum, ...]:
    """The total with and without tax, and each part that either side names."""
    total = price["total"]
    found = [
        Sum(name="Total before taxes", stated=said.total_cost.before_taxes,
            computed=_decimal(total["before_taxes"])),
        Sum(name="Total after taxes", stated=said.total_cost.after_taxes,
            computed=_decimal(total["after_taxes"])),
    ]  # fmt: skip
    for part in PARTS:
        stated: Price | None = getattr(said, f"total_{part}_cost", None)
        ours = _decimal(price[part]["before_taxes"])
        if stated is not None or ours:
            before = stated.before_taxes if stated is not None else None
            found.append(
                Sum(name=f"{part.capitalize()} before taxes", stated=before, computed=ours)
            )
    return tuple(found)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _session_of(hub: Hub, row: Any) -> Session | None:
    try:
        said: Session = hub.wire.decode(row["version"], "session", row["body"])
    except OcpiError:
        return None
    return said


def _cdr_of(hub: Hub, row: Any) -> Cdr | None:
    try:
        said: Cdr = hub.wire.decode(row["version"], "cdr", row["body"])
    except OcpiError:
        return None
    return said


def _known(text: str | None, words: tuple[str, ...]) -> str | None:
    return text if text in words else None


def _query(visit: Visit) -> dict[str, str]:
    return {name: value for name, value in visit.query.items() if name != "before" and value}
