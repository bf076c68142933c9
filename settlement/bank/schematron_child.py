"""The child that owns the XSLT engine: one JSON request a line in, one JSON answer a line out.

`python -m settlement.bank.schematron_child`. Saxon's native isolate and a server of many threads
do not get along (reported upstream): here it is alone, and may die without taking anything along.
Ends when its standard input ends, so that a dead parent leaves nothing running.
"""

from __future__ import annotations

import sys
from typing import BinaryIO, Protocol

import msgspec
from lxml import etree
from saxonche import PySaxonApiError, PySaxonProcessor

_SVRL = "{http://purl.oclc.org/dsdl/svrl}"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """`stylesheet` is the path of a compiled schematron, `xml` the document itself."""

    number: int
    stylesheet: str
    xml: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One assert that failed: `severity` is `fatal` or `warning`."""

    rule: str
    severity: str
    location: str
    text: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`error` is set when the document could not be judged at all."""

    number: int
    findings: tuple[Finding, ...] = ()
    error: str = ""


class _Executable(Protocol):
    def transform_to_string(self, *, xdm_node: object) -> str | None: ...


class Engine:
    """Saxon with every stylesheet compiled once (0.7 s for EN 16931)."""

    def __init__(self) -> None:
        self._saxon = PySaxonProcessor(license=False)
        self._compiled: dict[str, _Executable] = {}

    def answer(self, request: Request) -> Answer:
        """The findings; a document that is no XML is an answer, not a crash."""
        if "<!DOCTYPE" in request.xml:
            return Answer(number=request.number, error="a document type declaration is not allowed")
        try:
            svrl = self._transform(request)
        except PySaxonApiError as error:
            return Answer(number=request.number, error=str(error)[:500])
        if not svrl:
            return Answer(number=request.number, error="the stylesheet answered nothing")
        return Answer(number=request.number, findings=read_svrl(svrl.encode()))

    def _transform(self, request: Request) -> str:
        executable = self._compiled.get(request.stylesheet)
        if executable is None:
            xslt = self._saxon.new_xslt30_processor()
            executable = xslt.compile_stylesheet(stylesheet_file=request.stylesheet)
            self._compiled[request.stylesheet] = executable
        node = self._saxon.parse_xml(xml_text=request.xml)
        svrl = executable.transform_to_string(xdm_node=node)
        return svrl or ""


def read_svrl(svrl: bytes) -> tuple[Finding, ...]:
    """The failed asserts of a validation report (ISO/IEC 19757-3 annex D)."""
    root = etree.fromstring(svrl)
    return tuple(
        Finding(
            rule=failed.get("id", ""),
            severity=failed.get("flag", "fatal"),
            location=failed.get("location", ""),
            text=" ".join(failed.findtext(f"{_SVRL}text", "").split()),
        )
        for failed in root.iter(f"{_SVRL}failed-assert")
    )


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers until the requests end."""
    engine = Engine()
    for line in requests:
        answer = engine.answer(msgspec.json.decode(line, type=Request))
        answers.write(msgspec.json.encode(answer) + b"\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
