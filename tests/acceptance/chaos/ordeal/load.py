"""The partners at work: bills with repeats and conflicts, session histories, tokens, blocks."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ordeal.cluster import Cluster, Gateway, long_ago
from ordeal.truth import Answer, Block, CdrRecord, Client, History, Outcome, Truth, body_hash

from gateway.sim import objects
from gateway.sim.objects import Charge
from gateway.sim.partner import encode, stamp
from gateway.sim.profile import GERMAN_PRICE

BILLERS, STORIES, ISSUERS, BLOCKERS = 3, 2, 1, 4
CARDS = 4
TRIES_MAX = 4
PROBED_S = 3.0
PROBE_EVERY_S = 0.04
FIRST_ALLOWED_S = 2.0
UNKNOWN_HERE = ("no such object", "PUT it first")


class Load:
    """Runs until `stop` is set; every actor draws from the schedule's seed."""

    def __init__(self, cluster: Cluster, client: Client, truth: Truth, seed: int) -> None:
        self.cluster = cluster
        self.client = client
        self.truth = truth
        self.stop = asyncio.Event()
        self._seed = seed
        self._slots = itertools.count()
        self._numbers = itertools.count(1)
        self._cards: list[dict[str, Any]] = []
        self._last = datetime.now(UTC)

    async def prepare(self) -> None:
        """Cards that the bills are for."""
        for n in range(CARDS):
            self._cards.append(await self.cluster.emsp.issue(f"CARD{n}", f"NL-VLT-C0000000{n}"))

    async def run(self) -> None:
        actors: list[tuple[Callable[[random.Random], Awaitable[None]], int]] = [
            (self._bill, BILLERS), (self._story, STORIES),
            (self._issue, ISSUERS), (self._block, BLOCKERS),
        ]  # fmt: skip
        async with asyncio.TaskGroup() as group:
            for act, count in actors:
                for n in range(count):
                    rng = random.Random(f"{self._seed} {act.__name__} {n}")
                    group.create_task(self._repeat(act, rng))

    async def _repeat(
        self, act: Callable[[random.Random], Awaitable[None]], rng: random.Random
    ) -> None:
        while not self.stop.is_set():
            await act(rng)

    def _any(self, rng: random.Random) -> Gateway:
        return rng.choice(self.cluster.gateways)

    def _stamp(self) -> str:
        """The moment of a change: later than that of every change before it."""
        self._last = max(datetime.now(UTC), self._last + timedelta(milliseconds=1))
        return stamp(self._last)

    # -- bills

    async def _bill(self, rng: random.Random) -> None:
        slot = next(self._slots)
        record = CdrRecord(f"CDR-S{slot}")
        body = self._cdr(slot, rng)
        await self._post(record, body, rng)
        if rng.random() < 0.25:  # the same again, at two gateways at once
            await asyncio.gather(*(self._post(record, body, rng) for _ in range(2)))
        if rng.random() < 0.12:  # other content under the same id
            await self._post(record, self._cdr(slot, rng), rng)
        for _ in range(TRIES_MAX):
            if record.acknowledged or rng.random() < 0.3:
                break
            await asyncio.sleep(rng.uniform(0.02, 0.2))
            await self._post(record, body, rng)
        await asyncio.sleep(rng.uniform(0.01, 0.06))

    async def _post(self, record: CdrRecord, body: bytes, rng: random.Random) -> None:
        self.truth.cdrs[record.cdr_id] = record
        key = body_hash(body)
        record.bodies[key] = body
        to = rng.choice((None, str(self.cluster.emsp.profile)))
        answer = await self.client.ask(
            self.cluster.cpo, self._any(rng), "POST", "cdrs", "RECEIVER", body=body, to=to
        )
        self.truth.count("cdr", answer.outcome)
        if answer.outcome is Outcome.ACKNOWLEDGED:
            record.acknowledged.add(key)
        elif answer.outcome is Outcome.REFUSED and len(record.bodies) == 1:
            self._surprised(f"POST {record.cdr_id}", answer)

    def _cdr(self, slot: int, rng: random.Random) -> bytes:
        station = self.cluster.cpo.stations[slot % 2]
        start = long_ago(slot)
        charge = Charge(
            session_id=f"S{slot}", station=station, evse_no=1 + slot // 2 % 2,
            token=rng.choice(self._cards), auth_method="WHITELIST", started_at=start,
            ended_at=start + timedelta(minutes=15), energy_kwh=Decimal(rng.randint(10, 400)) / 10,
        )  # fmt: skip
        cpo = self.cluster.cpo
        body = objects.cdr(cpo.profile, charge, GERMAN_PRICE, cpo.published_tariff, charge.ended_at)
        return encode(body)

    # -- sessions

    async def _story(self, rng: random.Random) -> None:
        """A session is told whole and in parts; one who tells goes on when an answer is missing."""
        cpo, number = self.cluster.cpo, next(self._numbers)
        history = History(f"STORY-{number}", is_direct=rng.random() < 0.5)
        self.truth.sessions.append(history)
        to = str(self.cluster.emsp.profile) if history.is_direct else None
        charge = Charge(
            session_id=history.key, station=cpo.stations[0], evse_no=1, token=self._cards[0],
            auth_method="WHITELIST", started_at=datetime.now(UTC).replace(microsecond=0),
        )  # fmt: skip
        path = f"/{cpo.profile.country_code}/{cpo.profile.party_id}/{history.key}"
        is_known = False
        for step in range(1, rng.randint(4, 14)):
            charge.energy_kwh = Decimal(step)
            at = self._stamp()
            if is_known and rng.random() < 0.6:
                method, body = "PATCH", {"kwh": step, "last_updated": at}
            else:
                whole = objects.session(cpo.profile, charge, GERMAN_PRICE, datetime.now(UTC))
                method, body = "PUT", {**whole, "last_updated": at}
            answer = await self.client.ask(
                cpo, self._any(rng), method, "sessions", "RECEIVER", path, body=encode(body), to=to
            )
            history.steps.append((at, str(step), answer.outcome))
            self.truth.count("session", answer.outcome)
            if answer.outcome is Outcome.REFUSED and not _is_unknown_here(answer):
                self._surprised(f"{method} {history.key}", answer)
            is_known = is_known or answer.outcome is Outcome.ACKNOWLEDGED
            await asyncio.sleep(rng.uniform(0.01, 0.08))

    # -- tokens

    async def _issue(self, rng: random.Random) -> None:
        emsp, number = self.cluster.emsp, next(self._numbers)
        history = History(f"TOKEN{number}", is_direct=False)
        self.truth.tokens.append(history)
        path = f"/{emsp.profile.country_code}/{emsp.profile.party_id}/{history.key}?type=RFID"
        is_known = False
        for step in range(1, rng.randint(3, 8)):
            at, mark = self._stamp(), f"V{step}"
            if is_known and rng.random() < 0.5:
                method, body = "PATCH", {"visual_number": mark, "last_updated": at}
            else:
                now = datetime.now(UTC)
                whole = objects.token(
                    emsp.profile, history.key, f"NL-VLT-C1{number:07}", now, visual_number=mark
                )
                method, body = "PUT", {**whole, "last_updated": at}
            answer = await self.client.ask(
                emsp, self._any(rng), method, "tokens", "RECEIVER", path, body=encode(body)
            )
            history.steps.append((at, mark, answer.outcome))
            self.truth.count("token", answer.outcome)
            if answer.outcome is Outcome.REFUSED and not _is_unknown_here(answer):
                self._surprised(f"{method} {history.key}", answer)
            is_known = is_known or answer.outcome is Outcome.ACKNOWLEDGED
            await asyncio.sleep(rng.uniform(0.01, 0.1))

    # -- blocks

    async def _block(self, rng: random.Random) -> None:
        """A token is used at every gateway, so that each remembers it; then it is stolen."""
        emsp, number = self.cluster.emsp, next(self._numbers)
        block = Block(f"STOLEN{number}")
        path = f"/{emsp.profile.country_code}/{emsp.profile.party_id}/{block.uid}?type=RFID"
        token = objects.token(emsp.profile, block.uid, f"NL-VLT-C2{number:07}", datetime.now(UTC))
        body = {**token, "last_updated": self._stamp()}
        emsp.tokens[block.uid] = body
        if not await self._until_acknowledged("PUT", path, body, rng):
            return
        self.truth.blocks.append(block)
        give_up = asyncio.get_running_loop().time() + FIRST_ALLOWED_S
        while not block.was_allowed and asyncio.get_running_loop().time() < give_up:
            await self._probe_all(block)
            block.was_allowed = block.was_allowed or any(p[3] == "ALLOWED" for p in block.probes)
            await asyncio.sleep(0.02)
        await asyncio.sleep(rng.uniform(0.0, 0.4))
        emsp.tokens[block.uid] = {**body, "valid": False}
        patch = {"valid": False, "last_updated": self._stamp()}
        probing = asyncio.create_task(self._keep_probing(block))
        try:
            block.acknowledged_at = await self._until_acknowledged("PATCH", path, patch, rng)
            if block.acknowledged_at is not None:
                self.truth.count("block", Outcome.ACKNOWLEDGED)
                await asyncio.sleep(PROBED_S)
        finally:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)

    async def _until_acknowledged(
        self, method: str, path: str, body: dict[str, Any], rng: random.Random
    ) -> float | None:
        """Says it again until it is acknowledged, as every sender should; when that was."""
        while True:
            answer = await self.client.ask(
                self.cluster.emsp, self._any(rng), method, "tokens", "RECEIVER", path,
                body=encode(body),
            )  # fmt: skip
            self.truth.count("block write", answer.outcome)
            if answer.outcome is Outcome.ACKNOWLEDGED:
                return answer.done_at
            if answer.outcome is Outcome.REFUSED:
                self._surprised(f"{method} {path}", answer)
                return None
            if self.stop.is_set():
                return None
            await asyncio.sleep(0.05)

    async def _keep_probing(self, block: Block) -> None:
        async with asyncio.TaskGroup() as group:
            for gateway in self.cluster.gateways:
                group.create_task(self._keep_probing_at(block, gateway))

    async def _keep_probing_at(self, block: Block, gateway: Gateway) -> None:
        while True:
            await self._probe(block, gateway)
            await asyncio.sleep(PROBE_EVERY_S)

    async def _probe_all(self, block: Block) -> None:
        await asyncio.gather(*(self._probe(block, g) for g in self.cluster.gateways))

    async def _probe(self, block: Block, gateway: Gateway) -> None:
        answer = await self.client.ask(
            self.cluster.cpo, gateway, "POST", "tokens", "SENDER",
            f"/{block.uid}/authorize?type=RFID",
        )  # fmt: skip
        self.truth.count("authorise", answer.outcome)
        if answer.outcome is Outcome.ACKNOWLEDGED:
            allowed = str(answer.data["allowed"])
            block.probes.append((gateway.name, answer.sent_at, answer.done_at, allowed))
        elif answer.outcome is Outcome.REFUSED:
            self._surprised(f"authorise {block.uid}", answer)

    def _surprised(self, what: str, answer: Answer) -> None:
        self.truth.surprises.append(
            f"{what}: HTTP {answer.http_status} OCPI {answer.status_code} {answer.message}"
        )


def _is_unknown_here(answer: Answer) -> bool:
    """A part of an object whose whole has never arrived."""
    return any(text in answer.message for text in UNKNOWN_HERE)
