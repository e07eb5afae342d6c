"""Labelled sets as instructions: every template says what it must, in the language of the text."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from rung.synthesize import INSTRUCTIONS, Filtering, Seeds, to_instructions
from rung.synthesize.instructions import instruction
from rung.task import load_task
from rung.types import DataError, Example, UserError

TEXTS = {"en": "the parcel {} has not come yet", "zh": "第{}个包裹还没有到"}


def seeds(kind: str, n: int = 120, description: str = "") -> Seeds:
    texts = [TEXTS["zh" if i % 2 else "en"].format(i) for i in range(n)]
    targets = {"classify": "delivery", "extract": '{"item":"parcel"}', "generate": "we are looking into it"}
    schema = {"type": "object", "properties": {"item": {"type": "string"}}} if kind == "extract" else None
    labels = ("delivery", "refund", "question") if kind == "classify" else ()
    examples = tuple(Example(str(i), text, targets[kind], f"set.csv:{i + 2}") for i, text in enumerate(texts))
    return Seeds(kind, "en", examples, labels, schema, description)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["classify", "extract", "generate"])
@pytest.mark.parametrize("description", ["", "Handle what customers write"])
def test_every_template_shows_the_input_and_what_may_be_answered(kind: str, description: str) -> None:
    known = seeds(kind, description=description)
    found = {}
    for e in known.examples:
        name, text = instruction(known, e.input, seed=3)
        found[name] = text.replace(e.input, "")
        assert text.count(e.input) == 1
        assert name.startswith("zh" if "包裹" in e.input else "en")
        assert all(label in text for label in known.labels)
        assert "{{" not in text
        assert "{%" not in text
    assert len(found) == sum(len(INSTRUCTIONS[language][kind]) for language in ("zh", "en"))  # type: ignore[index]
    if kind == "extract":
        assert sum("item" in text for text in found.values()) > len(found) / 2
    if description:
        assert sum(description in text for text in found.values()) >= len(found) / 2


def test_labels_are_named_in_every_order() -> None:
    known = seeds("classify")
    orders = Counter(tuple(sorted(known.labels, key=instruction(known, e.input)[1].index)) for e in known.examples)
    assert len(orders) == 6


def test_the_templates_are_different_from_each_other() -> None:
    for language in INSTRUCTIONS.values():
        for kind, templates in language.items():
            assert len(set(templates)) == len(templates) >= 6, kind


def test_rows_are_the_same_again_and_none_is_held_out(tmp_path: Path) -> None:
    held = tmp_path / "test.jsonl"
    held.write_text(json.dumps({"text": TEXTS["en"].format(0)}) + "\n")
    one = to_instructions(tmp_path / "one", seeds("generate"), Filtering((held,)))
    to_instructions(tmp_path / "two", seeds("generate"), Filtering((held,)))
    raw = (tmp_path / "one" / "data.jsonl").read_text()
    assert raw == (tmp_path / "two" / "data.jsonl").read_text()
    assert (one["accepted"], one["reasons"]["leak"]["candidates"], one["wanted"]) == (119, 1, None)
    rows = [json.loads(line) for line in raw.splitlines()]
    assert TEXTS["en"].format(0) not in raw
    assert rows[0]["provenance"]["place"] == "set.csv:3"
    again = to_instructions(tmp_path / "three", seeds("generate"), seed=1)
    assert again["accepted"] == 120
    task = load_task(tmp_path / "one" / "data.jsonl", kind="generate")  # what a base model may be taught on
    assert "parcel" in task.train[0].input or "包裹" in task.train[0].input


def test_a_held_out_set_that_was_changed_is_another_setting(tmp_path: Path) -> None:
    """Else rows that the new version holds would stay in the data without a word."""
    held = tmp_path / "test.jsonl"
    held.write_text(json.dumps({"text": "something else"}) + "\n")
    found = to_instructions(tmp_path / "out", seeds("generate"), Filtering((held,)))
    assert to_instructions(tmp_path / "out", seeds("generate"), Filtering((held,))) == found
    held.write_text(json.dumps({"text": TEXTS["en"].format(0)}) + "\n")
    with pytest.raises(UserError, match="begun with other settings \\(held-out content\\)"):
        to_instructions(tmp_path / "out", seeds("generate"), Filtering((held,)))


def test_nothing_to_turn_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no labelled set to turn"):
        to_instructions(tmp_path / "out", Seeds("generate", "en"))
