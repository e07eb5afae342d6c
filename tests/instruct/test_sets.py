"""Labelled sets as exercises: the answers are the sets' own, and nothing comes from what models are measured on."""

import json
import random

import pytest

from rung.instruct.exercises import orders, sets
from rung.instruct.holdout import held_out
from rung.instruct.item import Dialogue
from rung.instruct.mixture import draw, families, family, key
from rung.instruct.sources import Sources


def rows(shared, name, split="train"):
    path = shared / "data" / "tasks" / name / f"{split}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def items(shared, name, n=150, exam=False):
    sources = Sources(shared / "data" / "text", shared / "data" / "tasks", exam=exam)
    rng = random.Random(0)
    return [draw(family(name), rng, sources) for _ in range(n)]


@pytest.mark.parametrize("name", ["translation", "titles", "simplify"])
def test_the_families_are_sound(shared, sound, name):
    sound(items(shared, name), distinct=0.7)


def test_translations_are_pairs_of_the_training_split(shared):
    origins: dict[str, list[str]] = {}
    for row in rows(shared, "tatoeba"):
        origins.setdefault(row["en"], []).append(row["zh"])
        origins.setdefault(row["zh"], []).append(row["en"])
    for item in items(shared, "translation"):
        for text, target in ((item.input, item.target), *((d.input, d.target) for d in item.demonstrations)):
            assert any(origin in text for origin in origins[target])


def test_exams_read_the_dev_split(shared):
    dev = {r[side] for r in rows(shared, "tatoeba", "dev") for side in ("en", "zh")}
    assert all(item.target in dev for item in items(shared, "translation", 60, exam=True))


def test_what_models_are_measured_on_is_not_trained(shared):
    measured = {
        r["text"] for split in ("train", "dev", "test") for name in ("sst2", "trec") for r in rows(shared, name, split)
    }
    squeezed = {_squeezed(text) for text in measured}
    sources = Sources(shared / "data" / "text", shared / "data" / "tasks")
    used = [row["input"] for many in orders._tasks(sources).values() for row in many]
    used += [row["en"] for row in sources.rows("tatoeba") if row["en"] not in sets.QUESTIONS]
    assert not [text for text in used if _squeezed(text) in squeezed]
    needs = {need for f in families().values() for need in f.needs}
    assert not needs & {"csl_title", "csl_keywords", "csl_category"}, "their papers are those of csl_category"


def _squeezed(text):
    return "".join(c for c in text.lower() if c.isalnum())


def test_tasks_with_their_own_answers_and_none_held_out(shared):
    answers = {r["output"] for r in rows(shared, "instruction_induction") if r["task"] != "taxonomy_animal"}
    found = items(shared, "instructions")
    assert sum(item.target in answers for item in found) > 0.8 * len(found)
    assert not any(held_out(key(item)) for item in found)
    assert len({key(item).split("|")[0] for item in found}) > 12


def test_levels_are_labels_and_demonstrations_are_of_the_same_set(shared):
    for item in items(shared, "reading-level", 60):
        assert item.target in item.labels and len(item.labels) in (2, 3)
        assert all(d.target in item.labels for d in item.demonstrations)


def test_titles_stand_in_the_text_or_among_the_letters(shared):
    for item in items(shared, "titles"):
        assert item.target in (item.input if item.kind == "generate" else item.labels)


def test_chats_end_with_the_assistant_and_say_what_is_known(shared):
    found = items(shared, "dialogue", 100)
    for item in found:
        assert isinstance(item, Dialogue)
        roles = [turn.role for turn in item.turns if turn.role != "system"]
        assert roles == ["user", "assistant"] * (len(roles) // 2) and roles
        assert all(turn.learned == (turn.role == "assistant") and turn.content for turn in item.turns)
    assert sum("的" in item.turns[0].content and item.turns[0].role == "system" for item in found) > 40


def test_a_fact_of_a_chat_is_short_and_told():
    assert sets._fact("恋恋笔记本（美国2004年）|导演|尼克·卡索维茨") == ("恋恋笔记本", "导演", "尼克·卡索维茨")
    assert sets._fact("恋恋笔记本|Information|一部电影") is None
    said = [{"role": "user", "content": "是哪国的？"}, {"role": "assistant", "content": "加拿大的。"}]
    assert sets._told(("高斯林", "国籍", "加拿大"), said) and not sets._told(("高斯林", "国籍", "是哪国的"), said)
