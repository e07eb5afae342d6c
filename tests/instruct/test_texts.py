"""Copying, choosing, ordering and reckoning with dates: each answer found again in the text."""

import random
import re
from datetime import date, timedelta

import pytest

from rung.instruct.exercises import dates, ordering, texts
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


@pytest.mark.parametrize("families", [ordering.FAMILIES, dates.FAMILIES], ids=["ordering", "dates"])
def test_lists_and_dates_are_sound_and_answered_on_one_line(draws, sound, families):
    found = draws(families, families[0].name, 400)
    sound(found, distinct=0.7)
    assert all(
        "\n" not in answer for item in found for answer in (item.target, *(d.target for d in item.demonstrations))
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_lists_are_turned_as_asked(language):
    rng = random.Random(0)
    for _ in range(100):
        up = ordering.listed(ordering.UP, ordering.numbers, ordering._sorted(False))(rng, None, language).draw()
        numbers = [int(n) for n in re.findall(r"\d+", up.target)]
        assert numbers == sorted(int(n) for n in re.findall(r"\d+", up.text))
        shown, once = ordering._once(rng, ordering.things(rng, language), "|")
        assert set(once.split("|")) == set(shown) and len(once.split("|")) == len(set(shown))
        shown, again = ordering._twice(rng, ordering.things(rng, language), "|")
        assert shown.count(again) == 2 and all(shown.count(x) == 1 for x in shown if x != again)
        shown, odd = ordering._odd(rng, ordering.odd(rng, language), "|")
        kinds = [[k for k, many in ordering.KINDS[language].items() if x in many] for x in shown]
        assert len(kinds[shown.index(odd)]) == 1 and sum(k == kinds[shown.index(odd)] for k in kinds) == 1


def test_same_and_inside_say_what_holds():
    rng = random.Random(0)
    for language in ("zh", "en"):
        for _ in range(60):
            asked = (made := ordering.same(rng, None, language)).draw()
            left, right = (re.split("、|, ", line) for line in asked.text.split("\n"))
            assert (sorted(left) == sorted(right)) == (asked.target == made.labels[0])


def test_days_and_dates_are_those_of_the_calendar():
    rng = random.Random(0)
    for language in ("zh", "en"):
        for _ in range(100):
            asked = dates.weekday(rng, None, language).draw()
            start, sign, days = re.match(r"(\d)([+-])(\d+)", asked.key).groups()
            monday = date(2024, 1, 1) + timedelta(days=int(start))
            day = monday + timedelta(days=int(sign + days))
            assert asked.target == dates.DAYS[language][day.weekday()]
            assert dates.DAYS[language][int(start)] in asked.text and days in asked.text
            gap = dates.between(rng, None, language).draw()
            low, high = re.match(r"(\d+) to (\d+)", gap.key).groups()
            assert re.match(r"\d+", gap.target).group() == str(int(high) - int(low))


def test_one_date_in_all_its_forms():
    day = date(1953, 6, 4)
    assert [dates.shown(day, form) for form, _ in dates.FORMATS["en"]] == [
        "1953-06-04", "4 June 1953", "June 4, 1953", "04/06/1953", "1953/06/04", "4.6.1953",
    ]  # fmt: skip
    assert dates.shown(day, dates.FORMATS["zh"][1][0]) == "1953年6月4日"
