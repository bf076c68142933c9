"""A real hub on a real port with a day behind it, and a real browser in front of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from gateway import wiring
from gateway.http.app import build
from gateway.hub import admission, partner
from gateway.hub.partner import NewParty
from gateway.settings import Settings
from gateway.sim import profile as who
from gateway.sim.cpo import ChargePointOperator
from gateway.sim.emsp import MobilityProvider
from gateway.store import contract as contracts
from gateway.store import trust
from gateway.store.database import Database
from ocpi.model.party import PartyId
from pnc import authority
from settlement.fx.quote import Quote
from settlement.ledger.split import CommissionContract, Measure, Rule
from settlement.payout.account import Account
from settlement.payout.plan import Policy
from settlement.store import document, payout
from settlement.store.reference import (
    add_contract,
    add_quote,
    add_share,
    add_vat_rate,
    seed_vat_rates,
)
from settlement.tax.party import Address, MoneyParty
from settlement.tax.row import Kind, TaxRow, Verified

TOKEN = "an-admin-token-for-the-browser"
BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHARGES = 8
DRIVERS = 4


class Shifted:
    """A partner's clock: some hours ago, so that a day of charging fits into a second."""

    def __init__(self) -> None:
        self.ago = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.ago


class Living:
    """One gateway process and its partners, in this loop."""

    def __init__(self, settings: Settings, assembly: wiring.Assembly) -> None:
        self.settings = settings
        self.assembly = assembly
        self.hub = assembly.hub
        self.db: Database = assembly.hub.db
        self.cpos: list[ChargePointOperator] = []
        self.emsps: list[MobilityProvider] = []
        self.clocks: dict[str, Shifted] = {}

    @property
    def url(self) -> str:
        return self.settings.public_url

    async def admit(self, stack: AsyncExitStack) -> None:
        """Two operators and two demand partners register by a real handshake; one stays invited."""
        places = {"DE": (who.GERMAN_STATIONS, who.GERMAN_PRICE), "NO": (who.NORWEGIAN_STATIONS, who.NORWEGIAN_PRICE)}  # fmt: skip
        second = msgspec.structs.replace(
            who.VOLTARIS, party_id="VEL", name="Vélomobil Genève SA", country_code="CH", vat_id="CHE116281710MWST",
            iban="CH9300762011623852957", city="Genève", postal_code="1201", street="Rue du Rhône 8",
        )  # fmt: skip
        for one in (who.RHEINSTROM, who.FJORDLADE, who.VOLTARIS, second):
            self.clocks[str(one)] = clock = Shifted()
            made: Any
            if one.role == "CPO":
                made = ChargePointOperator(one, *places[one.country_code], clock)
                self.cpos.append(made)
            else:
                made = MobilityProvider(one, clock)
                self.emsps.append(made)
            await made.start()
            stack.push_async_callback(made.stop)
            invited = await partner.invite(self.hub, _new(one))
            await self.describe(one)
            await made.register(invited.versions_url, invited.token_a)
        await partner.invite(
            self.hub, _new(who.BLEUZEN, party_id="NEW", name="Nouvelle Recharge SAS")
        )
        await admission.admit(self.hub, _new(who.BLEUZEN))
        await self.describe(who.BLEUZEN)

    async def describe(self, one: who.Profile) -> None:
        head = admission.Letterhead(
            street=one.street, city=one.city, postal_code=one.postal_code, country=one.country_code,
            language=one.language,
        )  # fmt: skip
        await admission.describe(self.hub, PartyId(one.country_code, one.party_id), head)

    async def agree(self) -> None:
        """Rates that somebody reviewed, a commission, a share, an exchange rate."""
        now = datetime.now(UTC)
        async with self.db.transaction() as conn:
            await seed_vat_rates(conn)
            for place, rate in (("DE", 19), ("NO", 25)):
                await add_vat_rate(
                    conn,
                    TaxRow(
                        jurisdiction=place, kind=Kind.EV_CHARGING, rate=Decimal(rate), source="a letter",
                        verified=Verified.YES, reviewer="R. Viewer", reviewed_at=date(2026, 1, 2),
                    ),
                )  # fmt: skip
            percent = Rule(receiver="hub", measure=Measure.PERCENT, value=Decimal(3))
            agreed = CommissionContract(
                contract_id="standard", currency="EUR", commission=(percent,)
            )
            await add_contract(conn, "*", agreed, valid_from=date(2025, 1, 1))
            share = Rule(receiver="demand", measure=Measure.PERCENT, value=Decimal("1.5"))
            rest = Rule(receiver="hub", measure=Measure.REST)
            await add_share(conn, "*", (share, rest), valid_from=date(2025, 1, 1))
            await add_quote(
                conn,
                Quote(
                    provider="desk", quote_id="1", base="EUR", counter="NOK", mid=Decimal("11.7425"),
                    spread=Decimal("0.004"), quoted_at=now - timedelta(hours=1), valid_until=now + timedelta(hours=9),
                ),
            )  # fmt: skip

    async def charge(self) -> None:
        """Days of charging: published, authorised, metered, billed; one asks too much, some still run."""
        for cpo in self.cpos:
            self.ago(cpo, timedelta(days=12))
            await cpo.publish()
        # Archived as if it had been public all the time: sessions of last week were priced with it.
        await self.db.execute(
            "UPDATE tariff_version SET published_at = published_at - interval '20 days'"
        )
        for number, emsp in enumerate(self.emsps):
            for driver in range(DRIVERS):
                await emsp.issue(
                    f"04A2B{number}{driver}F7C9", f"NL-VLT-C0000{number}{driver}21-X"[:36]
                )
        for number in range(CHARGES):
            for cpo in self.cpos:
                await self._one(cpo, number)
        for cpo in self.cpos:
            self.ago(cpo, timedelta(minutes=18))
            for emsp in self.emsps:
                token = emsp.tokens[f"04A2B{self.emsps.index(emsp)}0F7C9"]
                charge = await cpo.begin(
                    token,
                    cpo.stations[1],
                    evse_no=1 + self.emsps.index(emsp),
                    auth_method="AUTH_REQUEST",
                )
                await cpo.meter(charge, Decimal("11.25"))
        await self.emsps[0].block("04A2B03F7C9")
        for uid in ("04A2B03F7C9", "STOLEN-77", "04A2B00F7C9"):
            await self.cpos[0].authorise(uid, self.cpos[0].stations[0])

    async def _one(self, cpo: ChargePointOperator, number: int) -> None:
        emsp = self.emsps[number % len(self.emsps)]
        token = emsp.tokens[f"04A2B{number % len(self.emsps)}{number % 3}F7C9"]
        station = cpo.stations[number % len(cpo.stations)]
        began = timedelta(days=(number * 9) % 10, hours=3 + number % 5)
        self.ago(cpo, timedelta())
        answer = await cpo.authorise(token["uid"], station)
        self.ago(cpo, began)
        charge = await cpo.begin(
            token, station, auth_method="AUTH_REQUEST",
            authorization_reference=answer.data.get("authorization_reference"),
        )  # fmt: skip
        await cpo.meter(charge, Decimal(7 + 5 * number) + Decimal("0.25"))
        self.ago(cpo, began - timedelta(minutes=25 + number))
        await cpo.end(charge)
        await cpo.bill(charge, overcharge=Decimal("1.50") if number == 5 else Decimal(0))

    def ago(self, one: Any, how_long: timedelta) -> None:
        self.clocks[str(one.profile)].ago = how_long

    async def settle(self) -> None:
        """What the worker does, its documents, and the payouts of today."""
        own = self.own_party
        worker = wiring.settlement_worker(self.settings, self.db)
        await worker.drain()
        async with self.db.connection(timeout_s=60) as conn:
            now = datetime.now(UTC)
            await document.issue_documents(conn, {own.key: own}, now)
            debtor = Account(name=own.name, iban=own.iban, bic=own.bic, country=own.country)
            debtors = {"EUR": debtor, "NOK": debtor}
            await payout.make_payouts(conn, debtors, Policy(), now, now.date() + timedelta(days=1))

    @property
    def own_party(self) -> MoneyParty:
        s = self.settings
        address = Address(
            street=s.hub_street,
            postal_code=s.hub_postal_code,
            city=s.hub_city,
            country=s.hub_country,
        )
        return MoneyParty(
            key=f"{s.hub_country}-{s.hub_party}", name=s.hub_name, country=s.hub_country, currency="EUR",
            vat_id=s.hub_vat_id, iban=s.hub_iban, bic=s.hub_bic, address=address,
        )  # fmt: skip

    async def trust(self) -> None:
        """Anchors and contracts of a test PKI, one of them about to end."""
        now = datetime.now(UTC)
        pki = authority.make(now)
        async with self.db.transaction() as conn:
            for anchor in pki.anchors():
                der = anchor.certificate.der
                await trust.add_anchor(
                    conn,
                    trust.AnchorRow(
                        fingerprint=hashlib.sha256(der).digest(), role=anchor.role or "PE", der=der,
                        subject=str(anchor.certificate.subject), source="test PKI",
                        not_after=anchor.certificate.not_after,
                    ),
                )  # fmt: skip
            for number, days in enumerate((9, 200, 700)):
                kept = contracts.ContractCertificate(
                    fingerprint=hashlib.sha256(b"%d" % number).digest(), der=b"-", chain=(),
                    emaid_key=f"NLVLTC0000{number}0217",
                )  # fmt: skip
                await contracts.add(conn, kept, now + timedelta(days=days), [])

    async def spread_hour(self) -> None:
        """What was said in one second is spread over the last hour, as a day's traffic would be."""
        await self.assembly.exchanges.flush()
        await self.assembly.authorisations.flush()
        for table in ("exchange", "authorisation"):
            await self.db.execute(
                "WITH line AS (SELECT ctid AS place, row_number() OVER (ORDER BY at) / count(*) OVER ()::float AS part"
                f" FROM {table}) UPDATE {table} SET at = now() - interval '58 minutes' * (1 - part - 0.02 * sin(part * 31))"
                f" FROM line WHERE {table}.ctid = line.place"
            )


def _new(one: who.Profile, **changes: str) -> NewParty:
    one = msgspec.structs.replace(one, **changes)
    return NewParty(
        party=PartyId(one.country_code, one.party_id), role=one.role, name=one.name, vat_id=one.vat_id,
        iban=one.iban, currency=one.currency,
    )  # fmt: skip


async def open_living(settings: Settings, stack: AsyncExitStack) -> Living:
    """A hub that listens, without partners yet."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    settings = msgspec.structs.replace(
        settings, admin_token=TOKEN, public_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
        allow_private_peers=True, hub_name="NetworkCore B.V.", hub_vat_id="NL004495445B01",
        hub_iban="NL91ABNA0417164300", hub_bic="ABNANL2A", hub_street="Kade 1", hub_postal_code="1011 AA",
        hub_city="Amsterdam",
    )  # fmt: skip
    assembly = await stack.enter_async_context(wiring.open_hub(settings))
    await stack.enter_async_context(wiring.working(assembly))
    app = build(assembly.hub, assembly.authoriser, rooms=wiring.rooms(assembly))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listener).start()
    return Living(settings, assembly)


async def fill(living: Living, stack: AsyncExitStack) -> None:
    await living.admit(stack)
    await living.agree()
    await living.charge()
    await living.settle()
    await living.trust()
    await living.spread_hour()


@pytest.fixture
async def empty_hub(settings: Settings) -> AsyncIterator[Living]:
    async with AsyncExitStack() as stack:
        yield await open_living(settings, stack)


@pytest.fixture
async def living(settings: Settings) -> AsyncIterator[Living]:
    async with AsyncExitStack() as stack:
        made = await open_living(settings, stack)
        await fill(made, stack)
        yield made


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next((path for name in BROWSER_NAMES if (path := shutil.which(name))), None)
    if found is None and os.environ.get("NETWORKCORE_CI"):
        pytest.fail("no chromium on PATH, and this is CI")
    if found is None:
        pytest.skip("no chromium on PATH")
    return found


@pytest.fixture(scope="session")
def screenshots() -> Path:
    folder = Path(__file__).parent / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder
