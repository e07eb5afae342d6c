"""The table that moves while a climb runs: one row a rung, and a line for what is being done now.

On a terminal it is drawn in place; elsewhere (a pipe, a log file) each thing that is over becomes one plain line.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from rung.ladder import Progress
from rung.report.doing import doing, time_left
from rung.report.figures import Figures
from rung.report.terminal import rung_cells, rung_table, summary
from rung.report.text import STATUS, term
from rung.types import Language, Result, Task

PAUSE = 0.1  # seconds between two drawings, or a fast training would draw more than it trains
NOTES = 4  # the latest notes stand under the table; all of them are in the report's reasons


class LiveTable(Progress):
    """A :class:`Progress` that shows the climb on ``console``.

    ``budget_seconds`` is the time limit of the climb, where it has one. Use it as a context manager where an error may
    end the climb: the terminal is then given back whole.
    """

    def __init__(self, language: Language, *, budget_seconds: float | None = None, console: Console | None = None):
        super().__init__(budget_seconds=budget_seconds)
        self.language = language
        self.console = console or Console(stderr=True)
        self.figures = Figures(language)
        self.drawn = 0.0
        self.live: Live | None = None

    def __enter__(self) -> LiveTable:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def started(self, *, task: Task, rungs: Sequence[str], target: float | None, run: Path) -> None:
        super().started(task=task, rungs=rungs, target=target, run=run)
        goal = (
            ""
            if target is None
            else self._say(f", target {self.figures.target(target)}", f"，目标 {self.figures.target(target)}")
        )
        train, dev, test = (f"{n:,}" for n in self.sizes.values())
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

    def scored(self, rung: str, candidate: str, done: int, total: int, result: Result | None) -> None:
        super().scored(rung, candidate, done, total, result)
        if not self.live and result is not None and result.value is not None:
            figure = {"value": result.value, "low": result.low, "high": result.high, "n": result.n}
            self._line(f"  {candidate}  {self.figures.with_n(figure)}")

    def training(self, rung: str, candidate: str, step: int, steps: int, loss: float) -> None:
        super().training(rung, candidate, step, steps, loss)
        if not self.live and (step == steps or step % max(1, steps // 5) == 0):
            self._line(f"  {doing(self, self.language)}")

    def judged(self, row: Mapping[str, Any]) -> None:
        super().judged(row)
        if self.live:
            return
        verdict = term(STATUS, row["status"], self.language)
        score = self.figures.with_n(row["dev"])
        self._line(f"{row['name']}  {score}  {verdict}" if row["dev"] else f"{row['name']}  {verdict}")
        if why := row["reason"] or row.get("stopped"):
            self._line(f"  {why[self.language]}")

    def note(self, en: str, zh: str) -> None:
        super().note(en, zh)
        if not self.live:
            self._line(self._say(en, zh))

    def finished(self, result: Mapping[str, Any]) -> None:
        super().finished(result)
        self._stop()
        self.console.print(summary(result, self.language))

    def interrupted(self) -> None:
        super().interrupted()
        self._stop()
        self._line(
            self._say(
                "Interrupted. What was measured is kept; the same command goes on from here.",
                "已中断。测过的都已保存；再次运行同一条命令会从这里继续。",
            )
        )

    def changed(self, weighty: bool = False) -> None:
        if self.live and time.monotonic() - self.drawn >= PAUSE:
            self.drawn = time.monotonic()
            self.live.refresh()

    def __rich__(self) -> RenderableType:
        table = rung_table(self.language, self._unit)
        for name in self.rungs:
            table.add_row(*self._cells(name))
        lines = [Text(note[self.language], style="dim") for note in self.notes[-NOTES:]]
        status = " · ".join(part for part in (doing(self, self.language), self.time_left()) if part)
        return Group(table, *lines, Text(status, style="cyan"))

    def _cells(self, name: str) -> list[RenderableType]:
        if name in self.rows:
            return rung_cells(self.rows[name], self.language, self._unit)
        best, tried = self.best.get(name), len(self.tried.get(name, ()))
        here = name == self.at
        return [
            Text("›" if here else " ", style="cyan"),
            Text(name, style="bold" if here else "dim"),
            str(tried) if tried else "",
            self.figures.interval(best) if best else "",
            "",
            Text(self._say("climbing", "进行中"), style="cyan") if here else "",
        ]

    @property
    def _unit(self) -> str:
        """What requests are told in, as at the end: nobody knows the operations of an endpoint."""
        costs = [row["cost"] for row in self.rows.values() if row["dev"]]
        if all(cost["flops_per_request"] is not None for cost in costs):
            return "flops"
        return "money" if any(cost.get("money_per_request") for cost in costs) else "tokens"

    def time_left(self) -> str | None:
        """The estimate in words, or None where nothing is known to make one from."""
        return time_left(self, self.language)

    def _stop(self) -> None:
        if self.live:
            self.live.refresh()
            self.live.stop()
            self.live = None

    def _line(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _say(self, en: str, zh: str) -> str:
        return zh if self.language == "zh" else en
