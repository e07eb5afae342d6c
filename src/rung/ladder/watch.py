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


class Together(Watch):
    """Several watchers of one climb, each told everything in this order."""

    def __init__(self, *watches: Watch):
        self.watches = watches

    def started(self, *, task: Task, rungs: Sequence[str], target: float | None, run: Path) -> None:
        for watch in self.watches:
            watch.started(task=task, rungs=rungs, target=target, run=run)

    def entered(self, rung: str) -> None:
        for watch in self.watches:
            watch.entered(rung)

    def scored(self, rung: str, candidate: str, done: int, total: int, result: Result | None) -> None:
        for watch in self.watches:
            watch.scored(rung, candidate, done, total, result)

    def training(self, rung: str, candidate: str, step: int, steps: int, loss: float) -> None:
        for watch in self.watches:
            watch.training(rung, candidate, step, steps, loss)

    def judged(self, row: Mapping[str, Any]) -> None:
        for watch in self.watches:
            watch.judged(row)

    def note(self, en: str, zh: str) -> None:
        for watch in self.watches:
            watch.note(en, zh)

    def finished(self, result: Mapping[str, Any]) -> None:
        for watch in self.watches:
            watch.finished(result)

    def interrupted(self) -> None:
        for watch in self.watches:
            watch.interrupted()
