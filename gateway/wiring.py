"""The only place that builds pools, clients and tasks, and hands them on.

`open_hub` makes one process's hub, for servers and for commands alike; `working` runs what works in
the background; `serve` listens until it is told to stop, and ends in order: no new connections,
answers finished, waiting writes committed, stores closed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.cache.hot import HotSet
from gateway.cache.line import CacheUnavailable
from gateway.cache.reconcile import Reconciler, Sequenced, Source
from gateway.console import app as console
from gateway.http import pnc
from gateway.http.api import routes as api
from gateway.http.app import Room, build
from gateway.http.lane.hot import Lane
from gateway.http.lane.runner import LaneRunner
from gateway.http.wire import WIRE
from gateway.hub import refresh
from gateway.hub.authorise import Authoriser, Keeper
from gateway.hub.authorise.record import NETWORK_KEY
from gateway.hub.clearing import own_party
from gateway.hub.commit import GroupCommit
from gateway.hub.context import Hub
from gateway.hub.contract import PlugAndCharge
from gateway.hub.network import Directory
from gateway.hub.presence import Presence
from gateway.hub.seal import Seal
from gateway.hub.trust import Trust
from gateway.observe.metrics import Metrics
from gateway.push import chores
from gateway.push.client import PeerClient
from gateway.push.guard import GuardPolicy
from gateway.push.pusher import Pusher
from gateway.settings import Settings
from gateway.store import change
from gateway.store.authorisation import AuthorisationLog
from gateway.store.database import Database, StoreUnavailable
from gateway.store.exchange import Exchange, ExchangeLog
from ocpi.model.party import PartyId
from settlement.bank.rate import EcbReference
from settlement.store.item import Loader
from settlement.store.item import Wire as MoneyWire
from settlement.store.reference import StoredReference
from settlement.worker import Worker

POOL_SIZE: Final = 16
DRAIN_S: Final = 10.0
TELL_AT_ONCE: Final = 8
FX_SPREAD: Final = Decimal("0.004")
SAMPLE_RATE_AGE: Final = timedelta(days=3650)


class Assembly(msgspec.Struct, frozen=True, kw_only=True):
    """One process's hub and everything that belongs to it."""

    hub: Hub
    authoriser: Authoriser
    keeper: Keeper
    plug: PlugAndCharge
    exchanges: ExchangeLog
    authorisations: AuthorisationLog
    commit: GroupCommit
    presence: Presence
    pusher: Pusher
    reconciler: Reconciler
    metrics: Metrics


@contextlib.asynccontextmanager
async def open_hub(settings: Settings, *, pool_size: int = POOL_SIZE) -> AsyncIterator[Assembly]:
    """A hub on the stores of `settings`, whose addresses must be given by now."""
    async with contextlib.AsyncExitStack() as stack:
        db = await Database.open(settings.database_url, size=pool_size)
        stack.push_async_callback(db.close)
        hot = HotSet(settings.redis_url)
        directory = Directory(
            db,
            PartyId(settings.hub_country, settings.hub_party),
            epoch=lambda: hot.get(NETWORK_KEY),
        )
        keeper = Keeper(db, hot, directory)
        reconciler = Reconciler(hot, _source(db, hot, keeper))
        exchanges, authorisations = ExchangeLog(db), AuthorisationLog(db)
        metrics = Metrics()
        record = _recorder(exchanges, metrics)
        stack.push_async_callback(exchanges.flush)
        stack.push_async_callback(authorisations.flush)
        peers = PeerClient(
            policy=GuardPolicy(
                allow_private=settings.allow_private_peers,
                own_origins=frozenset({settings.public_url.casefold()}),
            ),
            clock=settings.clock,
            record=record,
        )
        stack.push_async_callback(peers.close)
        commit, pusher, presence = GroupCommit(db), Pusher(), Presence()
        stack.push_async_callback(commit.close)
        await hot.start()
        stack.push_async_callback(hot.close)
        hub = Hub(
            settings=settings, clock=settings.clock, db=db, directory=directory, hot=hot,
            seal=Seal(settings.secret_key), wire=WIRE, outbound=peers.send, record=record,
            commit=commit, wake=pusher.wake, seen=presence.mark,
            token_changed=keeper.token_changed, network_changed=keeper.network_changed,
        )  # fmt: skip
        authoriser = Authoriser(hub, keeper, authorisations)
        yield Assembly(
            hub=hub, authoriser=authoriser, keeper=keeper,
            plug=PlugAndCharge(authoriser, Trust(db, keeper)),
            exchanges=exchanges, authorisations=authorisations, commit=commit, presence=presence,
            pusher=pusher, reconciler=reconciler, metrics=metrics,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def working(assembly: Assembly) -> AsyncIterator[None]:
    """Everything that works in the background; a bug in one of them ends the process, loudly."""
    hub = assembly.hub
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(work, name=name)
            for name, work in (
                ("exchanges", assembly.exchanges.run()),
                ("authorisations", assembly.authorisations.run()),
                ("reconciler", assembly.reconciler.run()),
                ("pusher", assembly.pusher.run(hub)),
                ("chores", chores.run(hub, assembly.presence)),
                ("evidence", refresh.run(hub, assembly.keeper)),
            )
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def serve(
    settings: Settings,
    stop: asyncio.Event,
    *,
    reuse_port: bool = False,
    on_ready: Callable[[Assembly], None] = lambda _: None,
) -> None:
    """One gateway process, listening until `stop`."""
    async with open_hub(settings) as assembly, working(assembly):
        lane = Lane(assembly.authoriser)
        _count(assembly, lane)
        app = build(
            assembly.hub,
            assembly.authoriser,
            metrics=assembly.metrics.render,
            rooms=rooms(assembly),
        )
        runner = LaneRunner(app, lane, shutdown_timeout=DRAIN_S)
        await runner.setup()
        try:
            site = web.TCPSite(
                runner, settings.host, settings.port, reuse_port=reuse_port or None, backlog=1024
            )
            await site.start()
            on_ready(assembly)
            await stop.wait()
        finally:
            await runner.cleanup()


def rooms(assembly: Assembly) -> Sequence[Room]:
    """What is served beside OCPI."""
    return (
        lambda app: api.add(app, assembly.hub),
        lambda app: pnc.add(app, assembly.plug),
        lambda app: console.add(app, assembly.hub),
    )


def settlement_worker(settings: Settings, db: Database) -> Worker:
    """The worker that turns finished sessions into money, on the gateway's own database."""
    return Worker(
        lambda: db.connection(timeout_s=60.0),
        Loader(MoneyWire(decode=WIRE.decode)),
        StoredReference(
            hub=own_party(settings),
            ask_rate=_rates(settings).quote,
            accept_sample=settings.accept_sample,
        ),
        settings.clock,
        unavailable=(StoreUnavailable,),
    )


def _recorder(log: ExchangeLog, metrics: Metrics) -> Callable[[Exchange], None]:
    """One exchange: a row for people, an observation for machines; nobody waits for either."""

    def record(exchange: Exchange, /) -> None:
        log(exchange)
        status = exchange.http_status
        metrics.observe_exchange(
            direction=exchange.direction,
            party=exchange.from_party if exchange.direction == "IN" else exchange.to_party,
            module=exchange.module,
            outcome=f"{status // 100}xx" if status else "failed",
            seconds=(exchange.duration_us or 0) / 1_000_000,
        )

    return record


def _rates(settings: Settings) -> EcbReference:
    """Reference rates of the last days; a sample takes the newest there is, however old."""
    if settings.accept_sample:
        return EcbReference(spread=FX_SPREAD, age_max=SAMPLE_RATE_AGE)
    return EcbReference(spread=FX_SPREAD)


def _source(db: Database, hot: HotSet, keeper: Keeper) -> Source:
    """Token changes in PostgreSQL, as the reconciler walks them."""

    async def after(seq: int, limit: int) -> Sequence[Sequenced]:
        try:
            found = await change.tokens_after(db, seq, limit)
        except StoreUnavailable as error:
            raise CacheUnavailable(str(error)) from error
        return [Sequenced(one.seq, (one.uid_key, one.type)) for one in found]

    async def newest() -> int:
        try:
            return await change.newest(db)
        except StoreUnavailable as error:
            raise CacheUnavailable(str(error)) from error

    async def tell(changes: Sequence[Sequenced]) -> None:
        gate = asyncio.Semaphore(TELL_AT_ONCE)

        async def one(name: Any) -> None:
            async with gate:
                await keeper.token_changed(*name)

        try:
            await asyncio.gather(*(one(name) for name in {c.name for c in changes}))
        except StoreUnavailable as error:
            raise CacheUnavailable(str(error)) from error
        if not hot.reachable:
            raise CacheUnavailable("Redis could not be told")

    return Source(after=after, newest=newest, tell=tell)


def _count(assembly: Assembly, lane: Lane) -> None:
    """Plain integers of the hot path and the stores, read when somebody scrapes."""
    metrics, hot = assembly.metrics, assembly.hub.hot
    metrics.read_counts(
        "networkcore_authorisations", "Answers by verdict and reason.", ("allowed", "reason"),
        lambda: {key: float(n) for key, n in assembly.authoriser.counters.items()},
    )  # fmt: skip
    metrics.read_counts(
        "networkcore_lane", "Requests as the hot lane saw them.", ("what",),
        lambda: {(name,): count for name, count in lane.counters.read().items()},
    )  # fmt: skip
    metrics.read_counts(
        "networkcore_hot_set", "The coherent memory at work.", ("what",),
        lambda: {(name,): count for name, count in msgspec.structs.asdict(hot.counters).items()},
    )  # fmt: skip
    metrics.read_levels(
        "networkcore_hot_set_state", "Whether memory is trusted, and how full it is.", ("what",),
        lambda: {("trusted",): float(hot.trusted), ("entries",): float(len(hot))},
    )  # fmt: skip
    metrics.read_counts(
        "networkcore_dropped", "Lines that were dropped so that nobody had to wait.", ("what",),
        lambda: {
            ("exchange",): assembly.exchanges.dropped,
            ("authorisation",): assembly.authorisations.dropped,
        },
    )  # fmt: skip
    metrics.read_counts(
        "networkcore_pushed", "Objects told to partners.", ("outcome",),
        lambda: {
            ("delivered",): assembly.pusher.delivered, ("failed",): assembly.pusher.failed,
        },
    )  # fmt: skip
