"""Units: what is one, that equal ones are equal wherever they stand, and that n-grams are what they say."""

import random

import numpy as np
import pytest

from rung.pretrain.clean.units import BLOCK, units


def shown(text):
    read = units(text)
    return [read.words(at, 1) for at in range(len(read))]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("The cat, the DOG!", ["the", "cat", "the", "dog"]),
        ("我爱Python 3", ["我", "爱", "python", "3"]),
        ("ＡＢＣ，ｄ", ["abc", "d"]),  # full width
        ("ねこ寝る", ["ね", "こ", "寝", "る"]),
        ("café cafe\u0301", ["café", "café"]),
        ("Кошка спит", ["кошка", "спит"]),
        ("𠮷野", ["𠮷", "野"]),  # beyond the basic plane
        ("…，", []),
        ("", []),
    ],
)
def test_units_of_a_text(text, expected):
    assert shown(text) == expected


def test_a_unit_has_one_hash_wherever_it_stands():
    rng = random.Random(0)
    words = ["".join(rng.choice("abcdefgh") for _ in range(rng.randint(1, 9))) for _ in range(4000)]
    read = units(" ".join(words))
    by_word, by_hash = {}, {}
    for word, made in zip(words, read.hashes.tolist(), strict=True):
        assert by_word.setdefault(word, made) == made
        assert by_hash.setdefault(made, word) == word


def test_a_hash_does_not_depend_on_what_was_read_before():
    before = units("one word").hashes
    units("x " * BLOCK)  # the tables of powers grow
    assert (units("one word").hashes == before).all()


def test_grams_are_equal_where_the_units_are():
    read = units("a b c x a b c d a b d")
    grams = read.grams(3).tolist()
    assert len(grams) == 9
    assert grams[0] == grams[4]  # a b c
    assert len(set(grams)) == 8
    assert read.grams(2)[0] != units("b a").grams(2)[0]  # the order counts
    assert (read.grams(1) == units(" ".join(shown("a b c x a b c d a b d"))).grams(1)).all()
    assert len(read.grams(12)) == 0
    assert read.grams(3).dtype == np.uint64
