"""How far a climb is: a state that every window can draw, and the same on disk as ``RUN/progress.json``.

The file is replaced whole, a few times a second at most. It decides nothing: a climb goes on from its ledger, and whoever
finds this file while its process is gone knows that the climb has stopped.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from rung.folders import room_for
from rung.ladder.watch import Watch
from rung.types import Result, Task

VERSION = 1
PAUSE = 0.3  # seconds between two writings, or a fast training would write more than it trains


@dataclass
class Now:
    """What is being done: a candidate, how far it is, and since when (monotonic seconds) and from where its pace counts."""

    rung: str
    candidate: str
    verb: str  # "scoring" or "training"
    began: float
    first: int
    done: int = 0
    total: int = 0
    loss: float | None = None


class Progress(Watch):
    """The state of a climb. Override :meth:`changed` to show it.

    ``budget_seconds`` is what the climb may still take when it starts, where it has such a limit.
    """

    def __init__(self, *, budget_seconds: float | None = None):
        self.budget_seconds = budget_seconds
        self.name, self.metric = "", ""
        self.target: float | None = None
        self.sizes: dict[str, int] = {}
        self.rungs: list[str] = []
        self.rows: dict[str, Mapping[str, Any]] = {}  # rows of ``result["rungs"]``, of what was judged
        self.best: dict[str, dict[str, Any]] = {}  # {value, low, high, n} of each rung's best so far
        self.tried: dict[str, set[str]] = {}
        self.notes: list[dict[str, str]] = []
        self.now: Now | None = None
        self.at: str | None = None
        self.ended: str | None = None  # "finished" or "interrupted"
        self.began = time.monotonic()

    def changed(self, weighty: bool = False) -> None:
        """The state is another one. ``weighty``: no mere step on the way."""

    def started(self, *, task: Task, rungs: Sequence[str], target: float | None, run: Path) -> None:
        self.name, self.metric, self.target = task.name, task.metric, target
        self.sizes = {"train": len(task.train), "dev": len(task.dev), "test": len(task.test)}
        self.rungs, self.began, self.ended = list(rungs), time.monotonic(), None
        self.changed(True)

    def entered(self, rung: str) -> None:
        self.at, self.now = rung, None
        self.changed(True)

    def scored(self, rung: str, candidate: str, done: int, total: int, result: Result | None) -> None:
        now = self._moving(rung, candidate, "scoring", done)
        now.done, now.total = done, total
        self.tried.setdefault(rung, set()).add(candidate)
        if result is not None and result.value is not None:
            best = self.best.get(rung)
            if best is None or result.value > best["value"]:
                self.best[rung] = {"value": result.value, "low": result.low, "high": result.high, "n": result.n}
        self.changed()

    def training(self, rung: str, candidate: str, step: int, steps: int, loss: float) -> None:
        now = self._moving(rung, candidate, "training", step)
        now.done, now.total, now.loss = step, steps, loss
        self.changed()

    def judged(self, row: Mapping[str, Any]) -> None:
        self.rows[row["name"]], self.now = row, None
        self.changed(True)

    def note(self, en: str, zh: str) -> None:
        self.notes.append({"en": en, "zh": zh})
        self.changed(True)

    def finished(self, result: Mapping[str, Any]) -> None:
        self.now, self.at, self.ended = None, None, "finished"
        self.changed(True)

    def interrupted(self) -> None:
        self.now, self.ended = None, "interrupted"
        self.changed(True)

    def _moving(self, rung: str, candidate: str, verb: str, done: int) -> Now:
        if self.now is None or (self.now.candidate, self.now.verb) != (candidate, verb):
            self.now = Now(rung, candidate, verb, time.monotonic(), done)
        return self.now

    def as_json(self) -> dict[str, Any]:
        """The state as JSON values; times as seconds that have passed, for a monotonic clock means nothing elsewhere."""
        here = time.monotonic()
        plain = {
            key: getattr(self, key)
            for key in ("name", "metric", "target", "sizes", "rungs", "rows", "best", "notes", "at", "ended")
        }
        now = self.now and {**asdict(self.now), "began": here - self.now.began}
        tried = {rung: sorted(names) for rung, names in self.tried.items()}
        left = {"budget_seconds": self.budget_seconds, "passed": here - self.began, "written": time.time()}
        return {"version": VERSION, **plain, "now": now, "tried": tried, **left}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Progress:
        """The state that :meth:`as_json` gave, its times moved on by what has passed since."""
        state = Progress(budget_seconds=body["budget_seconds"])
        for key in ("name", "metric", "target", "sizes", "rungs", "rows", "best", "notes", "at", "ended"):
            setattr(state, key, body[key])
        state.tried = {rung: set(names) for rung, names in body["tried"].items()}
        here = time.monotonic() - max(0.0, time.time() - body["written"])
        state.began = here - body["passed"]
        state.now = body["now"] and Now(**{**body["now"], "began": here - body["now"]["began"]})
        return state


class ProgressFile(Progress):
    """A :class:`Progress` that is kept in ``folder/progress.json``, with the process that climbs."""

    def __init__(self, folder: Path, *, budget_seconds: float | None = None):
        super().__init__(budget_seconds=budget_seconds)
        self.path = folder / "progress.json"
        self.process = {"pid": os.getpid(), "born": psutil.Process().create_time(), "host": platform.node()}
        self.written = -PAUSE

    def changed(self, weighty: bool = False) -> None:
        if weighty or time.monotonic() - self.written >= PAUSE:
            partial = self.path.with_name("progress.json.new")
            with room_for(self.path):
                partial.write_text(json.dumps({**self.as_json(), "process": self.process}, ensure_ascii=False), "utf-8")
                partial.replace(self.path)
            self.written = time.monotonic()


def read_progress(folder: Path) -> dict[str, Any] | None:
    """``folder/progress.json``, or None where there is none that this version reads."""
    try:
        body = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return body if isinstance(body, dict) and body.get("version") == VERSION else None


def alive(process: Mapping[str, Any]) -> bool:
    """Whether the process of a progress file still runs; one of another machine cannot be asked and counts as gone."""
    try:
        found = psutil.Process(int(process["pid"]))
        same = process["host"] == platform.node() and abs(found.create_time() - float(process["born"])) < 1.0
        return same and found.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False
