"""The study on a task whose answers only demonstrations tell, with a model that knows them: the course is known."""

import json
import re

import pytest
import shots
import shots_formats
from shots_tasks import STUDIES

from rung.engine import FakeModel
from rung.instruct.episode import ARBITRARY
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import LICENSED
from rung.types import DataError, Demonstration


@pytest.fixture
def data(tmp_path, orders):
    folder = tmp_path / "tasks" / "sst2"
    folder.mkdir(parents=True)
    for first, (split, n) in enumerate({"train": 40, "dev": 20, "test": 50}.items()):
        rows = [{"text": e.input, "label": e.target} for e in orders.examples(1000 * first, n)]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder.parent


@pytest.fixture
def run(data, tmp_path, orders, monkeypatch):
    """The study of ``sst2`` with other answers behind it; gives the model, which counts what it is asked."""

    def asked(*more, **able):
        model = orders.able(**able)
        monkeypatch.setattr(shots, "load_model", lambda name: model)
        words = ["--tasks", "sst2", "--items", "36", "--dev", "6", "--held", "2", "--draws", "2", "--shots", "0,8"]
        shots.main([*words, "--by", "bm25", "--data", str(data), "--out", str(tmp_path / "out"), *more])
        return model

    return asked


def test_the_curve_rises_where_demonstrations_tell_and_a_second_run_asks_nothing(run, tmp_path, capsys):
    run(shots=2, share=5)
    result = json.loads((tmp_path / "out" / "sst2" / "result.json").read_text())
    points = {(p["way"], p["shots"]): p for p in result["points"]}
    assert set(points) == {("none", 0), ("balanced", 8), ("random", 8), ("bm25", 8)}
    assert points["balanced", 8]["value"] > 0.9 > points["none", 0]["value"]
    assert len(points["balanced", 8]["draws"]) == 2
    assert result["tests"]["rise"]["value"] > 0
    assert result["tests"]["rise"]["p"] < 0.05
    assert abs(result["tests"]["bm25-8 over random"]["value"]) < 0.1
    assert "better on 1 of 1 tasks (1 after Holm)" in capsys.readouterr().out
    assert run(shots=2, share=5).meter.tokens == 0


def test_a_flat_curve_is_not_called_a_rise(run, tmp_path):
    run(shots=99, share=5)
    result = json.loads((tmp_path / "out" / "sst2" / "result.json").read_text())
    assert result["tests"]["rise"]["p"] > 0.05
    assert "not shown" in (tmp_path / "out" / "shots.md").read_text()


def test_a_folder_belongs_to_one_model(run):
    run(shots=2)
    with pytest.raises(DataError, match="another model"):
        run(shots=3)


def test_missing_sets_are_named(tmp_path):
    with pytest.raises(DataError, match=r"sst2/train\.jsonl"):
        shots.load(STUDIES["sst2"], tmp_path)


def layout(rng, sources):
    """Nine records of a layout that only its demonstrations explain."""
    records = [(rng.choice("王李张刘"), str(rng.randrange(10, 99))) for _ in range(9)]
    made = [Demonstration(f"{name}~{age}", f'{{"name":"{name}","age":"{age}"}}') for name, age in records]
    asked = Demonstration(f"赵~{rng.randrange(100, 10000)}", "")
    target = f'{{"name":"赵","age":"{asked.input[2:]}"}}'
    fields = ("name", "age")
    return Exercise("new-layout", "extract", "zh", asked.input, target, fields=fields, demonstrations=tuple(made))


def test_new_layouts_are_read_off_their_own_demonstrations(tmp_path, monkeypatch):
    def reads(prompt):
        name, age = re.findall(r"(.)~(\d+)", prompt)[-1]
        return f'{{"age": "{age}", "name": "{name}"}}' if prompt.count("~") > 4 else "{}"

    monkeypatch.setattr(shots, "load_model", lambda name: FakeModel(reads))
    monkeypatch.setattr(shots_formats, "layouts", lambda: (Family("new-layout", layout),))
    monkeypatch.setattr(shots_formats, "DEV", 4)
    shots.main(["--tasks", "formats", "--items", "20", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    result = json.loads((tmp_path / "out" / "formats" / "result.json").read_text())
    points = {p["shots"]: p["value"] for p in result["points"]}
    assert points == {0: 0.0, 1: 0.0, 2: 0.0, 4: 1.0, 8: 1.0}
    assert result["tests"]["rise"]["p"] < 0.001


@pytest.mark.parametrize(
    ("text", "longest", "cut"),
    [
        ("short", 10, "short"),
        ("one two three", 10, "one two"),
        ("abcdefghijkl", 10, "abcdefghij"),
        ("很好吃，送得也快", 15, "很好吃"),
        ("a很好吃", 6, "a很"),  # never inside a character
    ],
)
def test_demonstrations_are_cut_by_bytes_at_a_mark_where_one_is_near(text, longest, cut):
    assert shots.shortened(text, longest) == cut


def test_no_task_of_the_study_is_trained_on_and_arbitrary_words_are_new():
    assert not {study.source for study in STUDIES.values()} & set(LICENSED)
    trained = {word for sets in ARBITRARY.values() for words in sets for word in words}
    for study in STUDIES.values():
        if study.variant == "arbitrary":
            assert not set(study.words.values()) & trained
        if study.variant != "named":
            assert not study.description
