"""Types of questions: each is recognised again by the words that ask, and no two types of an item overlap."""

import random
import re

import pytest

from rung.instruct.exercises.phrases import phrases
from rung.instruct.exercises.question_types import FAMILIES, NAMES, TYPES, WITHIN, _chosen, question
from rung.instruct.holdout import held_out
from rung.instruct.sources import Sources

CUES = {  # every question of the type has one, and none of the types behind it in this dict
    "en": {"abbreviation": r"stand for|abbrev|short for|acronym|full (form|name) of [A-Z]|does [A-Z.]+ mean",
    "yesno": r"(?i)^(is|did|can|does|was|are|do|has|will|should|could)\b",
           "reason": r"(?i)^(why|how come|what (causes|made)|what is the reason)",
           "date": r"(?i)^(when|(in|on) (what|which) (day|year|century)|what (year|day|month)|what is the date)"},
    "zh": {"abbreviation": r"缩写|全称|简称|代表|全名|三个字母", "yesno": r"吗|不危险|没有|是不是|该不该|吃不吃", "reason": r"为什么|为何|为啥|原因|怎么不会|是什么使"},
}  # fmt: skip


@pytest.fixture
def exam(shared) -> Sources:
    """The few texts for exams: read in no time."""
    return Sources(shared / "data" / "text", shared / "data" / "tasks", exam=True)


def test_the_family_is_sound_and_holds_out(exam, sound):
    (family,) = FAMILIES
    items = [family.make(random.Random(seed), exam) for seed in range(300)]
    sound(items, distinct=0.6)  # some six in ten are of the few whole ones
    assert items[:20] == [family.make(random.Random(seed), exam) for seed in range(20)]
    assert all(held_out(text) for item in items for text in (item.input, *(d.input for d in item.demonstrations)))
    assert 0.2 < sum(not item.demonstrations for item in items) / len(items) < 0.6


@pytest.mark.parametrize("language", ["zh", "en"])
def test_questions_have_the_words_of_their_type(exam, language):
    for kind, cue in CUES[language].items():
        for seed in range(60):
            text = question(random.Random(seed), exam, language, kind)
            assert "{" not in text and re.search(cue, re.sub("请问|你知道|想问一下，", "", text)), (kind, text)


def test_types_of_an_item_do_not_overlap():
    wide = 0
    for seed in range(200):
        found = _chosen(random.Random(seed), 6)
        assert len(set(found)) == len(found) >= 2
        for name in found:
            assert not set(WITHIN.get(name, ())) & set(found)
        wide += any(name in WITHIN for name in found)
    assert wide > 50


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_type_has_names_and_phrases_and_only_a_wide_one_shares_a_name(language):
    sections = phrases("questions", language)
    assert set(NAMES[language]) == set(TYPES)
    assert all(len(sections[f"{part}.asked"]) >= 9 for parts in TYPES.values() for part in parts)
    words = [word for name, many in NAMES[language].items() if name not in WITHIN for word in many]
    assert len(words) == len(set(words))
