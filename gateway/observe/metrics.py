"""Prometheus numbers. Labels are bounded; the hot path adds to plain integers, read at a scrape.

A party becomes a label value only while fewer than `PARTIES_MAX` are known; the rest count as
``other``, so no partner can make this process's memory grow by inventing names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

PARTIES_MAX: Final = 500
OTHER: Final = "other"
SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

Reading = Mapping[tuple[str, ...], float]


class Metrics:
    """One registry per process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._parties: set[str] = set()
        self._exchanges = Counter(
            "networkcore_exchanges", "Messages by direction, partner, module and outcome.",
            ("direction", "party", "module", "outcome"), registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "networkcore_exchange_seconds", "How long an exchange took.",
            ("direction", "module"), buckets=SECONDS, registry=self.registry,
        )  # fmt: skip

    def observe_exchange(
        self, *, direction: str, party: str | None, module: str | None, outcome: str, seconds: float
    ) -> None:
        """One exchange; `outcome` is a class such as 2xx or an OCPI status, never free text."""
        room = module or "none"
        self._exchanges.labels(direction, self.party_label(party), room, outcome).inc()
        self._seconds.labels(direction, room).observe(seconds)

    def party_label(self, party: str | None) -> str:
        if party is None:
            return "none"
        if party in self._parties:
            return party
        if len(self._parties) >= PARTIES_MAX:
            return OTHER
        self._parties.add(party)
        return party

    def read_counts(
        self, name: str, text: str, labels: tuple[str, ...], read: Callable[[], Reading]
    ) -> None:
        """Counts that live elsewhere as plain integers, read when somebody scrapes."""
        self.registry.register(_Reader(CounterMetricFamily, name, text, labels, read))

    def read_levels(
        self, name: str, text: str, labels: tuple[str, ...], read: Callable[[], Reading]
    ) -> None:
        """Levels (queue lengths, trust, ages), read when somebody scrapes."""
        self.registry.register(_Reader(GaugeMetricFamily, name, text, labels, read))

    def render(self) -> bytes:
        """The Prometheus text."""
        return generate_latest(self.registry)


class _Reader(Collector):
    def __init__(
        self,
        family: type[CounterMetricFamily | GaugeMetricFamily],
        name: str,
        text: str,
        labels: tuple[str, ...],
        read: Callable[[], Reading],
    ) -> None:
        self._family, self._name, self._text = family, name, text
        self._labels, self._read = labels, read

    def describe(self) -> Iterable[Metric]:
        yield self._family(self._name, self._text, labels=self._labels)

    def collect(self) -> Iterable[Metric]:
        metric = self._family(self._name, self._text, labels=self._labels)
        for values, number in self._read().items():
            metric.add_metric(list(values), number)
        yield metric
