"""Columns are found by name, in the documented order, and what else was there is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.task.columns import find_columns
from rung.task.read import Row, Table
from rung.types import DataError


def table(*columns, values=("one", "two")):
    """A table with two rows; every cell of the first is the first value, and so on."""
    rows = [Row(i + 2, dict.fromkeys(columns, value)) for i, value in enumerate(values)]
    return Table(Path("a.csv"), columns, rows)


@pytest.mark.parametrize(
    ("columns", "input", "output"),
    [
        (("label", "text"), ("text",), "label"),
        (("Text", "LABEL"), ("Text",), "LABEL"),
        (("question", "answer"), ("question",), "answer"),
        (("prompt", "completion"), ("prompt",), "completion"),
        (("文本", "标签"), ("文本",), "标签"),
        (("问题", "回答"), ("问题",), "回答"),
        (("输入", "输出"), ("输入",), "输出"),
        (("title", "content", "category"), ("content",), "category"),
        (("text", "intent", "sentiment", "language"), ("text",), "intent"),
        (("premise", "hypothesis", "label"), ("premise", "hypothesis"), "label"),
        (("text", "text_a", "text_b", "label", "label_en"), ("text",), "label"),
        (("text", "label_en", "label_zh"), ("text",), "label_zh"),
        (("text", "entities", "output"), ("text",), "entities"),
        (("input", "output", "answer"), ("input",), "output"),
        (("input", "target"), ("input",), "target"),
    ],
)
def test_columns_by_name(columns, input, output):
    found = find_columns(table(*columns))
    assert (found.input, found.output) == (input, output)


def test_other_candidates_are_told():
    assert find_columns(table("text", "title", "label", "label_en", "language")).seen == ("title", "label_en")


def test_words_are_preferred_to_numbers():
    rows = [
        Row(2, {"text": "a", "label": 0, "label_text": "bad"}),
        Row(3, {"text": "b", "label": 1, "label_text": "good"}),
    ]
    assert find_columns(Table(Path("a.jsonl"), ("text", "label", "label_text"), rows)).output == "label_text"


def test_an_instruction_counts_only_where_it_varies():
    assert find_columns(table("instruction", "input", "output")).input == ("instruction", "input")
    rows = [Row(i, {"instruction": "same", "input": str(i), "output": "x"}) for i in range(3)]
    found = find_columns(Table(Path("a.jsonl"), ("instruction", "input", "output"), rows))
    assert found.input == ("input",)
    assert found.seen == ("instruction",)


def test_preference_pairs():
    found = find_columns(table("prompt", "chosen", "rejected"))
    assert (found.input, found.output, found.chosen, found.rejected) == (("prompt",), "", "chosen", "rejected")


def test_columns_that_are_named_must_exist():
    found = find_columns(table("a", "b", "c"), ("a", "b"), "c")
    assert (found.input, found.output) == (("a", "b"), "c")
    with pytest.raises(DataError, match=r"no column 'lable'; did you mean 'label'\? \(found: text, label\)"):
        find_columns(table("text", "label"), (), "lable")


def test_an_input_that_holds_its_answer_is_refused():
    with pytest.raises(DataError, match="label is the answer") as told:
        find_columns(table("text", "label"), ("text", "label"), "label")
    assert "label 是答案" in told.value.zh
    with pytest.raises(DataError, match="chosen is the answer"):
        find_columns(table("prompt", "chosen", "rejected"), ("prompt", "chosen"))
    with pytest.raises(DataError, match="entities is the answer"):
        find_columns(table("text", "entities"), ("text", "entities"))
    assert find_columns(table("text", "label"), ("text", "label"), answers=False).input == ("text", "label")


def test_a_context_that_is_the_same_on_every_row_is_kept():
    rows = [Row(i, {"context": "the one page", "question": str(i), "answer": "x"}) for i in range(3)]
    found = find_columns(Table(Path("a.jsonl"), ("context", "question", "answer"), rows), answers=False)
    assert found.input == ("context", "question")
