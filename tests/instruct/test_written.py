"""Whole texts of lessons: well formed, of keys that are asked for, in one form for good, and in the lessons."""

import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from rung.instruct.exercises.kinds import GROUPS
from rung.instruct.exercises.question_types import TYPES
from rung.instruct.exercises.reviews import DOMAINS
from rung.instruct.exercises.topics import FIELDS, NEWS
from rung.instruct.exercises.written import FOLDER, SHARE, either, spelled, tokenised, written
from rung.pretrain.clean.heldout import strings

KEYS = {
    "reviews": {*(f"{domain}.{mood}" for domain in DOMAINS for mood in ("good", "bad")), "film.fact"},
    "news": set(NEWS["en"]) | set(NEWS["zh"]),
    "titles": set(FIELDS["en"]) | set(FIELDS["zh"]),
    "questions": set(TYPES) - {"explanation", "quantity"},
    "kinds": {f"{which}.{key}" for which, keys in GROUPS.items() for key in keys},
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("theme", KEYS)
def test_texts_are_of_keys_that_are_asked_for_and_stand_once(theme, language):
    found = written(theme, language)
    assert set(found) <= KEYS[theme]
    assert set(found) == KEYS[theme] or theme == "news"  # languages have sections of their own
    texts = Counter(text for some in found.values() for text in some)
    assert max(texts.values()) == 1
    assert min(len(some) for some in found.values()) >= 20
    assert all(text == text.strip() and "\t" not in text and len(text) < 500 for text in texts)


def test_every_file_is_of_a_theme():
    assert {path.name for path in FOLDER.iterdir()} == {
        f"{lang}_{t}.tsv" for lang in ("zh", "en") for t in (*KEYS, "intents")
    }


def test_a_text_has_one_form_for_good():
    forms = {spelled(text) for text in written("reviews", "en")["film.bad"] for _ in range(3)}
    assert len(forms) == len(written("reviews", "en")["film.bad"])
    lower = sum(form == form.lower() for form in forms)
    assert 0.3 < lower / len(forms) < 0.9


def test_marks_are_set_apart():
    assert tokenised("It isn't dull, it's long") == "It is n't dull , it 's long ."
    assert tokenised("Why so slow?") == "Why so slow ?"


def test_either_draws_whole_ones_as_often_as_it_says_and_composes_where_nothing_is_written():
    rng = random.Random(0)
    drawn = [either(rng, "reviews", "zh", "food.bad", lambda: "composed") for _ in range(1000)]
    assert abs(sum(text != "composed" for text in drawn) / 1000 - SHARE) < 0.05
    assert len(set(drawn)) > 150
    assert either(rng, "reviews", "zh", "nothing.good", lambda: "composed") == "composed"


def test_no_text_stands_in_a_split_that_anything_is_measured_on(shared):
    tasks = shared / "data" / "tasks"
    ours = {plain(text) for path in FOLDER.iterdir() for some in _texts(path) for text in some}
    for path in tasks.glob("*/test*.jsonl"):
        with path.open(encoding="utf-8") as lines:
            theirs = {plain(text) for line in lines for text in strings(json.loads(line))}
        assert not ours & theirs, path


def plain(text: str) -> str:
    """Letters and digits alone."""
    return re.sub(r"[\W_]+", "", text.lower())


def _texts(path: Path):
    language, theme = path.stem.split("_")
    return written(theme, language).values()
