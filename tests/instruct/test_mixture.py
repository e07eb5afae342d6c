"""Families by name, and what is held out."""

import random

import pytest

from rung.instruct.family import Family
from rung.instruct.holdout import held_out
from rung.instruct.item import Exercise
from rung.instruct.mixture import SHARES, check, chosen, draw, families, family, for_exam
from rung.instruct.sources import Sources
from rung.types import DataError, UserError


def numbers(rng: random.Random, sources: Sources) -> Exercise:
    return Exercise("numbers", "generate", "en", str(rng.randrange(1000)), "yes")


def test_every_share_is_of_a_family_that_exists():
    assert set(SHARES) <= set(families())


def test_training_and_exams_never_meet(tmp_path):
    rng = random.Random(0)
    trained = {draw(Family("n", numbers), rng, Sources(tmp_path, tmp_path)).input for _ in range(300)}
    asked = {draw(Family("n", numbers), rng, Sources(tmp_path, tmp_path, exam=True)).input for _ in range(100)}
    assert not trained & asked
    assert all(held_out(text) for text in asked)


def test_about_a_tenth_is_held_out():
    assert 0.05 < sum(held_out(str(i)) for i in range(1000)) / 1000 < 0.15


def test_a_family_of_which_nothing_may_be_asked_says_so(tmp_path):
    stuck = Family("stuck", lambda rng, s: Exercise("stuck", "generate", "en", "1", "1", key="a"))
    exam = for_exam(stuck.make(random.Random(0), Sources(tmp_path, tmp_path)))
    with pytest.raises(RuntimeError, match="stuck: 1,000 draws"):
        draw(stuck, random.Random(0), Sources(tmp_path, tmp_path, exam=not exam))


def test_an_unknown_family_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"no family 'poetry'; known are .*arithmetic"):
        family("poetry")
    assert chosen(["tools"]) == {"tools": SHARES["tools"]}
    assert chosen(["tools = 2.5", "lookup=1", "dates"]) == {"tools": 2.5, "lookup": 1.0, "dates": SHARES["dates"]}
    for wrong in ("tools=", "tools=much", "tools=0", "tools=-1", "tools=nan", "tools=inf"):
        with pytest.raises(UserError, match=f"'{wrong}' is no share of lessons: type NAME=NUMBER"):
            chosen([wrong])


def test_texts_that_are_not_there_are_known_before_training(tmp_path):
    with pytest.raises(DataError, match="no file"):
        check(Sources(tmp_path, tmp_path), {"article-episodes": 1.0})


def test_what_can_be_taught_without_them_is_named(tmp_path):
    with pytest.raises(
        DataError, match="zh_wiki.train.jsonl.*families read: titles, translation.*--families lookup$"
    ) as caught:
        check(Sources(tmp_path / "texts", tmp_path / "sets"), {"lookup": 1.0, "titles": 1.0, "translation": 1.0})
    assert "tatoeba" in str(caught.value) and "--families lookup" in caught.value.zh


def test_a_broken_line_of_a_set_is_named(tmp_path):
    (tmp_path / "tatoeba").mkdir()
    (tmp_path / "tatoeba" / "train.jsonl").write_text('{"en": "a", "zh": "b"}\n{"en": \n')
    with pytest.raises(DataError, match="train.jsonl:2: not JSON"):
        check(Sources(tmp_path, tmp_path), {"translation": 1.0})
