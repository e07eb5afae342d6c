"""Who prefers which answer: files that a kill may have cut, votes of several people, and adaptations known by their hash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rung.evaluate import Judged, Order
from rung.report.preferences import (
    JUDGEMENTS,
    judged_by,
    judged_preferences,
    keep_judgement,
    mend,
    people,
    preferences,
    read_judgements,
    read_ratings,
)

JUDGE = {"name": "m", "hash": "h", "dtype": "float32"}


def rating(example: str, choice: str, left: str = "A", right: str = "B", split: str = "dev") -> dict[str, Any]:
    sides = {
        "left": {"adaptation": left, "output": f"of {left}"},
        "right": {"adaptation": right, "output": f"of {right}"},
    }
    return {"example": example, "input": f"input {example}", "split": split, "choice": choice, **sides}


def judgement(
    example: str, said: str = "12", a: str = "A", b: str = "B", judge: dict[str, str] = JUDGE, **more: Any
) -> dict[str, Any]:
    orders = [{"first": side, "said": one, "scores": None} for side, one in zip("ab", said, strict=True)]
    sides = {"a": {"adaptation": a, "output": f"of {a}"}, "b": {"adaptation": b, "output": f"of {b}"}}
    fields = {"split": "dev", "input": f"input {example}", "orders": orders, "judge": judge}
    return {"example": example, **fields, **sides, **more}


def test_the_majority_of_people_decides_wherever_the_answers_stood() -> None:
    rows = [
        rating("one", "left"), rating("one", "right", "B", "A"), rating("one", "right"),  # A, A, B
        rating("even", "left"), rating("even", "right"),
        rating("tie", "tie"),
        rating("b", "tie"), rating("b", "right"),
        rating("other", "left", "A", "C"), rating("elsewhere", "left", split="test"),
    ]  # fmt: skip
    assert people(rows, "A", "B", "dev") == {"one": "a", "even": "tie", "tie": "tie", "b": "b"}
    assert people(rows, "B", "A", "dev") == {"one": "b", "even": "tie", "tie": "tie", "b": "a"}


def test_judgements_are_found_by_judge_split_and_adaptations_and_turned_round() -> None:
    rows = [
        judgement("one"), judgement("two", a="B", b="A"), judgement("three", split="test"),
        judgement("four", b="C"), judgement("five", judge={**JUDGE, "hash": "other"}),
        judgement("six", judge={**JUDGE, "name": "renamed"}),
    ]  # fmt: skip
    found = judged_by(rows, "A", "B", "dev", JUDGE)
    assert {i: j.choice for i, j in found.items()} == {"one": "a", "two": "b", "six": "a"}
    assert judged_by(rows, "B", "A", "dev", JUDGE)["one"] == Judged("one", Order("2", None), Order("1", None))


def test_half_a_line_is_not_read_and_is_cut_off(tmp_path: Path) -> None:
    assert read_judgements(tmp_path) == read_ratings(tmp_path) == []
    mend(tmp_path / JUDGEMENTS)  # nothing there
    keep_judgement(tmp_path, judgement("一"))
    whole = (tmp_path / JUDGEMENTS).read_bytes()
    with (tmp_path / JUDGEMENTS).open("ab") as out:
        out.write('{"example": "二'.encode()[:-1])
    assert [line["example"] for line in read_judgements(tmp_path)] == ["一"]
    mend(tmp_path / JUDGEMENTS)
    assert (tmp_path / JUDGEMENTS).read_bytes() == whole
    keep_judgement(tmp_path, judgement("三"))
    assert [line["example"] for line in read_judgements(tmp_path)] == ["一", "三"]


def test_both_kinds_of_preferences_have_one_form() -> None:
    of_people = preferences([rating("x", "right"), rating("y", "tie")])
    of_judge = judged_preferences(
        [judgement("x", choice="b"), judgement("y", choice="tie"), judgement("z", choice=None)]
    )
    assert of_people == [{"input": "input x", "chosen": "of B", "rejected": "of A"}]
    assert of_judge == [{**of_people[0], "source": "judge"}]
    assert json.dumps(of_judge)
