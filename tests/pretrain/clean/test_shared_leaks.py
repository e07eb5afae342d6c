"""Are the demonstration tasks and the test splits in what is trained on? Counted, so that a change is seen.

The texts that sprout was made of do overlap: boolq's passages and cmrc2018's are articles of the same encyclopedias. A
base model that is trained on cleaned texts does not see them; the counts are in docs/benchmarks.md.
"""

import json
from itertools import islice
from pathlib import Path

import pytest

from rung.instruct.sources import LICENSED, Sources
from rung.pretrain.clean.document import Document
from rung.pretrain.clean.heldout import held_out_files, strings
from rung.pretrain.clean.leaks import Leaks
from rung.pretrain.clean.read import find_texts

EXAMPLES = Path(__file__).parents[3] / "examples"


def documents(shared):
    for source in find_texts(shared / "text"):
        yield from source.documents("train", lambda place, wrong: pytest.fail(f"{place}: {wrong}"))


@pytest.mark.slow
def test_our_examples_are_in_no_training_text(shared):
    leaks = Leaks(sorted([*EXAMPLES.glob("*.csv"), *EXAMPLES.glob("*.jsonl")]))
    assert len(leaks.rows) > 800
    assert [document.place for document in documents(shared) if leaks(document)] == []


@pytest.mark.slow
def test_no_text_is_left_that_a_test_split_has(shared):
    """After the stage, nothing overlaps; before it, some of every hundred documents do: the stage has work to do."""
    leaks = Leaks(held_out_files([shared / "tasks"]))
    found = [finding for document in islice(documents(shared), 0, None, 20) if (finding := leaks(document))]
    assert {"fewglue_boolq", "cmrc2018"} <= {finding.rule for finding in found}
    assert len(found) < 0.03 * 2100


@pytest.mark.slow
def test_no_exercise_is_made_of_our_examples(shared):
    """The labelled sets as exercises read them. Unread rows do overlap: onestop_english's with onestop_simplify's test."""
    sources = Sources(shared / "text", shared / "tasks")
    rows = {
        name: [Document(f"{name}:{i}", "\n".join(strings(row))) for i, row in enumerate(sources.rows(name))]
        for name in LICENSED
    }
    assert all(rows.values())
    examples = Leaks(sorted([*EXAMPLES.glob("*.csv"), *EXAMPLES.glob("*.jsonl")]))
    assert [document.place for part in rows.values() for document in part if examples(document)] == []
    whole = (shared / "tasks" / "onestop_english" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(rows["onestop_english"]) < len(whole)


def test_an_example_in_a_text_would_be_found(english):
    leaks = Leaks([EXAMPLES / "warranty.jsonl"])
    rows = [json.loads(line) for line in (EXAMPLES / "warranty.jsonl").read_text(encoding="utf-8").splitlines()]
    row = max(rows, key=lambda row: len(row["question"]))
    assert leaks(Document("x", english)) is None
    assert leaks(Document("x", f"{english} {row['question']}")).rule == "warranty"
