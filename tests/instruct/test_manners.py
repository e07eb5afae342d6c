"""Polite dialogues: the form of each, its language, and that a system message is kept to."""

import random
import re

import pytest

from rung.instruct.exercises import manners
from rung.instruct.exercises.manners import FAMILIES
from rung.instruct.mixture import key


def chinese(text):
    return bool(re.search(r"[\u4e00-\u9fff]", text))


def test_the_family_is_sound(draws, sound):
    sound(draws(FAMILIES, "manners", 400), distinct=0.8)


def test_users_and_assistant_take_turns_behind_the_system_message(draws):
    for item in draws(FAMILIES, "manners", 300):
        roles = [turn.role for turn in item.turns]
        talk = roles[roles[0] == "system" :]
        assert talk == ["user", "assistant"] * (len(talk) // 2) and talk
        assert all(turn.learned == (turn.role == "assistant") for turn in item.turns)
        assert all("{" not in turn.content and turn.content.strip() == turn.content for turn in item.turns)


def test_the_assistant_speaks_the_language_of_the_item(draws):
    for item in draws(FAMILIES, "manners", 400):
        for turn in item.turns:
            if turn.role == "assistant":
                assert chinese(turn.content) == (item.language == "zh") or "sprout" in turn.content, turn.content


@pytest.mark.parametrize("language", ["zh", "en"])
def test_styles_of_the_system_message_are_kept(language):
    for seed in range(60):
        _, pairs = manners.one_word(random.Random(seed), language)
        assert all(
            len(reply) <= 5 if language == "zh" and chinese(reply) else len(reply.split()) == 1 for _, reply in pairs
        )
        _, ((said, reply),) = manners.foreign(random.Random(seed), language)
        assert chinese(reply) == (language == "zh") != chinese(said)
        system, ((_, reply),) = manners.role(random.Random(seed), language)
        assert all(word in system for word in re.split("[，。]|, |I am |[.]|我是", reply) if word)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_it_cannot_see_it_says_and_it_knows_its_name(language):
    sorry = ("抱歉", "对不起", "不好意思") if language == "zh" else ("Sorry", "I am sorry", "I am afraid")
    for seed in range(60):
        assert manners.unseen(random.Random(seed), language)[1].startswith(sorry)
        assert "sprout" in manners.who(random.Random(seed), language)[1]


def test_there_are_hundreds_of_each_language(draws):
    found = draws(FAMILIES, "manners", 1500)
    assert all(len({key(item) for item in found if item.language == language}) > 500 for language in ("zh", "en"))
