"""Topics: texts are traced back to the words of their topic; subjects and verbs agree; real sentences carry a keyword."""

import random

import pytest

from rung.instruct.exercises.phrases import phrases
from rung.instruct.exercises.topics import FAMILIES, FIELDS, NEWS, SCIENCE, agree, headline, known, title
from rung.instruct.holdout import held_out
from rung.instruct.sources import Sources


@pytest.fixture
def exam(shared) -> Sources:
    """The few texts for exams: read in no time."""
    return Sources(shared / "data" / "text", shared / "data" / "tasks", exam=True)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_the_families_are_sound(exam, sound, family):
    items = [family.make(random.Random(seed), exam) for seed in range(200)]
    sound(items)
    assert items[:20] == [family.make(random.Random(seed), exam) for seed in range(20)]
    assert all(held_out(text) for item in items for text in (item.input, *(d.input for d in item.demonstrations)))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_two_topics_share_a_label_word_and_all_have_their_words(language):
    sections = phrases("topics", language)
    for names in (NEWS[language], FIELDS[language] | {"": SCIENCE[language]}):
        words = [word for many in names.values() for word in many]
        assert len(words) == len(set(words))
    assert all(f"{topic}.{part}" in sections for topic in NEWS[language] for part in ("who", "does", "thing"))
    assert all(f"{field}.object" in sections for field in FIELDS[language])


def test_a_headline_has_the_words_of_its_topic():
    sections = phrases("topics", "zh")
    for topic in NEWS["zh"]:
        own = [phrase for part in ("who", "does", "thing") for phrase in sections[f"{topic}.{part}"]]
        plain = [
            piece for phrase in own for piece in phrase.replace("{", "|").replace("}", "|").split("|")[::2] if piece
        ]
        for seed in range(20):
            text = headline(random.Random(seed), "zh", topic)
            assert "{" not in text and any(piece in text for piece in plain), text


def test_a_title_has_an_object_of_its_field():
    sections = phrases("topics", "en")
    for field in FIELDS["en"]:
        for seed in range(20):
            text = title(random.Random(seed), "en", field).lower()
            assert "{" not in text and any(one in text for one in sections[f"{field}.object"]), text


@pytest.mark.parametrize(
    ("who", "does", "said"),
    [
        ("stocks", "closes higher", "stocks close higher"),
        ("the index", "close higher", "the index closes higher"),
        ("police in rome", "is on strike", "police in rome are on strike"),
        ("paris", "reaches the final", "paris reaches the final"),
        ("doctors", "reaches out", "doctors reach out"),
        ("farmers", "loses crops", "farmers lose crops"),
        ("the president of the united states", "condemn it", "the president of the united states condemns it"),
        ("the actress", "can act", "the actress can act"),
        ("nurses", "warns of it", "nurses warn of it"),
    ],
)
def test_subject_and_verb_agree(who, does, said):
    assert agree(who, does) == said


@pytest.mark.parametrize("language", ["zh", "en"])
def test_real_sentences_hold_a_keyword_of_their_topic(exam, language):
    sections = phrases("topics", language)
    for topic, found in known(exam, language).items():
        words = " ".join(sections[f"{topic}.keys"]).split()
        assert all(any(word in text.lower() for word in words) for text in found)
