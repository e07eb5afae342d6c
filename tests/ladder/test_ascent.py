"""Rungs that race: turns, thirds, who stops and what is told; a race that is killed or short of budget."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rung.engine import load_model
from rung.finetune import finetune
from rung.ladder import LADDER, Budget, Climb, Watch, choose, default_folder
from rung.ladder.ascent import heats
from rung.ladder.result import Standing, decide
from rung.report import three_sentences, write_report
from rung.report.notebook import climb_html
from rung.rungs import Context, Rung, Wave
from rung.rungs.trained import RECIPES
from rung.train import TrainingDiverged
from rung.types import Adaptation, Cost, ModelError, UserError

SHOTS = {"poor": 0, "fair": 0, "good": 16, "best": 16}


def racer(name: str, *, waves: int = 3, ended: list[str] | None = None, breaks: int = 0) -> Rung:
    """A rung that races: ``waves`` waves of a candidate; it is as good as the demonstrations that it shows.

    ``ended`` gets the name of the rung when its generator comes to its end; ``breaks``: the wave that fails.
    """

    def propose(context: Context) -> Iterator[Wave]:
        for number in range(1, waves + 1):
            if number == breaks:
                raise UserError("this rung is broken", zh="这一级坏了")
            shown = context.pool[: SHOTS[name]]
            prompt = context.templates[-1 if name == "fair" else 0]
            said = f"{name}, try {number}"
            yield Wave([context.adaptation(f"{number}", prompt=prompt, demonstrations=shown, description=said)])
            if context.enough:
                break
        if ended is not None:
            ended.append(name)

    return Rung(name, 5, propose, name, name, races=True)


@pytest.fixture
def race(orders: SimpleNamespace):
    def race(folder: Path, *rungs: Rung, target: float | None = None, **options: Any) -> dict[str, Any]:
        task = orders.task(dev=130, target=target)
        options = {"general": orders.general, "race": True, "all": True, **options}
        return Climb(task, orders.able(), folder, tuple(rungs), **options).run()

    return race


def tried(result: dict[str, Any]) -> dict[str, int]:
    return {row["name"]: row["candidates"] for row in result["rungs"]}


def test_after_every_round_the_best_third_goes_on(race, tmp_path: Path) -> None:
    ended: list[str] = []
    result = race(tmp_path, *(racer(name, ended=ended) for name in ("poor", "good", "fair", "best")))
    rows = {row["name"]: row for row in result["rungs"]}
    assert list(rows) == ["poor", "good", "fair", "best"]
    assert rows["good"]["dev"]["value"] > rows["poor"]["dev"]["value"] + 0.2
    # A wave each; then a third of four, rounded up; of the two, equals, the first alone.
    assert tried(result) == {"poor": 1, "good": 3, "fair": 1, "best": 2}
    assert rows["good"]["stopped"] is None
    assert rows["poor"]["stopped"]["en"].startswith("stopped before its training was over: in the race it had 0.")
    assert "good" in rows["poor"]["stopped"]["en"] and "good" in rows["poor"]["stopped"]["zh"]
    assert result["chosen"]["rung"] in ("good", "best")
    assert sorted(ended) == ["best", "fair", "good", "poor"]  # who was stopped could clean up


def test_turns_are_taken_by_wave(race, tmp_path: Path) -> None:
    turns: list[str] = []

    class Spy(Watch):
        def entered(self, rung: str) -> None:
            turns.append(rung)

    race(tmp_path, racer("good", waves=2), racer("best", waves=2), watch=Spy())
    assert turns == ["good", "best", "good"]


def test_clearly_behind_is_stopped_within_the_best_third_too(race, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("rung.ladder.ascent.ONE_IN", 1)  # all of them would go on
    result = race(tmp_path, racer("good"), racer("poor"), racer("best"))
    assert tried(result) == {"good": 3, "poor": 1, "best": 3}


def test_without_the_option_every_rung_goes_to_its_end(race, tmp_path: Path) -> None:
    result = race(tmp_path, racer("poor"), racer("good"), race=False)
    assert tried(result) == {"poor": 3, "good": 3}
    assert [row["stopped"] for row in result["rungs"]] == [None, None]


def test_a_broken_rung_leaves_the_race_alone(race, tmp_path: Path) -> None:
    result = race(tmp_path, racer("good", breaks=2), racer("best"), racer("poor", breaks=1))
    statuses = {row["name"]: (row["status"], (row["reason"] or {}).get("en")) for row in result["rungs"]}
    assert statuses["poor"] == ("failed", "this rung is broken")
    assert statuses["good"] == ("failed", "this rung is broken") and statuses["best"][0] == "measured"
    assert tried(result)["best"] == 3


def test_a_short_budget_keeps_what_the_race_has_measured(race, tmp_path: Path) -> None:
    rungs = [racer(name) for name in ("poor", "good", "best")]
    whole = race(tmp_path / "whole", *rungs)
    spent = sum(row["cost"]["build_tokens"] for row in whole["rungs"])
    assert spent > 0
    short = race(tmp_path / "short", *rungs, budget=Budget(tokens=spent // 2))
    assert short["complete"] is False and short["test"] is None
    measured = [row for row in short["rungs"] if row["dev"]]
    assert measured and short["chosen"] is not None
    assert any("budget" in (row["stopped"] or row["reason"] or {}).get("en", "") for row in short["rungs"])
    longer = race(tmp_path / "short", *rungs, budget=Budget(tokens=10 * spent))
    assert longer["complete"] is True
    assert tried(longer) == tried(whole)
    assert [row["dev"] for row in longer["rungs"]] == [row["dev"] for row in whole["rungs"]]


def test_a_race_is_another_run_than_a_climb_in_turn(orders: SimpleNamespace) -> None:
    task, model = orders.task(), orders.able()
    rungs = choose("lora")
    alone = default_folder(task, model, rungs, 0, True)
    assert alone == default_folder(task, model, rungs, 0, True, race=False)
    assert alone != default_folder(task, model, rungs, 0, True, race=True)


def test_the_trained_rungs_race_at_the_place_of_their_last() -> None:
    plan = choose("majority,linear-probe,lora,full")
    order = [plan[0], plan[2], plan[1], plan[3]]  # a probe that is dearer than a LoRA
    assert [[r.name for r in heat] for heat in heats(order)] == [["majority"], ["linear-probe"], ["lora", "full"]]
    assert [[r.name for r in heat] for heat in heats(plan[:3])] == [["majority"], ["linear-probe"], ["lora"]]
    assert {r.name for r in LADDER if r.races} == {
        "prompt-tuning", "p-tuning", "prefix-tuning", "p-tuning-v2", "adapter", "lora", "qlora", "full",
    }  # fmt: skip


def test_the_report_says_who_was_stopped(race, tmp_path: Path) -> None:
    result = race(tmp_path, racer("poor"), racer("good"), target=0.9)
    json.dumps(result)
    assert "forgotten" not in " ".join(three_sentences(result, "en"))
    assert "stopped before its training was over" in write_report(tmp_path, "en").read_text(encoding="utf-8")
    assert "1 candidate · cut short" in write_report(tmp_path, "en").read_text(encoding="utf-8")  # in the table too
    assert "未训练完即停" in write_report(tmp_path, "zh").read_text(encoding="utf-8")
    assert 'title="stopped before its training was over' in climb_html(result, "en")  # in a notebook


def test_trained_rungs_take_one_rate_at_a_time_and_leave_no_checkpoint(orders: SimpleNamespace, tmp_path: Path) -> None:
    task = orders.task(dev=40)
    options = {"general": orders.general, "race": True, "all": True}
    result = Climb(task, load_model("fake"), tmp_path, choose("prompt-tuning,lora"), **options).run()
    names = [c["name"] for c in result["candidates"]]
    stopped = [row["name"] for row in result["rungs"] if row["stopped"]]
    assert len(stopped) == 1
    assert len([name for name in names if name.startswith(stopped[0])]) == 1  # the higher rate, and no more
    (whole,) = [name for name in names if not name.endswith("-quarter")]
    assert not whole.startswith(stopped[0])
    assert not list(tmp_path.rglob("checkpoint"))


@pytest.mark.parametrize("most", [None, 100.0])
def test_what_a_stopped_rung_forgets_is_measured_where_it_counts(
    orders: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: float | None
) -> None:
    """Of the rung that is chosen, and of all of them under a limit: what is stopped cannot be chosen unmeasured."""
    task, general = orders.task(dev=40), replace(orders.general, most=most)
    taken: dict[str, str] = {}

    def dearest(standings: Sequence[Standing], *options: Any) -> Any:
        stopped = next(s for s in standings if s.stopped)
        taken["name"] = stopped.rung.name
        return decide([stopped], *options)

    plan = "prompt-tuning,p-tuning,lora"
    folders = [tmp_path / name for name in ("as it is", "stopped one")]
    for folder in folders:
        result = Climb(task, load_model("fake"), folder, choose(plan), general=general, race=True, all=True).run()
        measured = {row["name"]: row["forgetting"] is not None for row in result["rungs"]}
        stopped = {row["name"] for row in result["rungs"] if row["stopped"]}
        assert len(stopped) == 2
        chosen = result["chosen"]["rung"]
        assert measured == {name: most is not None or name not in stopped or name == chosen for name in plan.split(",")}
        monkeypatch.setattr("rung.ladder.climb.decide", dearest)
    assert chosen == taken["name"]


def test_a_rate_that_diverges_leaves_its_turn_to_the_lower_one(
    orders: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fast = RECIPES["lora"].rates

    def diverging(model: Any, documents: Any, config: Any, settings: Any, **options: Any) -> Any:
        if settings.learning_rate == fast:
            error = TrainingDiverged("the loss became nan", zh="损失变成了 nan")
            error.cost = Cost(build_flops=1.0)
            raise error
        return finetune(model, documents, config, settings, **options)

    monkeypatch.setattr("rung.rungs.trained.finetune", diverging)
    options = {"general": orders.general, "race": True, "all": True}
    task = orders.task(train=16, dev=24, test=8)
    result = Climb(task, load_model("fake"), tmp_path, choose("lora"), **options).run()
    (row,) = result["rungs"]
    assert row["status"] == "measured" and f"lr{slow:g}" in row["best"]
    assert [left["name"] for left in result["left_out"]] == [f"lora/bare-r8-lr{fast:g}-quarter"]


def test_of_several_rungs_that_cannot_be_asked_each_says_why(
    race, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(self: Climb, adaptation: Adaptation, *_: Any) -> Any:
        raise ModelError(f"{adaptation.rung} is too long", zh=f"{adaptation.rung} 太长")

    monkeypatch.setattr(Climb, "_ask", ask)
    result = race(tmp_path, racer("poor", waves=1), racer("good", waves=1))
    found = [(row["status"], row["reason"]["en"], row["reason"]["zh"]) for row in result["rungs"]]
    assert found == [("failed", f"{name} is too long", f"{name} 太长") for name in ("poor", "good")]
