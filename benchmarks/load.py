"""A load generator that is cheaper than what it measures: prebuilt bytes on raw connections.

Run as a program it prints one JSON line: `python -m benchmarks.load HOST:PORT FILE SECONDS CONNECTIONS`.
FILE holds length-prefixed requests (4 bytes big-endian, then the bytes); each connection walks
through them from its own starting point, one request in flight at a time.
"""

from __future__ import annotations

import asyncio
import json
import resource
import struct
import sys
import time
from pathlib import Path

import uvloop

MAX_ANSWER = 1 << 20


class Connection(asyncio.Protocol):
    """One closed loop: send, wait for the whole answer, send the next."""

    def __init__(self, requests: list[bytes], start: int, tally: Tally) -> None:
        self.requests = requests
        self.next = start
        self.tally = tally
        self.buffer = b""
        self.sent_at = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a TCP transport by construction
        self._send()

    def _send(self) -> None:
        self.sent_at = time.perf_counter_ns()
        self.transport.write(self.requests[self.next % len(self.requests)])  # type: ignore[union-attr]
        self.next += 1

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        end = answer_end(self.buffer)
        if end is None:
            if len(self.buffer) > MAX_ANSWER:
                raise ValueError("an answer of more than 1 MiB")
            return
        self.tally.add(self.buffer[9:12], time.perf_counter_ns() - self.sent_at)
        self.buffer = self.buffer[end:]
        if self.tally.running:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.tally.running:
            self.tally.lost += 1


def answer_end(buffer: bytes) -> int | None:
    """Where the first complete answer ends, or None."""
    head = buffer.find(b"\r\n\r\n")
    if head < 0:
        return None
    lower = buffer[:head].lower()
    at = lower.find(b"\r\ncontent-length:")
    if at < 0:
        return head + 4
    stop = lower.find(b"\r\n", at + 2)
    length = int(lower[at + 17 : stop if stop > 0 else None])
    end = head + 4 + length
    return end if len(buffer) >= end else None


class Tally:
    """What was answered and how long it took; latencies in 10 µs buckets."""

    def __init__(self) -> None:
        self.running = True
        self.lost = 0
        self.status: dict[str, int] = {}
        self.buckets: dict[int, int] = {}

    def add(self, status: bytes, elapsed_ns: int) -> None:
        if not self.running:
            return
        text = status.decode("ascii", "replace")
        self.status[text] = self.status.get(text, 0) + 1
        bucket = elapsed_ns // 10_000
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def percentile(self, share: float) -> int:
        """Latency in microseconds below which `share` of the answers lie."""
        left = share * sum(self.buckets.values())
        for bucket in sorted(self.buckets):
            left -= self.buckets[bucket]
            if left <= 0:
                return bucket * 10
        return 0


def read_requests(path: Path) -> list[bytes]:
    raw = path.read_bytes()
    requests, at = [], 0
    while at < len(raw):
        (length,) = struct.unpack_from(">I", raw, at)
        requests.append(raw[at + 4 : at + 4 + length])
        at += 4 + length
    return requests


def write_requests(path: Path, requests: list[bytes]) -> None:
    path.write_bytes(b"".join(struct.pack(">I", len(r)) + r for r in requests))


async def run(
    host: str, port: int, requests: list[bytes], seconds: float, connections: int
) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    tally = Tally()
    step = max(1, len(requests) // connections)
    began, cpu_began = time.perf_counter(), _cpu()
    opened = [
        (
            await loop.create_connection(
                lambda n=n: Connection(requests, n * step, tally), host, port
            )
        )[0]
        for n in range(connections)
    ]
    await asyncio.sleep(seconds)
    tally.running = False
    elapsed, cpu = time.perf_counter() - began, _cpu() - cpu_began
    for transport in opened:
        transport.abort()
    answered = sum(tally.status.values())
    return {
        "requests": answered, "seconds": elapsed, "per_second": answered / elapsed,
        "p50_us": tally.percentile(0.5), "p99_us": tally.percentile(0.99),
        "status": tally.status, "lost": tally.lost, "generator_busy": cpu / elapsed,
    }  # fmt: skip


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    address, file, seconds, connections = sys.argv[1:5]
    host, port = address.rsplit(":", 1)
    answer = uvloop.run(
        run(host, int(port), read_requests(Path(file)), float(seconds), int(connections))
    )
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
