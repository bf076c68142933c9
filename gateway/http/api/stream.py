"""Server-sent events: as many streams as a partner may have, each for as long as somebody reads."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from typing import Final

from aiohttp import web

from gateway.http.api.operation import EVENTS
from gateway.http.api.problem import Refusal
from gateway.store.database import StoreUnavailable

STREAMS_PER_PARTNER_MAX: Final = 50
HEARTBEAT_S: Final = 10.0
RETRY: Final = b"retry: 2000\n\n"
HEARTBEAT: Final = b": still here\n\n"
HEADERS: Final = {
    "Content-Type": EVENTS, "Cache-Control": "no-store", "X-Accel-Buffering": "no",
}  # fmt: skip


class Streams:
    """The open streams of this process."""

    def __init__(self) -> None:
        self._open: Counter[int] = Counter()
        self._is_closing = False

    async def close(self, _app: web.Application) -> None:
        """The server is told to stop: nobody waits for a stream to end by itself."""
        self._is_closing = True

    @contextlib.contextmanager
    def place(self, platform_id: int) -> Iterator[None]:
        """Room for one more stream of this partner, or 503."""
        if self._open[platform_id] >= STREAMS_PER_PARTNER_MAX:
            detail = f"{STREAMS_PER_PARTNER_MAX} streams are open: close one, or ask for the status"
            raise Refusal(503, "too-many-streams", detail)
        self._open[platform_id] += 1
        try:
            yield
        finally:
            self._open[platform_id] -= 1
            if not self._open[platform_id]:
                del self._open[platform_id]

    async def send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        events: AsyncGenerator[bytes, None],
    ) -> None:
        """Writes what comes until it ends, the reader leaves, a store goes or the server stops."""
        written_at = time.monotonic()
        with contextlib.suppress(ConnectionError, StoreUnavailable):
            async with contextlib.aclosing(events):
                await response.write(RETRY)
                async for chunk in events:
                    if self._is_over(request):
                        return
                    now = time.monotonic()
                    if not chunk and now - written_at < HEARTBEAT_S:
                        continue
                    await response.write(chunk or HEARTBEAT)
                    written_at = now
            await response.write_eof()

    def _is_over(self, request: web.Request) -> bool:
        transport = request.transport
        return self._is_closing or transport is None or transport.is_closing()
