"""Rows in which pieces come again: what is learned has stood in the row before, behind the same token."""

import random

from rung.instruct.echo import LENGTHS, echo, records

TEXT = [random.Random(0).randrange(300, 8000) for _ in range(5000)]


def test_every_learned_token_stood_behind_the_same_token_before():
    for seed in range(50):
        row = echo(random.Random(seed), TEXT, 256, [0])
        assert row == echo(random.Random(seed), TEXT, 256, [0])
        assert row.tokens[0] == 0 and row.places and len(row.tokens) <= 257
        pairs = list(zip(row.tokens, row.tokens[1:], strict=False))
        for place in row.places:
            assert pairs[place - 1] in pairs[: place - 1]


def test_most_of_a_row_is_learned():
    rows = [echo(random.Random(seed), TEXT, 512, []) for seed in range(100)]
    assert sum(len(row.places) for row in rows) > 0.4 * sum(len(row.tokens) for row in rows)
    assert min(LENGTHS) >= 2  # of a piece of one token nothing could be learned


def test_a_learned_value_has_stood_in_the_row_before():
    total = 0
    for seed in range(60):
        row = records(random.Random(seed), TEXT, 256, [0])
        assert row == records(random.Random(seed), TEXT, 256, [0]) and len(row.tokens) <= 256
        assert all(row.tokens[place] in row.tokens[:place] for place in row.places)
        total += len(row.places)
    assert total > 60 * 15
