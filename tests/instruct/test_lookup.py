"""Answers that stand in the prompt, and the one that says that none does."""

import random

import pytest

from rung.instruct.exercises.facts import ATTRIBUTES, Fact
from rung.instruct.exercises.lookup import FAMILIES, UNKNOWN, _without
from rung.instruct.exercises.world import person
from rung.instruct.holdout import held_out


def pairs(items):
    for item in items:
        yield item.language, item.input, item.target
        for d in item.demonstrations:
            yield item.language, d.input, d.target


def test_the_family_is_sound(draws, sound):
    sound(draws(FAMILIES, "lookup", 300))


def test_an_answer_stands_in_the_prompt_or_is_that_it_is_not_known(draws):
    for language, text, target in pairs(draws(FAMILIES, "lookup", 400)):
        assert target == UNKNOWN[language] or target.lower() in text.lower(), (text, target)


def test_about_a_fifth_to_a_quarter_is_not_there(draws):
    items = draws(FAMILIES, "lookup", 800)
    assert 0.19 < sum(item.target == UNKNOWN[item.language] for item in items) / len(items) < 0.27


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_left_out_is_told_of_nobody_under_that_name(language):
    """Of the one asked for, the value asked for is gone, and nothing else is: the others keep theirs."""
    renamed = 0
    for seed in range(100):
        rng = random.Random(seed)
        attribute = ATTRIBUTES[language]["person"][0]
        told = [[Fact(person(rng, language), attribute, attribute.draw(rng))] for _ in range(4)]
        asked = told[1][0]
        left = [fact for facts in _without(rng, told, asked, language, "person") for fact in facts]
        assert not any(fact.name == asked.name and fact.attribute == attribute for fact in left)
        assert [fact.name for fact in left if fact.name != asked.name][-2:] == [told[2][0].name, told[3][0].name]
        renamed += asked.name not in [fact.name for fact in left]
    assert 30 < renamed < 90


def test_what_exams_ask_is_not_shown(draws):
    items = draws(FAMILIES, "lookup", 200)
    assert {d.target for item in items for d in item.demonstrations} & set(UNKNOWN.values())
    assert any(held_out(item.key) for item in items) and not all(held_out(item.key) for item in items)
