"""The official EN 16931 rules over every kind of document the hub writes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from settlement.bank.schematron import (
    RuleSetError,
    Schematron,
    SchematronUnavailableError,
    en16931_ubl,
    load_rule_set,
    mounted,
)
from settlement.invoice.errors import InvalidXmlError

INVOICE = b"""<?xml version="1.0"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>"""


@pytest.fixture
def official() -> bytes:
    return Path(en16931_ubl().path).read_bytes()


@pytest.fixture
async def rules() -> AsyncIterator[Schematron]:
    async with Schematron() as child:
        yield child


async def test_check_when_document_is_empty_then_every_missing_term_is_named(
    rules: Schematron,
) -> None:
    report = await rules.check(INVOICE)
    assert {"BR-01", "BR-02", "BR-03", "BR-04", "BR-05", "BR-16"} <= {f.rule for f in report.failed}
    assert report.rule_set == "EN16931-UBL"
    assert report.version == "1.3.16"
    assert len(report.sha256) == 64


async def test_check_when_child_was_killed_then_another_one_answers(rules: Schematron) -> None:
    first = await rules.check(INVOICE)
    before = rules.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    assert await rules.check(INVOICE) == first
    assert rules.pid != before


async def test_check_when_input_is_no_document_then_it_says_so_and_goes_on(
    rules: Schematron,
) -> None:
    with pytest.raises(InvalidXmlError):
        await rules.check(b"<a")
    before = rules.pid
    with pytest.raises(InvalidXmlError, match="document type"):
        await rules.check(b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>')
    with pytest.raises(InvalidXmlError, match="more than"):
        await rules.check(b"x" * (16 * 1024 * 1024 + 1))
    assert rules.pid == before


async def test_check_when_cancelled_then_the_next_answer_is_its_own(rules: Schematron) -> None:
    asking = asyncio.create_task(rules.check(INVOICE))
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await rules.check(INVOICE)).failed


async def test_check_when_rules_are_no_stylesheet_then_it_says_so(
    rules: Schematron, tmp_path: Path
) -> None:
    path = tmp_path / "rules.xslt"
    path.write_text("<no/>")
    with pytest.raises(InvalidXmlError):
        await rules.check(INVOICE, load_rule_set("mine", path))


async def test_mounted_when_manifest_names_files_then_they_are_used_and_checked(
    rules: Schematron, tmp_path: Path, official: bytes
) -> None:
    (tmp_path / "mine.xslt").write_bytes(official)
    entry = {"name": "mine", "version": "7", "file": "mine.xslt", "sha256": en16931_ubl().sha256}
    (tmp_path / "manifest.json").write_text(json.dumps([entry]))
    [mine] = mounted(tmp_path)
    report = await rules.check(INVOICE, mine)
    assert (report.rule_set, report.version) == ("mine", "7")
    assert report.failed
    (tmp_path / "mine.xslt").write_bytes(official + b"<!-- changed -->")
    with pytest.raises(RuleSetError, match="not the file"):
        mounted(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(RuleSetError):
        mounted(tmp_path)


async def test_check_when_child_is_too_slow_then_unavailable_and_nothing_left() -> None:
    async with Schematron(deadline_s=0.001) as slow:
        with pytest.raises(SchematronUnavailableError):
            await slow.check(INVOICE)
        assert slow.pid is None
