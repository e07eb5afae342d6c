"""What a climb tells whoever watches it. This one is silent; the terminal and the pages override what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rung.types import Result, Task


class Watch:
    """The events of a climb, in their order."""

    def started(self, *, task: Task, rungs: Sequence[str], target: float | None, run: Path) -> None:
        """The climb begins, or goes on."""

    def entered(self, rung: str) -> None:
        """The climb reaches a rung."""

    def scored(self, rung: str, candidate: str, done: int, total: int, result: Result | None) -> None:
        """A block of dev examples was answered; ``result`` when the candidate is done with them."""

    def training(self, rung: str, candidate: str, step: int, steps: int, loss: float) -> None:
        """One optimiser step."""

    def judged(self, row: Mapping[str, Any]) -> None:
        """A rung has its verdict: one row of ``result["rungs"]``."""

    def note(self, en: str, zh: str) -> None:
        """Something that the user should know."""

    def finished(self, result: Mapping[str, Any]) -> None:
        """The climb ends with ``result``."""

    def interrupted(self) -> None:
        """Ctrl-C: the run can be resumed."""
