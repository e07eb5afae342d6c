"""The kind of a task, targets of structured answers, and their schema."""

from __future__ import annotations

import json

import pytest

from rung.task import inspect_task, load_task
from rung.task.answers import entity_lists, infer_kind, infer_schema
from rung.task.columns import Columns
from rung.types import DataError

PLAIN, LABEL = Columns(("text",), "output"), Columns(("text",), "label")


def repeated(distinct, each):
    return [f"answer {i}" for i in range(distinct)] * each


@pytest.mark.parametrize(
    ("columns", "answers", "kind"),
    [
        (PLAIN, repeated(15, 80), "classify"),  # tnews
        (PLAIN, repeated(67, 30), "classify"),  # csldcp
        (PLAIN, repeated(130, 1), "generate"),  # the warranty desk: every answer its own
        (PLAIN, repeated(15, 1), "generate"),  # few rows do not make labels
        (PLAIN, repeated(20, 3), "classify"),
        (PLAIN, repeated(21, 3), "generate"),
        (PLAIN, repeated(21, 5), "classify"),
        (LABEL, repeated(67, 2), "classify"),  # a column named label needs less
        (LABEL, repeated(67, 1), "generate"),
        (PLAIN, ["long " * 20, "short"] * 50, "generate"),
        (PLAIN, ["two\nlines", "one"] * 50, "generate"),
        (PLAIN, ['{"a": 1}', '{"a": 2}'] * 5, "extract"),
        (PLAIN, [{"a": 1}, {"a": 2}] * 5, "extract"),
        (PLAIN, ["[SPAM]", "[HAM]"] * 20, "classify"),
        (PLAIN, ["1", "0"] * 20, "classify"),
    ],
)
def test_kind(columns, answers, kind):
    assert infer_kind(columns, answers, "a.csv")[0] == kind


def test_numbers_are_refused_unless_the_kind_is_given(write):
    rows = [{"input": f"sum {i}", "output": i * 3} for i in range(50)]
    path = write("a.jsonl", rows)
    with pytest.raises(DataError, match="regression"):
        load_task(path)
    task = load_task(path, kind="generate")
    assert {one.target for one in task.train} <= {str(i * 3) for i in range(50)}


def test_entities_become_lists_in_order_of_appearance():
    entities = [
        {"text": "台湾", "type": "place", "start": 15},
        {"text": "彭小军", "type": "name", "start": 0},
        {"text": "台湾", "type": "place", "start": 30},
        {"text": "福建", "type": "place", "start": 3},
    ]
    assert entity_lists(entities, ["company", "name", "place"]) == {
        "company": [],
        "name": ["彭小军"],
        "place": ["福建", "台湾"],
    }


def test_entities_task(write):
    types = ("name", "place")
    rows = [
        {"text": f"text {i}", "output": "ignored", "entities": [{"text": f"t{i}", "type": types[i % 2]}]}
        for i in range(60)
    ]
    task = load_task(write("a.jsonl", rows))
    assert task.kind == "extract"
    assert task.metric == "entity-f1"
    lists = {"type": "array", "items": {"type": "string"}}
    assert task.schema == {
        "type": "object",
        "properties": {"name": lists, "place": lists},
        "required": ["name", "place"],
        "additionalProperties": False,
    }
    number = int(task.train[0].input.split()[1])
    name, place = ([f"t{number}"], []) if number % 2 == 0 else ([], [f"t{number}"])
    assert task.train[0].target == json.dumps({"name": name, "place": place}, separators=(",", ":"))


def test_a_type_that_only_dev_has_stays_in_the_target_and_is_told(write):
    def row(i, kind):
        return {"text": f"text {i}", "entities": [{"text": "t", "type": kind}]}

    train = write("train.jsonl", [row(i, "name") for i in range(20)])
    dev = write("dev.jsonl", [row(i, "place") for i in range(20, 25)])
    test = write("test.jsonl", [row(i, "name") for i in range(30, 35)])
    inspection = inspect_task(train, dev=dev, test=test)
    assert inspection.task.dev[0].target == '{"name":[],"place":["t"]}'
    assert [note.en for note in inspection.warnings] == ["fields not in train: place"]


def test_objects_in_csv_cells_and_the_order_of_their_keys(write):
    cells = ['"{""to"": ""Ann"", ""n"": 1}"', '"{""n"": 2, ""to"": ""Bo""}"']
    path = write("a.csv", "text,output\n" + "".join(f"order {i},{cells[i % 2]}\n" for i in range(40)))
    task = load_task(path)
    assert task.kind == "extract"
    order = list(task.schema["properties"])
    assert sorted(order) == ["n", "to"]
    assert all(list(json.loads(one.target)) == order for one in (*task.train, *task.dev))


def test_schema_of_mixed_values():
    schema = infer_schema([{"a": 1, "b": None, "c": [{"d": "x"}]}, {"a": 1.5, "b": "y", "c": []}, {"a": 2, "b": "z"}])
    assert schema == {
        "type": "object",
        "properties": {
            "a": {"type": "number"},
            "b": {"type": ["null", "string"]},
            "c": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"d": {"type": "string"}},
                    "required": ["d"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["a", "b"],
        "additionalProperties": False,
    }
