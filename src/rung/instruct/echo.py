"""Rows in which pieces come again: what stood behind this the last time?

The heads that look back for the same and say what followed (induction heads: Olsson et al. 2022, arXiv 2209.11895) are what
learning from demonstrations is built on, and plain text rewards them rarely: before this a model of 7M parameters that had read 26M
tokens gave the second copy of 50 random tokens 9.8 nats each. Here nearly every token can be told from the row alone.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from rung.instruct.lesson import Lesson

Tokens = Sequence[int] | np.ndarray
SOURCE, RECORDS = "echo", "records"
LENGTHS = (3, 4, 6, 8, 12, 16, 24, 32, 48, 64)  # tokens of a piece


def echo(rng: random.Random, text: Tokens, size: int, start: Sequence[int]) -> Lesson:
    """A document of about ``size`` tokens: pieces of ``text`` (or its tokens at random), each at least twice, in random order.

    Learned are the tokens of a piece that has been there before, from its second one on: its first cannot be told.
    """
    length = rng.choice(LENGTHS)
    kinds = max(1, min(size // (2 * length), rng.choice((1, 2, 3, 4, 6, 8, 12))))
    pieces = [_piece(rng, text, length) for _ in range(kinds)]
    order = list(range(kinds)) * 2
    while (len(order) + 1) * length <= size:
        order.append(rng.randrange(kinds))
    rng.shuffle(order)
    tokens, seen = list(start), set()
    places: list[int] = []
    for which in order:
        if which in seen:
            places += range(len(tokens) + 1, len(tokens) + length)
        seen.add(which)
        tokens += pieces[which]
    return Lesson(tuple(tokens), 0, SOURCE, tuple(places))


def _piece(rng: random.Random, text: Tokens, length: int) -> list[int]:
    if rng.random() < 0.3:
        return [int(text[rng.randrange(len(text))]) for _ in range(length)]
    first = rng.randrange(len(text) - length)
    return [int(token) for token in text[first : first + length]]


def records(rng: random.Random, text: Tokens, size: int, start: Sequence[int]) -> Lesson:
    """A document of about ``size`` tokens: key, marks, value, marks, again and again, as demonstrations are, but bare.

    Marks are the same in the whole row, so a value can only be told from its key, some tokens before it; around a key there may
    be tokens that say nothing. Learned are the values of keys that have been there before.
    """

    def some(least: int, most: int) -> list[int]:
        return [int(text[rng.randrange(len(text))]) for _ in range(rng.randint(least, most))]

    before, marks, after = some(0, 2), some(0, rng.choice((1, 1, 1, 2, 2, 3, 5))), some(0, 2)
    values = [some(1, 2) for _ in range(rng.choice((2, 3, 4, 6, 8, 12)))]
    value_of = {tuple(some(1, 3)): rng.choice(values) for _ in range(rng.choice((2, 3, 4, 6, 8, 12)))}
    noise = rng.choice((0, 0, 0, 0, 1, 3))
    tokens, seen = list(start), set()
    places: list[int] = []
    while True:
        key = rng.choice(list(value_of))
        asked = [*before, *some(0, noise), *key, *some(0, noise), *marks]
        if len(tokens) + len(asked) + len(value_of[key]) + len(after) > size:
            return Lesson(tuple(tokens), 0, RECORDS, tuple(places))
        tokens += asked
        if key in seen:
            places += range(len(tokens), len(tokens) + len(value_of[key]))
        seen.add(key)
        tokens += [*value_of[key], *after]
