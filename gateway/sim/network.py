"""The sample network: two CPOs in two countries and currencies, two demand partners, one car."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.sim.car import Car
from gateway.sim.cpo import ChargePointOperator
from gateway.sim.emsp import MobilityProvider
from gateway.sim.objects import Object
from gateway.sim.operator import Operator
from gateway.sim.partner import Now
from gateway.sim.profile import (
    BLEUZEN,
    FJORDLADE,
    GERMAN_PRICE,
    GERMAN_STATIONS,
    NORWEGIAN_PRICE,
    NORWEGIAN_STATIONS,
    RHEINSTROM,
    VOLTARIS,
)
from gateway.sim.wallet import Wallet

CARD = "04A3B2C1D0E9F8"
CARD_CONTRACT = "NL-VLT-C00012345-T"
CAR_EMAID = "NLVLTC000987654"
WALLET_CONTRACT = "FR-BLZ-C00055501"


class Network(msgspec.Struct, kw_only=True):
    """Everybody, connected."""

    rhein: ChargePointOperator
    fjord: ChargePointOperator
    voltaris: MobilityProvider
    wallet: Wallet
    car: Car
    wallet_session: str = ""
    wallet_quote: dict[str, Any] = {}

    async def stop(self) -> None:
        """Closes every address."""
        for one in (self.rhein, self.fjord, self.voltaris, self.wallet):
            await one.stop()


def build(api_url: str, now: Now, car: Car | None = None) -> Network:
    """The partners, not yet connected."""
    return Network(
        rhein=ChargePointOperator(RHEINSTROM, GERMAN_STATIONS, GERMAN_PRICE, now),
        fjord=ChargePointOperator(FJORDLADE, NORWEGIAN_STATIONS, NORWEGIAN_PRICE, now),
        voltaris=MobilityProvider(VOLTARIS, now),
        wallet=Wallet(BLEUZEN, api_url, ""),
        car=car or Car.new(CAR_EMAID, now()),
    )


async def connect(network: Network, operator: Operator) -> dict[str, int]:
    """Real handshakes; returns how many endpoints each learned."""
    learned = {}
    for partner in (network.rhein, network.fjord, network.voltaris):
        await partner.start()
        invitation = await operator.invite(partner.profile)
        learned[partner.profile.name] = await partner.register(
            invitation.versions_url, invitation.token_a
        )
    network.wallet.token = await operator.admit(network.wallet.profile)
    await network.wallet.start()
    return learned


async def issue_tokens(network: Network) -> list[Object]:
    """The card and the car's contract, told to every CPO."""
    card = await network.voltaris.issue(CARD, CARD_CONTRACT, whitelist="ALLOWED")
    contract = await network.voltaris.issue(
        CAR_EMAID, CAR_EMAID, type="OTHER", whitelist="ALLOWED_OFFLINE"
    )
    return [card, contract]
