"""The living network of `networkcore up --sample`: the simulated partners, and their office."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.cli.office import Office
    from gateway.settings import Settings
    from gateway.sim.life import Life, Pace
    from gateway.sim.memory import Kept
    from gateway.sim.network import Network
    from gateway.sim.partner import Partner


async def run(settings: Settings) -> None:
    """Connects the partners (again), and lets them live until cancelled."""

    def say(_life: Life) -> None:
        text = "The sample network is alive: two operators, two demand partners, one car."
        print(text, flush=True)

    await live(settings, on_alive=say)


async def live(
    settings: Settings,
    *,
    pace: Pace | None = None,
    on_alive: Callable[[Life], None] = lambda _: None,
) -> None:
    """The same at another pace, for whoever wants to look at its life."""
    from gateway import wiring
    from gateway.cli.office import Office
    from gateway.sim import memory
    from gateway.sim import network as networks
    from gateway.sim.car import Car
    from gateway.sim.life import Life

    folder = settings.data_dir
    async with wiring.open_hub(settings, pool_size=4) as assembly:
        office = Office(assembly)
        await office.prepare()
        kept = await asyncio.to_thread(memory.read, folder)
        files = await asyncio.to_thread(memory.car_files, folder)
        now = settings.clock.now()
        car = Car.from_files(networks.CAR_EMAID, files) if files else None
        network = networks.build(f"{settings.public_url}/api/v1", settings.clock.now, car)
        await asyncio.to_thread(memory.keep_car, folder, network.car.files(now))
        try:
            await connect(network, office, kept, settings)
            await network.rhein.publish()
            await network.fjord.publish()
            await networks.issue_tokens(network)
            await office.trust(network.car.roots, network.car.crls(now))
            life = Life(network, secrets.randbits(32), pace)
            on_alive(life)
            await life.run()
        finally:
            await network.stop()


async def connect(network: Network, office: Office, kept: Kept, settings: Settings) -> None:
    """Everybody is connected at the address it has in this run; each step is kept at once."""
    from gateway.sim import memory

    for partner in (network.rhein, network.fjord, network.voltaris):
        await partner.start()
        await _join(partner, office, kept, f"{settings.public_url}/ocpi/versions")
        memory.remember(kept, partner)
        await asyncio.to_thread(memory.write, settings.data_dir, kept)
    network.wallet.token = kept.wallet_token or "none yet"
    await network.wallet.start()
    if (await network.wallet.near("50.94", "6.96")).status == 401:
        network.wallet.token = kept.wallet_token = await office.admit(network.wallet.profile)
        await network.wallet.stop()
        await network.wallet.start()
        await asyncio.to_thread(memory.write, settings.data_dir, kept)


async def _join(partner: Partner, office: Office, kept: Kept, versions_url: str) -> None:
    """Who is known gives its new address by PUT credentials; who is not registers."""
    from gateway.sim import memory
    from gateway.sim.partner import RefusedError

    if memory.recall(kept, partner):
        try:
            await partner.renew(versions_url)
        except RefusedError:
            await office.forget(partner.profile)
        else:
            return
    else:
        await office.forget(partner.profile)
    invitation = await office.invite(partner.profile)
    await partner.register(invitation.versions_url, invitation.token_a)
