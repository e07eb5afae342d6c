"""What the terminal shows: the summary at the end, and the table that moves (on a terminal and in a pipe)."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rung.report import LiveTable, live, summary
from rung.types import Example, Result, Sealed, Task

MakeResult = Callable[..., dict[str, Any]]
TASK = Task(
    "intents", "classify", "accuracy", "en", tuple(Example(str(i), str(i), "a") for i in range(4)),
    tuple(Example(str(i), str(i), "a") for i in range(4, 7)), Sealed([Example("9", "9", "a")]), ("a",),
)  # fmt: skip
RUN = Path("runs/intents")


def drawn(terminal: bool = False, width: int = 120) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None, legacy_windows=False)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_summary_holds_the_sentences_and_every_rung(result_of: MakeResult, language: Any):
    console = drawn()
    result = result_of()
    result["rungs"][-1]["reason"] = {"en": "lora met the target before", "zh": "lora 已经达到目标"}
    console.print(summary(result, language))
    said = text(console)
    for row in result["rungs"]:
        assert row["name"] in said
    assert {"en": ".913 [.877, .949]", "zh": "0.913 [0.877, 0.949]"}[language] in said
    assert {"en": "full: lora met the target before", "zh": "full：lora 已经达到目标"}[language] in said
    assert next(line for line in said.splitlines() if line.startswith("→")).split()[1] == "lora"


def test_on_a_narrow_terminal_nothing_is_cut_off(result_of: MakeResult):
    result = result_of()
    result["rungs"][2]["more_dev"] = 310
    for width in (66, 80):
        console = drawn(width=width)
        console.print(summary(result, "zh"))
        assert "…" not in text(console)


def climb(watch: LiveTable, result: dict[str, Any]) -> None:
    watch.started(task=TASK, rungs=["zero-shot", "lora"], target=0.85, run=RUN)
    watch.entered("zero-shot")
    watch.note("a note", "一条说明")
    watch.scored("zero-shot", "zero-shot/bare", 2, 3, None)
    watch.scored("zero-shot", "zero-shot/bare", 3, 3, Result("accuracy", 0.4, 0.3, 0.5, 3))
    watch.judged(result["rungs"][2])
    watch.entered("lora")
    for step in range(1, 11):
        watch.training("lora", "lora/r8", step, 10, 1.0 / step)
    watch.judged(result["rungs"][7])
    watch.finished(result)


def test_plain_lines_where_there_is_no_terminal(result_of: MakeResult):
    console = drawn()
    climb(LiveTable("en", console=console), result_of())
    lines = text(console).splitlines()
    assert lines[0] == "intents: 4 train, 3 dev, 1 sealed test, target .85 → runs/intents"
    assert lines[1] == "a note"
    assert lines[2] == "  zero-shot/bare  .400 [.300, .500], n = 3"  # only what is over is a line
    assert lines[3].startswith("zero-shot  .413")
    assert lines[4] == "  lora/r8  training, step 2/10, loss 0.500"
    assert sum("training" in line for line in lines) == 5
    assert "\x1b" not in text(console)
    assert "Use lora/r8" in text(console)


def test_a_table_in_place_on_a_terminal(result_of: MakeResult, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "PAUSE", 0.0)
    console = drawn(terminal=True)
    with LiveTable("zh", console=console) as watch:
        climb(watch, result_of())
    said = text(console)
    assert "训练中，第 3/10 步" in said
    assert "进行中" in said
    assert "一条说明" in said
    assert said.count("\x1b[?25l") == said.count("\x1b[?25h") == 1  # the cursor is hidden and comes back


@pytest.mark.parametrize(
    ("flops", "money", "head", "cell"),
    [
        (9.6e8, None, "FLOPs", "960 MFLOP"),
        (None, None, "tokens per request", " 74 "),
        (None, 0.002, "money per", " 0.002 "),
    ],
)
def test_the_table_that_moves_has_the_unit_of_its_end(
    result_of: MakeResult, flops: float | None, money: float | None, head: str, cell: str
):
    watch, result = LiveTable("en", console=drawn()), result_of()
    watch.started(task=TASK, rungs=["majority", "zero-shot"], target=None, run=RUN)
    result["rungs"][0]["cost"] |= {"money_per_request": money and 0.0}
    result["rungs"][2]["cost"] |= {"flops_per_request": flops, "money_per_request": money}
    for row in (result["rungs"][0], result["rungs"][2]):
        watch.judged(row)
    console = drawn(width=160)
    console.print(watch)
    assert head in text(console) and cell in text(console)


def test_an_error_gives_the_terminal_back():
    console = drawn(terminal=True)
    watch = LiveTable("en", console=console)
    watch.started(task=TASK, rungs=["lora"], target=None, run=RUN)
    with pytest.raises(ZeroDivisionError), watch:
        watch.scored("lora", "lora/r8", 1 // 0, 3, None)
    assert text(console).endswith("\x1b[?25h")
    assert watch.live is None


def test_interrupted_says_that_nothing_is_lost():
    console = drawn()
    watch = LiveTable("en", console=console)
    watch.started(task=TASK, rungs=["lora"], target=None, run=RUN)
    watch.interrupted()
    assert "the same command goes on from here" in text(console)


def test_time_left_is_an_estimate_and_absent_when_unknown(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    watch = LiveTable("en", console=drawn())
    watch.started(task=TASK, rungs=["few-shot", "lora"], target=None, run=RUN)
    assert watch.time_left() is None
    watch.scored("few-shot", "few-shot/a", 100, 400, None)
    now[0] = 10.0
    assert watch.time_left() is None  # one block: no pace yet
    watch.scored("few-shot", "few-shot/a", 200, 400, None)
    # 100 examples in 10 s, 200 to go
    assert watch.time_left() == "about 20 s left for this candidate, 2 rungs to go"
    limited = LiveTable("zh", budget_seconds=90, console=drawn())
    limited.started(task=TASK, rungs=["lora"], target=None, run=RUN)
    now[0] = 40.0
    assert limited.time_left() == "预算至多剩 1 分，还有 1 个方法"
