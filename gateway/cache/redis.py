"""Where Redis is, and how to talk to it: with limits, because the library's own are unusable.

redis-py's defaults answer after 2.4-5 s when Redis refuses and never when it hangs (reliability
§1.4). Addresses: ``redis://``, ``rediss://`` (TLS), ``unix:///path`` and, for a master found by
sentinels, ``redis+sentinel://host:port,host:port/master-name/database``.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

SOCKET_TIMEOUT_S: Final = 0.05
CONNECT_TIMEOUT_S: Final = 0.05
SENTINEL_PORT: Final = 26379
REDIS_PORT: Final = 6379


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One Redis to connect to, or the sentinels that know where it is."""

    path: str = ""
    host: str = ""
    port: int = REDIS_PORT
    is_tls: bool = False
    username: str = ""
    password: str = ""
    database: int = 0
    sentinels: tuple[tuple[str, int], ...] = ()
    master: str = ""


def parse(url: str) -> Address:
    """The address in `url`; ValueError says what is wrong with it, without its password."""
    parts = urlsplit(url)
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    match parts.scheme:
        case "unix":
            database = parse_qs(parts.query).get("db", ["0"])[0]
            return Address(
                path=unquote(parts.path), username=username, password=password,
                database=_number(database),
            )  # fmt: skip
        case "redis" | "rediss":
            return Address(
                host=parts.hostname or "127.0.0.1", port=parts.port or REDIS_PORT,
                is_tls=parts.scheme == "rediss", username=username, password=password,
                database=_number(parts.path.strip("/") or "0"),
            )  # fmt: skip
        case "redis+sentinel":
            master, _, database = parts.path.strip("/").partition("/")
            hosts = parts.netloc.rpartition("@")[2].split(",")
            return Address(
                sentinels=tuple(_host_port(text) for text in hosts), master=master or "mymaster",
                username=username, password=password, database=_number(database or "0"),
            )  # fmt: skip
    raise ValueError(
        f"NETWORKCORE_REDIS_URL: {parts.scheme}:// is not redis://, rediss://, unix:// or"
        " redis+sentinel://"
    )


def connect(url: str) -> Redis:
    """A redis-py client for what is not the hot path: bounded, without retries, RESP3."""
    return Redis.from_url(
        url,
        protocol=3,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"NETWORKCORE_REDIS_URL: {text!r} is not a database number")
    return int(text)


def _host_port(text: str) -> tuple[str, int]:
    host, _, port = text.partition(":")
    return host, _number(port) if port else SENTINEL_PORT
