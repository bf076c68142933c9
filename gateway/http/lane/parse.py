"""A complete request, read by llhttp (httptools): the grammar of aiohttp's own parser.

One parser serves a whole process: it is fed complete requests only, synchronously, and thrown away
after any error. What is repeated, upgraded or over the caps is not for the lane.
"""

from __future__ import annotations

from typing import Final

import httptools

HEADERS_MAX: Final = 64
KEEP_ALIVE: Final = b"keep-alive"


class RequestReader:
    """`read(frame)` is true when the frame is exactly one request that the lane may look at.

    Then `url`, `headers` (names in lower case) and `body` hold it until the next call.
    """

    __slots__ = ("_completed", "_count", "_parser", "body", "headers", "url")

    def __init__(self) -> None:
        self.url = b""
        self.body = b""
        self.headers: dict[bytes, bytes] = {}
        self._count = 0
        self._completed = 0
        self._parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count += 1
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self._completed += 1

    def read(self, frame: bytes, body_length: int) -> bool:
        self.url = self.body = b""
        self.headers = {}
        self._count = self._completed = 0
        parser = self._parser
        try:
            parser.feed_data(frame)
        except httptools.HttpParserError:  # HttpParserUpgrade is one of them
            self._parser = httptools.HttpRequestParser(self)
            return False
        if self._completed != 1 or len(self.body) != body_length:
            self._parser = httptools.HttpRequestParser(self)
            return False
        return self._is_plain(parser)

    def _is_plain(self, parser: httptools.HttpRequestParser) -> bool:
        headers = self.headers
        return (
            len(headers) == self._count <= HEADERS_MAX
            and b"host" in headers
            and b"authorization" in headers
            and b"content-encoding" not in headers
            and headers.get(b"connection", KEEP_ALIVE).lower() == KEEP_ALIVE
            and parser.get_http_version() == "1.1"
            and parser.get_method() == b"POST"
        )
