from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator

import pytest
import structlog

from gateway.observe import log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    found = io.StringIO()
    log.configure(stream=found)
    yield found
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_lines_carry_the_exchange_they_belong_to_also_in_tasks(stream: io.StringIO) -> None:
    async def work() -> None:
        log.get("x").info("deep")

    with log.exchange_context(correlation_id="c-1", party="NL-ABC"):
        await asyncio.create_task(work())
    log.get("x").info("outside")
    inside, outside = lines(stream)
    assert (inside["correlation_id"], inside["party"]) == ("c-1", "NL-ABC")
    assert "correlation_id" not in outside


@pytest.mark.parametrize(
    "name", ["token", "Authorization", "token_a", "private_key", "client_secret", "admin_token"]
)
def test_secrets_never_reach_the_log(stream: io.StringIO, name: str) -> None:
    log.get("x").info("said", **{name: "hunter2"})
    assert "hunter2" not in stream.getvalue()


def test_bytes_and_long_texts_are_cut(stream: io.StringIO) -> None:
    log.get("x").info("said", body=b"123", note="x" * 5000, token_uid="ABC")
    (line,) = lines(stream)
    assert line["body"] == "3 bytes"
    assert len(str(line["note"])) == log.TEXT_CHARS_MAX + 1
    assert line["token_uid"] == "ABC"


def test_an_error_is_logged_whole_in_one_line(stream: io.StringIO) -> None:
    try:
        int("broken")
    except ValueError:
        log.get("x").exception("failed")
    (line,) = lines(stream)
    assert "ValueError: invalid literal" in str(line["exception"])
