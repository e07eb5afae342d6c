"""Questions about passages: the answer stands there, or the passage does not say."""

import json
import random

import pytest

from rung.instruct.exercises.questions import Stretch, count, fact, fill, mention, what, when
from rung.instruct.exercises.reading import FAMILIES, labelled
from rung.instruct.exercises.tools import UNKNOWN
from rung.instruct.holdout import held_out
from rung.instruct.mixture import draw, key
from rung.instruct.sources import Sources

EN = Stretch(
    "Velmor", ("Velmor is a town in Torland.", "In 1874, a great fire destroyed the old bridge.", "It has 12 churches."), "en", True
)  # fmt: skip
ZH = Stretch(
    "洛宁镇", ("洛宁镇是一个古老的小镇，位于青云河畔。", "1874年，大火烧毁了老桥。", "镇上有12座石桥。"), "zh", True
)


def items(shared, n, exam=False):
    rng = random.Random(0)
    sources = Sources(shared / "data" / "text", shared / "data" / "tasks", exam=exam)
    return [draw(FAMILIES[0], rng, sources) for _ in range(n)]


def test_answers_stand_in_the_passage_or_are_said_to_be_unknown(shared, sound):
    found = items(shared, 200)
    sound(found)
    for item in found:
        assert item.target == UNKNOWN[item.language] or item.target in item.input
        for d in item.demonstrations:
            assert d.target == UNKNOWN[item.language] or d.target in d.input
    missing = sum(item.target in UNKNOWN.values() for item in found) / len(found)
    assert 0.12 < missing < 0.3


def test_an_exam_asks_what_training_never_does(shared):
    trained, asked = items(shared, 150), items(shared, 60, exam=True)
    assert not {key(item) for item in trained} & {key(item) for item in asked}
    assert all(held_out(key(item)) for item in asked)


def test_only_rows_for_training_are_read(shared):
    lines = (shared / "data" / "tasks" / "cmrc2018" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines]
    mine = {"train": set(questions[: -(len(lines) // 10)]), "exam": set(questions[-(len(lines) // 10) :])}
    for name, known in mine.items():
        sources = Sources(shared / "data" / "text", shared / "data" / "tasks", exam=name == "exam")
        rng = random.Random(1)
        reads = [labelled(rng, sources, 100) for _ in range(60)]
        assert {read.question for read in reads} <= known
        assert all(read.answer == UNKNOWN["zh"] or read.answer in read.passage for read in reads)
        assert max(len(read.passage) for read in reads) <= 500


@pytest.mark.parametrize(
    ("maker", "given", "answer", "words"),
    [
        (when, EN, "1874", "a great fire destroyed the old bridge"),
        (when, ZH, "1874年", "大火烧毁了老桥"),
        (count, EN, "12", "churches"),
        (count, ZH, "12座", "座"),
        (what, EN, "a town in Torland", "Velmor"),
        (what, ZH, "一个古老的小镇", "洛宁镇"),
        (fact, EN, "Torland", "Velmor"),
        (fact, ZH, "青云河畔", "洛宁镇"),
    ],
)
def test_each_pattern_finds_what_it_is_for(maker, given, answer, words):
    for seed in range(10):
        found = maker(random.Random(seed), given)
        assert found.answer == answer and words in found.question


def test_a_gap_stands_for_what_fills_it():
    for given in (EN, ZH):
        made = [found for seed in range(40) if (found := fill(random.Random(seed), given))]
        assert len(made) > 10
        for found in made:
            assert "____" in found.question and found.answer not in found.question and found.answer in given.text


def test_the_sentence_that_mentions_it_is_quoted_whole():
    found = mention(random.Random(0), Stretch("x", ("It rained.", "Then in 1874 came snow."), "en", True))
    assert "1874" in found.question and found.answer == "Then in 1874 came snow."


def test_no_question_is_made_where_two_answers_would_fit():
    assert count(random.Random(0), Stretch("x", ("It has 12 churches.", "There were 40 churches."), "en", True)) is None
    assert what(random.Random(0), Stretch("Torland", EN.parts, "en", True)) is None
