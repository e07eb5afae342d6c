"""The table that moves while a climb runs: one row a rung, and a line for what is being done now.

On a terminal it is drawn in place; elsewhere (a pipe, a log file) each thing that is over becomes one plain line.
The time left is an estimate from the pace of the current candidate and from the budget, absent where neither is known.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from rung.ladder import Watch
from rung.report.figures import DASH, Figures
from rung.report.terminal import rung_cells, rung_table, summary
from rung.report.text import STATUS, term
from rung.types import Language, Result, Task

PAUSE = 0.1  # seconds between two drawings, or a fast training would draw more than it trains
PATIENCE = 2.0  # seconds of a candidate before its pace is worth an estimate
NOTES = 4  # the latest notes stand under the table; all of them are in the report's reasons


@dataclass
class _Now:
    """What is being done: a candidate, how far it is, and since when and from where its pace is counted."""

    rung: str
    candidate: str
    verb: str  # "scoring" or "training"
    began: float
    first: int
    done: int = 0
    total: int = 0
    loss: float | None = None


class LiveTable(Watch):
    """A :class:`Watch` that shows the climb on ``console``.

    ``budget_seconds`` is the time limit of the climb, where it has one. Use it as a context manager where an error may
    end the climb: the terminal is then given back whole.
    """

    def __init__(self, language: Language, *, budget_seconds: float | None = None, console: Console | None = None):
        self.language, self.budget_seconds = language, budget_seconds
        self.console = console or Console(stderr=True)
        self.figures = Figures(language)
        self.rungs: list[str] = []
        self.rows: dict[str, Mapping[str, Any]] = {}
        self.best: dict[str, Result] = {}
        self.tried: dict[str, set[str]] = {}
        self.notes: list[str] = []
        self.now: _Now | None = None
        self.at: str | None = None
        self.began = time.monotonic()
        self.drawn = 0.0
        self.live: Live | None = None

    def __enter__(self) -> LiveTable:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def started(self, *, task: Task, rungs: Sequence[str], target: float | None, run: Path) -> None:
        self.rungs, self.began = list(rungs), time.monotonic()
        goal = (
            ""
            if target is None
            else self._say(f", target {self.figures.target(target)}", f"，目标 {self.figures.target(target)}")
        )
        train, dev, test = (f"{len(split):,}" for split in (task.train, task.dev, task.test))
        self._line(
            self._say(
                f"{task.name}: {train} train, {dev} dev, {test} sealed test{goal} → {run}",
                f"{task.name}：训练 {train}、开发 {dev}、封存测试 {test}{goal} → {run}",
            )
        )
        if self.console.is_terminal:
            # Only where the events come, not 4 times a second from a thread of its own: two cores have other work.
            self.live = Live(self, console=self.console, auto_refresh=False, vertical_overflow="visible")
            self.live.start()

    def entered(self, rung: str) -> None:
        self.at, self.now = rung, None
        self._refresh()

    def scored(self, rung: str, candidate: str, done: int, total: int, result: Result | None) -> None:
        now = self._moving(rung, candidate, "scoring", done)
        now.done, now.total = done, total
        self.tried.setdefault(rung, set()).add(candidate)
        if result is not None and result.value is not None:
            best = self.best.get(rung)
            if best is None or best.value is None or result.value > best.value:
                self.best[rung] = result
            if not self.live:
                self._line(f"  {candidate}  {self.figures.with_n(_dev(result))}")
        self._refresh()

    def training(self, rung: str, candidate: str, step: int, steps: int, loss: float) -> None:
        now = self._moving(rung, candidate, "training", step)
        now.done, now.total, now.loss = step, steps, loss
        if not self.live and (step == steps or step % max(1, steps // 5) == 0):
            self._line(f"  {candidate}  {self._doing(now)}")
        self._refresh()

    def judged(self, row: Mapping[str, Any]) -> None:
        self.rows[row["name"]], self.now = row, None
        if not self.live:
            verdict = term(STATUS, row["status"], self.language)
            score = self.figures.with_n(row["dev"])
            self._line(f"{row['name']}  {score}  {verdict}" if row["dev"] else f"{row['name']}  {verdict}")
        if row["reason"] and not self.live:
            self._line(f"  {row['reason'][self.language]}")
        self._refresh()

    def note(self, en: str, zh: str) -> None:
        text = self._say(en, zh)
        self.notes.append(text)
        if not self.live:
            self._line(text)
        self._refresh()

    def finished(self, result: Mapping[str, Any]) -> None:
        self.now, self.at = None, None
        self._stop()
        self.console.print(summary(result, self.language))

    def interrupted(self) -> None:
        self.now = None
        self._stop()
        self._line(
            self._say(
                "Interrupted. What was measured is kept; the same command goes on from here.",
                "已中断。测过的都已保存；再次运行同一条命令会从这里继续。",
            )
        )

    def __rich__(self) -> RenderableType:
        table = rung_table(self.language)
        for name in self.rungs:
            table.add_row(*self._cells(name))
        lines = [Text(line, style="dim") for line in self.notes[-NOTES:]]
        return Group(table, *lines, Text(self._status(), style="cyan"))

    def _cells(self, name: str) -> list[RenderableType]:
        if name in self.rows:
            return rung_cells(self.rows[name], self.language)
        best, tried = self.best.get(name), len(self.tried.get(name, ()))
        here = name == self.at
        return [
            Text("›" if here else " ", style="cyan"),
            Text(name, style="bold" if here else "dim"),
            str(tried) if tried else "",
            self.figures.interval(_dev(best)) if best else "",
            "",
            Text(self._say("climbing", "进行中"), style="cyan") if here else "",
        ]

    def _status(self) -> str:
        """What is being done, and how long it may take."""
        parts = [f"{self.now.candidate}  {self._doing(self.now)}"] if self.now else []
        return " · ".join(parts + [part for part in (self.time_left(),) if part])

    def time_left(self) -> str | None:
        """The estimate in words, or None where nothing is known to make one from."""
        parts = []
        if (pace := self._candidate_left()) is not None:
            left = self.figures.seconds(pace)
            parts.append(self._say(f"about {left} left for this candidate", f"此候选约剩 {left}"))
        if self.budget_seconds is not None:
            left = self.figures.seconds(max(0.0, self.budget_seconds - (time.monotonic() - self.began)))
            parts.append(self._say(f"at most {left} of the budget left", f"预算至多剩 {left}"))
        waiting = sum(name not in self.rows for name in self.rungs)
        if parts and waiting:
            parts.append(self._say(f"{waiting} rung{'s' * (waiting > 1)} to go", f"还有 {waiting} 个方法"))
        return self._say(", ", "，").join(parts) or None

    def _candidate_left(self) -> float | None:
        now = self.now
        if now is None or not now.total or now.done <= now.first or now.done >= now.total:
            return None
        elapsed = time.monotonic() - now.began
        return None if elapsed < PATIENCE else elapsed / (now.done - now.first) * (now.total - now.done)

    def _moving(self, rung: str, candidate: str, verb: str, done: int) -> _Now:
        if self.now is None or (self.now.candidate, self.now.verb) != (candidate, verb):
            self.now = _Now(rung, candidate, verb, time.monotonic(), done)
        return self.now

    def _doing(self, now: _Now) -> str:
        if now.verb == "training":
            loss = DASH if now.loss is None else f"{now.loss:.3f}"
            return self._say(
                f"training, step {now.done}/{now.total}, loss {loss}",
                f"训练中，第 {now.done}/{now.total} 步，损失 {loss}",
            )
        return self._say(f"{now.done}/{now.total} examples", f"{now.done}/{now.total} 条样本")

    def _refresh(self) -> None:
        if self.live and time.monotonic() - self.drawn >= PAUSE:
            self.drawn = time.monotonic()
            self.live.refresh()

    def _stop(self) -> None:
        if self.live:
            self.live.refresh()
            self.live.stop()
            self.live = None

    def _line(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _say(self, en: str, zh: str) -> str:
        return zh if self.language == "zh" else en


def _dev(result: Result) -> dict[str, Any]:
    return {"value": result.value, "low": result.low, "high": result.high, "n": result.n}
