"""Recipes name the rungs by situation; the domain's texts are trained on before the task, beside the same training without."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rung.ladder import default_folder
from rung.ladder.arrange import fits_one
from rung.ladder.recipes import RECIPES, plan, read_domain, wants_training
from rung.types import DataError, Sealed, Task, UserError

TEXTS = ("An order that is left stays left.", "Please turn right at the second order. " * 3)


def test_each_recipe_is_a_plan_with_controls() -> None:
    for name, recipe in RECIPES.items():
        rungs = plan(None, name, Path("texts") if recipe.domain else None)
        assert [rung.name for rung in rungs] == recipe.rungs.split(",")
        assert {rung.step for rung in rungs} >= {0, 1, 5}
        assert recipe.what_zh != recipe.what
    assert [rung.name for rung in plan("lora,majority", None, None)] == ["majority", "lora"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("lora", "sft+lora", None), "leave out --rungs"),
        ((" , ", None, None), r"--rungs names no rung\. The rungs are: majority, .*, full; without --rungs all"),
        (("", None, None), "--rungs names no rung"),
        (
            (None, "sft-lora", None),
            r"'sft-lora'\. Did you mean sft\+lora\? The recipes are: sft\+qlora \(little memory",
        ),
        ((None, "cpt+sft", None), "type --domain-text"),
        ((None, "sft+lora", Path("texts")), r"type --recipe cpt\+sft"),
    ],
)
def test_what_does_not_go_together_is_refused(given: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        plan(*given)
    assert error.value.zh != str(error.value)


@pytest.mark.parametrize(
    ("kind", "rungs", "message"),
    [
        ("prefer", None, "no rung learns from preference pairs yet; type --output chosen"),
        ("generate", "linear-probe", "not for generate tasks: linear-probe; type the command without --rungs"),
    ],
)
def test_a_task_that_no_rung_takes_is_refused(kind: Any, rungs: str | None, message: str) -> None:
    task = Task("t", kind, "chrf", "en", (), (), Sealed([]))
    with pytest.raises(UserError, match=message) as error:
        fits_one(task, plan(rungs, None, None))
    assert error.value.zh != str(error.value)


def test_domain_text_is_read_or_refused(tmp_path: Path) -> None:
    file = tmp_path / "laws.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("a law", "another", "a law", " ")))
    assert read_domain(file) == read_domain(tmp_path) == ("a law", "another")
    assert read_domain(None) == ()
    with pytest.raises(DataError, match="no domain text in") as error:
        read_domain(tmp_path / "nowhere")
    assert "领域文本" in error.value.zh
    with pytest.raises(UserError, match="none of them is in the plan"):
        wants_training(plan("zero-shot,prompt-tuning", None, None), ("a law",))


def essence(result: dict[str, Any]) -> list[Any]:
    """What does not hang on the clock."""
    return [(r["name"], r["best"], r["dev"], r["cost"]["build_flops"], r["forgetting"]) for r in result["rungs"]]


def test_both_stages_are_paid_for_and_forgetting_is_measured(orders: SimpleNamespace, tmp_path: Path) -> None:
    task = orders.task(train=16, dev=24, test=8)
    plain = orders.climb(tmp_path / "plain", "zero-shot,lora", task=task)
    found = orders.climb(tmp_path / "domain", "zero-shot,lora", task=task, domain=TEXTS)
    names = [c["name"] for c in found["candidates"] if c["rung"] == "lora"]
    assert sum(name.endswith("-domain-quarter") for name in names) == 1
    assert len(names) >= len([c for c in plain["candidates"] if c["rung"] == "lora"])
    row, before = found["rungs"][1], plain["rungs"][1]
    assert row["forgetting"].keys() == {"en", "zh"}
    own = sum(c["cost"]["build_flops"] for c in found["candidates"] if c["rung"] == "lora")
    assert row["cost"]["build_flops"] > before["cost"]["build_flops"] and row["cost"]["build_flops"] > own
    assert (tmp_path / "domain" / "candidates" / "lora" / "domain" / "adapter").is_dir()
    (tmp_path / "domain" / "result.json").unlink()
    again = orders.climb(tmp_path / "domain", "zero-shot,lora", task=task, domain=TEXTS)
    assert essence(again) == essence(found)
    assert again["rungs"][1]["cost"]["build_seconds"] == row["cost"]["build_seconds"]  # nothing is trained again
    with pytest.raises(DataError, match="domain text"):
        orders.climb(tmp_path / "domain", "zero-shot,lora", task=task, domain=TEXTS[:1])


def test_another_domain_is_another_run(orders: SimpleNamespace) -> None:
    task, model, rungs = orders.task(), orders.able(), plan("lora", None, None)
    folders = {default_folder(task, model, rungs, 0, False, domain=texts) for texts in ((), TEXTS, TEXTS[:1])}
    assert len(folders) == 3
