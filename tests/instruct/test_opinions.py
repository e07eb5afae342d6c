"""Reviews whose mood is judged again from the phrases they are made of; episodes that hold one mapping throughout."""

import random
import re

import pytest

from rung.instruct.exercises.opinions import FAMILIES, MOODS, THREE
from rung.instruct.exercises.phrases import article, phrases, say
from rung.instruct.exercises.reviews import DOMAINS, english, finish, review
from rung.instruct.holdout import held_out

SLOT = re.compile(r"\{([^{}]+)\}")


@pytest.mark.parametrize("name", ["opinion-episodes", "opinions"])
def test_the_families_are_sound(draws, sound, name):
    sound(draws(FAMILIES, name, 300))


@pytest.mark.parametrize("name", ["opinion-episodes", "opinions"])
@pytest.mark.parametrize("exam", [False, True])
def test_no_text_of_exams_is_shown_in_training(draws, name, exam):
    for item in draws(FAMILIES, name, 60, exam=exam):
        assert all(held_out(text) == exam for text in (item.input, *(d.input for d in item.demonstrations)))


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("theme", ["opinions", "plots"])
def test_every_slot_of_the_phrases_is_a_section_or_a_range(language, theme):
    sections = phrases(theme, language)
    for name, parts in sections.items():
        assert parts and all(parts), name
        for part in parts:
            assert part.count("{") == part.count("}") == len(SLOT.findall(part)), part
            assert all(slot in sections or re.fullmatch(r"\d+-\d+", slot) for slot in SLOT.findall(part)), part


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_phrase_is_good_and_bad(language):
    sections = phrases("opinions", language)
    for name in ("any", "tail", "opener", *DOMAINS):
        assert not set(sections[f"{name}.good"]) & set(sections[f"{name}.bad"]), name


def test_a_review_without_a_turn_says_nothing_against_its_mood():
    """A plain clause of the other mood is found nowhere in it, unless a "but" stands there."""
    sections = phrases("opinions", "zh")
    fixed = {
        m: [p for d in (*DOMAINS, "any") for p in sections[f"{d}.{m}"] if "{" not in p and len(p) > 4]
        for m in ("good", "bad")
    }
    turned = 0
    for seed in range(400):
        text = review(random.Random(seed), "zh", "good")
        if any(p in text and not any(p in g for g in fixed["good"]) for p in fixed["bad"]):
            turned += any(but in text for but in sections["but"])
            assert any(but in text for but in sections["but"]), text
    assert turned > 10


def test_the_same_reviews_are_asked_by_mood_and_by_domain(draws):
    """An instruction alone cannot be skipped: labels of moods and of other things both come often."""
    moods = {
        word
        for many in (*MOODS.values(), *[(t,) for t in THREE.values()])
        for r in many
        for names in r.names
        for word in names
    }
    kinds = [item.target in moods for item in draws(FAMILIES, "opinions", 300)]
    assert 0.5 < sum(kinds) / len(kinds) < 0.9


def test_an_instruction_is_in_the_prompt_of_every_zero_shot_item(draws):
    for item in draws(FAMILIES, "opinions", 100):
        assert item.description and item.prompt.name in ("instruct", "role", "question")


def test_marks_are_set_apart_in_tokenised_english():
    texts = {english(random.Random(seed), "it isn't dull, it's good!") for seed in range(40)}
    assert "it is n't dull , it 's good !" in texts and "It isn't dull, it's good!" in texts


def test_articles_and_numbers_agree():
    assert article("a honest a unique a hour a one-hour an film") == "an honest a unique an hour a one-hour a film"
    assert finish(random.Random(1), "en", ["these boots is nice"]).lower().startswith("these boots are nice")
    number = say(random.Random(0), {"x": ("{20-30} days",)}, "x")
    assert 20 <= int(number.split()[0]) <= 30
