"""One journey in steps: each says what was expected, what came, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the journey. `figure` is what people read, `ok` what machines read."""

    chapter: str
    name: str
    ok: bool
    figure: str
    elapsed_ms: float


class Steps:
    """Collects the lines and shows each as it comes."""

    def __init__(self, show: Callable[[Step], None]) -> None:
        self._show = show
        self._chapter = ""
        self._began = time.perf_counter()
        self.lines: list[Step] = []

    def chapter(self, title: str) -> None:
        """A new part begins."""
        self._chapter = title
        self._began = time.perf_counter()

    def check(self, name: str, *, ok: bool, figure: str) -> None:
        """One line: it holds or it does not; the time is that since the line before."""
        now = time.perf_counter()
        step = Step(
            chapter=self._chapter,
            name=name,
            ok=ok,
            figure=figure,
            elapsed_ms=round((now - self._began) * 1000, 1),
        )
        self._began = now
        self.lines.append(step)
        self._show(step)

    def broke(self, why: str) -> None:
        """The journey could not go on: the line says after which step."""
        last = self.lines[-1].name if self.lines else "the beginning"
        self.check(f"the journey goes on after “{last}”", ok=False, figure=why)

    @property
    def ok(self) -> bool:
        """Every line holds, and there are lines."""
        return bool(self.lines) and all(step.ok for step in self.lines)
