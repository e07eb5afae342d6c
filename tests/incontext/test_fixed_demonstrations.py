"""Random and balanced demonstrations, and their order."""

from collections import Counter

import pytest

from rung.incontext import SHOTS, balanced, order, random
from rung.types import DataError, Demonstration, Example

POOL = [Demonstration(f"text {i}", "abc"[i % 3]) for i in range(30)]


def test_shots():
    assert SHOTS == (0, 1, 2, 4, 8, 16)


def test_random_is_seeded_and_nested():
    eight = random(POOL, 8, seed=1)
    assert len(set(eight)) == 8 and set(eight) <= set(POOL)
    assert random(POOL, 8, seed=1) == eight and random(POOL, 8, seed=2) != eight
    assert random(POOL, 4, seed=1) == eight[:4] and random(POOL, 0, seed=1) == ()


def test_the_order_of_the_file_does_not_matter():
    assert random(POOL[::-1], 8, seed=1) == random(POOL, 8, seed=1)
    assert balanced(POOL[::-1], 8, 1, "cba") == balanced(POOL, 8, 1, "abc")


def test_random_reaches_the_whole_pool():
    seen = Counter(d.input for seed in range(300) for d in random(POOL, 1, seed))
    # 300 draws of 30: each expected 10 times; 0 or more than 30 has a chance below 1e-4 over all
    assert len(seen) == 30 and max(seen.values()) < 30


def test_examples_become_demonstrations():
    assert random([Example("id", "x", "y", "file:1")], 1, 0) == (Demonstration("x", "y"),)


@pytest.mark.parametrize("n, counts", [(3, [1, 1, 1]), (6, [2, 2, 2]), (8, [2, 3, 3]), (1, [1])])
def test_balanced_over_the_labels(n, counts):
    shown = balanced(POOL, n, seed=0, labels=["a", "b", "c"])
    assert sorted(Counter(d.target for d in shown).values()) == counts and len(set(shown)) == n


def test_balanced_contains_the_smaller_set_and_does_not_sort_by_label():
    assert set(balanced(POOL, 6, 0, "abc")) < set(balanced(POOL, 12, 0, "abc"))
    labels = {"".join(d.target for d in balanced(POOL, 6, seed, "abc")) for seed in range(20)}
    assert len(labels) > 10  # 90 arrangements of aabbcc; in turns there would be 6


def test_a_label_that_runs_out_is_passed_over():
    pool = [Demonstration("rare", "a")] + [Demonstration(f"t{i}", "b") for i in range(5)]
    assert sorted(d.target for d in balanced(pool, 4, 0, ["a", "b", "missing"])) == ["a", "b", "b", "b"]


def test_too_many_are_refused():
    for draw in (lambda: random(POOL, 31, 0), lambda: balanced(POOL, 21, 0, "ab"), lambda: random(POOL, -1, 0)):
        with pytest.raises(DataError, match="demonstrations are asked for"):
            draw()


def test_order_permutes():
    shown = random(POOL, 6, 0)
    orders = {order(shown, seed) for seed in range(20)}
    assert len(orders) > 15 and all(set(one) == set(shown) for one in orders)
    assert order(shown, 3) == order(shown, 3)
