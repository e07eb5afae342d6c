"""``import rung``: light, and the main road by the same code as the commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import rung
from rung.types import DataError, Result, UserError

HEAVY = {"torch", "transformers", "sklearn", "polars", "pydantic", "numpy", "altair", "rich"}
PLAN = "majority,tfidf,zero-shot"


@pytest.fixture(scope="module")
def able(orders: SimpleNamespace) -> Any:
    return orders.able()


@pytest.fixture(scope="module")
def climb(orders: SimpleNamespace, able: Any, tmp_path_factory: pytest.TempPathFactory) -> rung.Climbed:
    return rung.climb(orders.task(target=0.5), able, rungs=PLAN, run=tmp_path_factory.mktemp("library") / "run")


def test_the_import_is_light() -> None:
    code = f"import sys, rung; rung.Task; rung.open_climb; print(sorted({HEAVY!r} & set(sys.modules)), dir(rung))"
    source = str(Path(rung.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert done.stdout.strip() == f"[] {sorted(rung.__all__)}"


def test_every_name_is_there_and_no_other() -> None:
    assert all(getattr(rung, name) is not None for name in rung.__all__)
    assert set(rung.ROOMS) == set(rung.__all__)
    with pytest.raises(AttributeError, match="no attribute 'clmb'; it has LADDER"):
        rung.clmb  # noqa: B018


def test_the_same_call_gives_the_same_climb(climb: rung.Climbed, orders: SimpleNamespace, able: Any) -> None:
    again = rung.climb(orders.task(target=0.5), able, rungs=PLAN.split(","), run=climb.run)
    assert again.result == climb.result == json.loads((climb.run / "result.json").read_text())
    assert climb.rungs == PLAN.split(",") and not climb.met


def test_results_as_the_climb_found_them(climb: rung.Climbed) -> None:
    for row in climb.result["rungs"]:
        if row["dev"]:
            found = climb.dev(row["name"])
            assert (found.value, found.n) == (row["dev"]["value"], row["dev"]["n"])
    assert climb.test is not None and climb.test.value == climb.result["test"]["value"]
    with pytest.raises(DataError, match="measured no rung 'lora'; it has majority"):
        climb["lora"]


def test_the_chosen_one_answers(climb: rung.Climbed, orders: SimpleNamespace, able: Any) -> None:
    examples = orders.task().dev[:20]
    best = climb[climb.rungs[-1]]
    texts = [e.input for e in examples]
    answers = best.predict(texts)
    assert answers == [p.output for p in best.predictions(texts)]
    assert best.predict(texts[0]) == answers[:1] and best.predict([]) == []
    with rung.open(best.folder, able) as kept:
        assert kept.predict(texts) == answers
        figure = kept.evaluate(examples)
    assert figure.value == sum(a == e.target for a, e in zip(answers, examples, strict=True)) / 20


def test_half_a_character_is_no_input(climb: rung.Climbed) -> None:
    with pytest.raises(rung.UserError, match="input 2 holds half of a surrogate pair"):
        climb.best.predict(["whole", "half \ud83d"])


def test_evaluate_reads_a_file(climb: rung.Climbed, able: Any, orders_csv: Path) -> None:
    asked = rung.open(climb.run / "adaptations" / "majority", able)
    assert asked.evaluate(orders_csv).n == 120
    assert asked.evaluate(orders_csv, input=" text, ", output="label").n == 120
    with pytest.raises(UserError, match="no-such"):
        asked.evaluate(orders_csv.with_name("no-such.csv"))
    other = orders_csv.with_name("other.csv")
    other.write_text(orders_csv.read_text(encoding="utf-8"), encoding="utf-16")
    assert asked.evaluate(other, encoding="utf-16").n == 120


def test_an_inspection_shows_itself(orders_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for language, words in (("en", ("detectable gap", "told apart")), ("zh", ("可分辨的差距", "开发集"))):
        monkeypatch.setenv("RUNG_LANG", language)
        assert all(word in str(rung.inspect_task(orders_csv)) for word in words)
    with pytest.raises(UserError, match="read from a file, and this is a dict; write it to one"):
        rung.load_task({"text": ["a"]})  # type: ignore[arg-type]


def test_an_earlier_climb(climb: rung.Climbed, tmp_path: Path) -> None:
    earlier = rung.open_climb(climb.run)
    assert repr(earlier) == repr(climb) and earlier.test == climb.test
    assert earlier.report("zh").read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(DataError, match="is no run folder"):
        rung.open_climb(tmp_path)


@pytest.mark.parametrize(
    ("language", "words"), [("en", ("use majority", "Dev score")), ("zh", ("建议先用", "开发集得分"))]
)
def test_a_climb_shows_itself(
    climb: rung.Climbed, monkeypatch: pytest.MonkeyPatch, language: str, words: tuple[str, str]
) -> None:
    monkeypatch.setenv("RUNG_LANG", language)
    text, html = repr(climb), climb._repr_html_()
    assert all(word in text and word in html for word in words)
    rows = climb.result["rungs"]
    assert html.count("<tr") == 1 + len(rows)
    for row in rows:
        if row["dev"]:
            figure = next(line for line in text.splitlines() if re.search(rf"^\W*{row['name']}\s+\d", line))
            interval = re.search(r"[\d.]+ \[[\d.]+, [\d.]+\]", figure)
            assert interval and interval[0] in html


def test_nouns_show_themselves(orders: SimpleNamespace) -> None:
    task = orders.task(target=0.85, name="<b>")
    assert repr(task) == "<Task <b>: classify, accuracy at least 0.85; 40 train, 130 dev, 60 sealed test>"
    html = task._repr_html_()
    assert "&lt;b&gt;" in html and task.train[0].input in html and html.count("<tr>") == 3
    assert not any(e.input in html for e in task.dev)
    found = Result("accuracy", 0.425, 0.335, 0.52, 106)
    assert repr(found) == "<accuracy 0.425 [0.335, 0.520], n = 106>"
    assert found._repr_html_() == "<span><b>accuracy 0.425</b><small> [0.335, 0.520], n = 106</small></span>"
    assert repr(Result("bleu", None, None, None, 0, reason="no examples")) == "<bleu: nothing to measure (no examples)>"
