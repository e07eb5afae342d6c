"""Copying, choosing, ordering and reckoning with dates: each answer found again in the text."""

import random

import pytest

from rung.instruct.exercises import texts
from rung.instruct.holdout import held_out
from rung.instruct.mixture import draw, key
from rung.instruct.sources import Sources


@pytest.fixture
def sources(shared):
    return Sources(shared / "data" / "text", shared / "data" / "tasks")


def items(families, name, sources, n=200):
    (family,) = [f for f in families if f.name == name]
    rng = random.Random(0)
    return [draw(family, rng, sources) for _ in range(n)]


def skill(maker, sources, language, seed=0):
    return maker(random.Random(seed), sources, language)


@pytest.mark.parametrize("name", ["copying", "cloze"])
def test_the_families_are_sound(sources, sound, name):
    found = items(texts.FAMILIES, name, sources)
    sound(found)
    assert not any(held_out(key(item)) for item in found)
    assert any(item.demonstrations for item in found) and any(not item.demonstrations for item in found)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("maker", [maker for maker, _ in texts.COPYING])
def test_what_is_copied_stands_in_the_text(sources, maker, language):
    for seed in range(10):
        asked = skill(maker, sources, language, seed).draw()
        parts = asked.target.split("、" if language == "zh" else ", ")
        plain = "".join(c for c in asked.text if c.isalnum())
        assert all("".join(c for c in part if c.isalnum()) in plain for part in parts)


def test_parts_of_a_sentence_are_those_that_are_asked_for():
    assert texts._first("Rain fell in May.", "en") == "Rain" and texts._last("Rain fell in May.", "en") == "May"
    assert texts._first("“春天”来了。", "zh") == "春天" and texts._last("春天来了。", "zh") == "来了"
    assert texts._upto("In May, it rained, they say.", "en") == "In May" and texts._upto("Rain fell.", "en") == ""
    assert texts._numbers("From 1,200 to 3.5 and 7.", "en") == "1,200, 3.5, 7" and texts._numbers("Only 1.", "en") == ""
    assert texts._names("He met Anna Holt in Paris.", "en") == "Anna Holt, Paris"
    assert texts._names("他写了《红楼》和《西厢》。", "zh") == "《红楼》、《西厢》"
    assert texts._date("On 3 May 1950 it began.", "en") == "3 May 1950"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_gap_is_filled_by_the_word_that_was_there(sources, language):
    for seed in range(20):
        text, word, candidates = texts.gapped(random.Random(seed), sources, language, 3)
        assert text.count("____") == 1 and word in candidates and len(set(candidates)) == 3
        whole = text.replace("____", word)
        assert not any(c in whole for c in candidates if c != word) or language == "en"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_next_sentence_follows_in_the_text(sources, language):
    known = "".join("".join(p.text.split()) for name in set(texts.TEXTS[language]) for p in sources.passages(name))
    for seed in range(5):
        front, following, candidates = texts.following(random.Random(seed), sources, language, 4)
        assert len(set(candidates)) == 4
        assert "".join((front[-20:] + following[:10]).split()) in known
