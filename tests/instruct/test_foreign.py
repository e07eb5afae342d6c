"""Label words in the language that the texts are not in, and texts of both languages under one instruction."""

import random
import re

import pytest

from rung.instruct.exercises.instructed import label_language, text_languages
from rung.instruct.exercises.kinds import FAMILIES as KINDS
from rung.instruct.exercises.kinds import foreign_names
from rung.instruct.exercises.opinions import FAMILIES as OPINIONS
from rung.instruct.exercises.written import written

HAN = re.compile(r"[\u4e00-\u9fff]")


def test_every_intent_has_names_in_the_other_language():
    keys = {f"{language}.{key}" for language in ("zh", "en") for key in written("intents", language)}
    assert set(foreign_names()) == keys
    for key, names in foreign_names().items():
        assert names and all(bool(HAN.search(name)) == key.startswith("en.") for name in names), key


@pytest.mark.parametrize("families, name", [(KINDS, "kinds"), (OPINIONS, "opinions")])
def test_some_labels_are_foreign_and_most_are_not(draws, families, name):
    items = draws(families, name, 400)
    foreign = [item for item in items if bool(HAN.search(item.target)) != bool(HAN.search(item.input))]
    assert 0.04 * len(items) < len(foreign) < 0.5 * len(items)


def test_the_languages_of_labels_and_texts_come_in_their_shares():
    rng = random.Random(0)
    assert 300 < sum(label_language(rng, "zh") == "en" for _ in range(2000)) < 500
    both = [text_languages(rng, "en") for _ in range(2000)]
    assert 140 < sum(len(languages) == 2 for languages in both) < 260
    assert {languages for languages in both if len(languages) == 1} == {("en",)}
