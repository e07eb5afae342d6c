"""The trained rungs are climbed in the order of what they will cost, and a run keeps the order that it began with."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rung.engine.fake import fake_model
from rung.ladder import choose
from rung.ladder.order import by_cost, estimates
from rung.ladder.rungs import LADDER
from rung.rungs import Context

METHODS = "linear-probe,prompt-tuning,p-tuning-v2,adapter,lora,full"


@pytest.fixture
def context(orders: SimpleNamespace, tmp_path: Path) -> Context:
    return Context(orders.task(), fake_model(), tmp_path, 0)


def order(context: Context, volume: int) -> list[str]:
    rungs = choose(METHODS)
    return [rung.name for rung in by_cost(rungs, estimates(rungs, context, volume))]


def test_the_order_changes_with_the_volume(context: Context) -> None:
    few, many = order(context, 1), order(context, 10**9)
    assert few.index("adapter") < few.index("lora")  # fewer numbers to train
    # What is merged costs a request nothing; keys before the text and layers beside the weights do.
    for merged in ("lora", "full"):
        assert all(many.index(merged) < many.index(dear) for dear in ("prompt-tuning", "p-tuning-v2", "adapter"))
    assert sorted(few) == sorted(many) == sorted(METHODS.split(","))
    assert not any("forward" in m.__dict__ for m in context.weights.hf.modules())


def test_only_rungs_with_an_estimate_move_and_ties_stay_as_listed() -> None:
    rungs = choose("tfidf,zero-shot,prompt-tuning,lora,full")
    names = lambda estimated: [rung.name for rung in by_cost(rungs, estimated)]  # noqa: E731
    assert names({}) == ["tfidf", "zero-shot", "prompt-tuning", "lora", "full"]
    assert names({"prompt-tuning": 3, "lora": 2, "full": 1}) == ["tfidf", "zero-shot", "full", "lora", "prompt-tuning"]
    assert names({"prompt-tuning": 3, "full": 1}) == ["tfidf", "zero-shot", "full", "lora", "prompt-tuning"]
    assert names({"prompt-tuning": 1, "lora": 1, "full": 1}) == [rung.name for rung in rungs]
    assert {rung.step for rung in LADDER if rung.estimate is not None} == {4, 5}  # the others build on one another


def test_an_estimate_is_about_what_is_then_measured(orders: SimpleNamespace, tmp_path: Path) -> None:
    task = orders.task(train=16, dev=24, test=8)
    result = orders.climb(tmp_path, "linear-probe,lora", task=task, model=fake_model(), volume=1)
    for row in result["rungs"]:
        cost = row["cost"]
        measured = cost["build_flops"] + cost["flops_per_request"]
        assert 0.4 < measured / result["estimated"][row["name"]] < 2.5, row["name"]


@pytest.mark.parametrize("domain", [(), tuple(f"text {n} " * 40 for n in range(200))], ids=["inputs", "domain"])
def test_what_is_read_before_the_task_is_in_the_estimate(
    orders: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, domain: tuple[str, ...]
) -> None:
    monkeypatch.setattr("rung.rungs.trained.READ", 17 if domain else 16)
    monkeypatch.setattr("rung.rungs.trained.READINGS", 60)
    task = orders.task(train=16, dev=24, test=8)
    result = orders.climb(tmp_path, "linear-probe,lora", task=task, model=fake_model(), volume=1, domain=domain)
    row = next(row for row in result["rungs"] if row["name"] == "lora")
    trained = sum(c["cost"]["build_flops"] for c in result["candidates"] if c["rung"] == "lora")
    measured = row["cost"]["build_flops"] + row["cost"]["flops_per_request"]
    assert row["cost"]["build_flops"] > 2 * trained  # nearly all of it is reading
    assert 0.4 < measured / result["estimated"]["lora"] < 2.5


def test_a_run_goes_on_in_the_order_that_it_began_with(
    orders: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def climb() -> dict[str, Any]:
        return orders.climb(tmp_path, "zero-shot,linear-probe,lora", task=orders.task(train=16, dev=24, test=8))

    monkeypatch.setattr("rung.ladder.climb.estimates", lambda *_: {"linear-probe": 2.0, "lora": 1.0})
    first = climb()
    assert [row["name"] for row in first["rungs"]] == ["zero-shot", "lora", "linear-probe"]
    (tmp_path / "result.json").unlink()
    monkeypatch.setattr("rung.ladder.climb.estimates", lambda *_: pytest.fail("estimated again"))
    again = climb()
    assert [row["name"] for row in again["rungs"]] == [row["name"] for row in first["rungs"]]
    assert json.loads((tmp_path / "result.json").read_text())["estimated"] == {"linear-probe": 2.0, "lora": 1.0}
