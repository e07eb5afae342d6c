"""Intents, emotions, advertising, urgency: sound items, label words for every group, nothing of the trade of `examples/`."""

import pytest

from rung.instruct.exercises.kinds import FAMILIES, GROUPS, READINGS
from rung.instruct.exercises.written import written
from rung.instruct.holdout import held_out


@pytest.mark.parametrize("name", ["kinds", "kind-episodes"])
def test_the_families_are_sound(draws, sound, name):
    sound(draws(FAMILIES, name, 300))


@pytest.mark.parametrize("name", ["kinds", "kind-episodes"])
@pytest.mark.parametrize("exam", [False, True])
def test_no_text_of_exams_is_shown_in_training(draws, name, exam):
    for item in draws(FAMILIES, name, 60, exam=exam):
        assert all(held_out(text) == exam for text in (item.input, *(d.input for d in item.demonstrations)))


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("which", GROUPS)
def test_every_group_has_a_word_in_every_reading(language, which):
    for words in READINGS[language][which].names:
        assert len(words) == len(GROUPS[which]) == len(set(words))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_intents_have_names_and_enough_utterances(language):
    found = written("intents", language)
    trades = {key.split(".", 1)[0] for key in found}
    assert len(trades) >= 10
    assert not trades & {"shop", "shopping", "ecommerce", "retail"}
    for key, texts in found.items():
        trade, intent = key.split(".", 1)
        assert trade and intent and len(texts) >= 8, key


def test_an_instruction_is_in_the_prompt_of_every_zero_shot_item(draws):
    for item in draws(FAMILIES, "kinds", 100):
        assert item.description and item.prompt.name in ("instruct", "role", "question")
