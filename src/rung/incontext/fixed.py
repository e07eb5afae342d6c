"""Demonstrations that are the same for every input: drawn at random or balanced over the labels, and put in an order.

A draw sorts the pool by a hash of (seed, content) instead of shuffling row numbers. The draw then depends on the examples and the
seed alone, not on the order of the file; and 8 demonstrations contain the 4 of the same seed, so that an n-shot curve compares
more of the same with less of the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rung.types import DataError, Demonstration, Example, digest

SHOTS = (0, 1, 2, 4, 8, 16)  # the points of the n-shot curve

Shown = Example | Demonstration


def random(pool: Sequence[Shown], n: int, seed: int) -> tuple[Demonstration, ...]:
    """``n`` demonstrations of the pool at random, in random order; raises ``DataError`` when the pool is smaller."""
    check_size(pool, n)
    return _demonstrations(pool, _hashed(pool, range(len(pool)), seed, "random")[:n])


def balanced(pool: Sequence[Shown], n: int, seed: int, labels: Sequence[str]) -> tuple[Demonstration, ...]:
    """``n`` demonstrations, equally many per label, in random order.

    Labels take turns in an order drawn from the seed, so counts differ by at most one; a label that has no example left is passed
    over. Raises ``DataError`` when the pool has too few examples of these labels.
    """
    groups = []
    for label in sorted(labels, key=lambda one: digest("balanced", seed, one)):
        groups.append(_hashed(pool, [i for i, shown in enumerate(pool) if shown.target == label], seed, "balanced"))
    turns = [i for turn in zip_longest(*groups) for i in turn if i is not None]
    check_size(turns, n)
    return _demonstrations(pool, _hashed(pool, turns[:n], seed, "order"))


def order(demonstrations: Sequence[Demonstration], seed: int) -> tuple[Demonstration, ...]:
    """A random permutation of the demonstrations, to measure how much their order matters.

    Lu et al. 2022, "Fantastically Ordered Prompts" (arXiv 2104.08786): the order alone can move a prompt from chance to the top.
    """
    return _demonstrations(demonstrations, _hashed(demonstrations, range(len(demonstrations)), seed, "order"))


def check_size(pool: Sequence[object], n: int) -> None:
    """Raise ``DataError`` unless ``n`` demonstrations can be drawn."""
    if not 0 <= n <= len(pool):
        raise DataError(
            f"{n} demonstrations are asked for, and the training pool can give 0 to {len(pool)}. Ask for fewer, or add examples",
            zh=f"要求 {n} 个示例，而训练集只能提供 0 到 {len(pool)} 个，请减少示例数或增加训练数据",
        )


def _hashed(pool: Sequence[Shown], indices: Sequence[int], seed: int, purpose: str) -> list[int]:
    """The indices in an order that only the seed, the purpose and the content decide; equal content by index."""
    return sorted(indices, key=lambda i: (digest(purpose, seed, pool[i].input, pool[i].target), i))


def _demonstrations(pool: Sequence[Shown], indices: Sequence[int]) -> tuple[Demonstration, ...]:
    return tuple(Demonstration(pool[i].input, pool[i].target) for i in indices)
