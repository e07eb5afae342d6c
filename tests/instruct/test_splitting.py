"""Two questions out of one, and two answers out of the facts."""

import random
import re

import pytest

from rung.instruct.exercises.facts import ATTRIBUTES
from rung.instruct.exercises.splitting import FAMILIES, draw_compound


def lines(text: str) -> tuple[str, str]:
    return re.fullmatch(r"1\. (.+)\n2\. (.+)", text).groups()


def facts_of(text: str, language: str) -> dict[tuple[str, str], str]:
    """(name, noun) -> value for every sentence of a text that says one: the templates, read backwards."""
    found = {}
    for sentence in re.split(r"(?<=[.。])\s*|\n", text):
        for kinds in ATTRIBUTES[language].values():
            for attribute in kinds:
                for said in attribute.said:
                    pattern = re.escape(said).replace(r"\{x\}", "(?P<x>.+)").replace(r"\{v\}", "(?P<v>.+)")
                    if match := re.fullmatch(
                        f"(?:Facts: |Read: |Text: |材料：|请读：)?{pattern}", sentence, re.IGNORECASE
                    ):
                        found[match["x"].casefold(), attribute.noun] = match["v"]
    return found


@pytest.mark.parametrize("name", ["splitting", "composing"])
def test_the_families_are_sound_and_have_one_form(draws, sound, name):
    items = draws(FAMILIES, name)
    sound(items)
    for item in items:
        for target in (item.target, *(d.target for d in item.demonstrations)):
            one, two = lines(target)
            assert one and two


def test_each_part_is_a_question_about_a_name_in_the_compound_one(draws):
    nested = 0
    for item in draws(FAMILIES, "splitting", 400):
        one, two = lines(item.target)
        first, second = item.key.split("|")
        assert one.endswith(("?", "？")) and two.endswith(("?", "？"))
        name = first.split(" ", 1)[1] if item.language == "zh" else next(n for n in names(first) if n in item.input)
        assert name.casefold() in one.casefold() and name.casefold() in item.input.casefold()
        if "#1" in two:
            nested += 1
            assert second.split(" ", 1)[1] not in item.input
        else:
            assert two.rstrip("?？").casefold() in item.input.casefold()
            assert one.rstrip("?？").casefold() in item.input.casefold()
    assert 70 < nested < 200


def names(key: str) -> list[str]:
    """Every end of "favourite food Quentin Keller" that may be the name."""
    words = key.split(" ")
    return [" ".join(words[i:]) for i in range(1, len(words))]


def test_the_first_part_of_a_nested_question_can_be_known():
    """Its wording is the attribute's first one; the second part is the text itself with #1 in place of "the author of X"."""
    rng = random.Random(0)
    seen = 0
    for _ in range(600):
        language = rng.choice(("zh", "en"))
        compound = draw_compound(rng, language)
        if "#1" not in compound.parts[1]:
            continue
        seen += 1
        one = compound.known[0]
        assert compound.parts[0].casefold() == one.attribute.asked[0].format(x=one.name).casefold()
        named = f"the {one.attribute.noun} of {one.name}" if language == "en" else f"{one.name}的{one.attribute.noun}"
        whole = compound.parts[1].replace("#1", named)
        assert whole.casefold().rstrip("?？") in compound.text.casefold()
        assert compound.known[1].name == compound.answers[0] == one.value
    assert seen > 100


def test_answers_are_what_the_facts_say(draws):
    checked = 0
    for item in draws(FAMILIES, "composing", 300):
        known = facts_of(item.input, item.language)
        answers = lines(item.target)
        assert all(answer in item.input for answer in answers)
        for part, answer in zip(item.key.split("|"), answers, strict=True):
            matching = [v for (name, noun), v in known.items() if part.casefold() == f"{noun} {name}".casefold()]
            if matching:
                assert answer in matching, (item.input, part)
                checked += 1
    assert checked > 400


def test_the_two_parts_are_two(draws):
    for item in draws(FAMILIES, "composing", 400):
        first, second = item.key.split("|")
        assert first != second
