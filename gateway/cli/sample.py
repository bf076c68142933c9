"""The living network of `networkcore up --sample`: the simulated partners, and their office."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.cli.office import Office
    from gateway.settings import Settings
    from gateway.sim.memory import Kept
    from gateway.sim.network import Network


async def run(settings: Settings) -> None:
    """Connects the partners (again), and lets them live until cancelled."""
    from gateway import wiring
    from gateway.cli.office import Office
    from gateway.sim import memory
    from gateway.sim import network as networks
    from gateway.sim.car import Car
    from gateway.sim.life import Life

    async with wiring.open_hub(settings, pool_size=4) as assembly:
        office = Office(assembly)
        await office.prepare()
        kept = await asyncio.to_thread(memory.read, settings.data_dir)
        files = await asyncio.to_thread(memory.car_files, settings.data_dir)
        car = Car.from_files(networks.CAR_EMAID, files) if files else None
        network = networks.build(f"{settings.public_url}/api/v1", settings.clock.now, car)
        try:
            await _connect(network, office, kept)
            await asyncio.to_thread(_keep, settings.data_dir, network, kept)
            await network.rhein.publish()
            await network.fjord.publish()
            await networks.issue_tokens(network)
            now = settings.clock.now()
            await office.trust(network.car.roots, network.car.crls(now))
            print("The sample network is alive: two operators, two demand partners, one car.")
            await Life(network, secrets.randbits(32)).run()
        finally:
            await network.stop()


async def _connect(network: Network, office: Office, kept: Kept) -> None:
    """Who is known gives its new address by PUT credentials; who is not registers."""
    from gateway.sim import memory

    for partner in (network.rhein, network.fjord, network.voltaris):
        await partner.start()
        if memory.recall(kept, partner):
            await partner.renew()
        else:
            invitation = await office.invite(partner.profile)
            await partner.register(invitation.versions_url, invitation.token_a)
        memory.remember(kept, partner)
    if not kept.wallet_token:
        kept.wallet_token = await office.admit(network.wallet.profile)
    network.wallet.token = kept.wallet_token
    await network.wallet.start()


def _keep(folder: Path, network: Network, kept: Kept) -> None:
    from gateway.sim import memory

    memory.write(folder, kept)
    memory.keep_car(folder, network.car.files(network.rhein.now()))
