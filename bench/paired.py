"""Intervals and paired tests over items, for ``shots.py`` and ``skills.py``.

Marks are numbers [n] in 0..1, one per item: 0 or 1 for one answer, a mean where an item was asked several times (draws of
demonstrations, samples). The answers to one item are averaged first: items are what was drawn, not answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import ttest_rel

from rung.evaluate import exact_lower, mcnemar, paired_difference
from rung.evaluate.statistics import Combine, bootstrap_interval


@dataclass(frozen=True)
class Share:
    """A mean mark with its two-sided interval."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{number(self.value)} [{number(self.low)}, {number(self.high)}]"


@dataclass(frozen=True)
class Difference:
    """``a`` minus ``b`` on the same items, with a two-sided interval and test."""

    value: float
    low: float
    high: float
    p: float
    test: str  # "McNemar" (exact) or "paired t"
    n: int

    def __str__(self) -> str:
        return f"{100 * self.value:+.1f} [{100 * self.low:+.1f}, {100 * self.high:+.1f}]"


def share(marks: np.ndarray, confidence: float = 0.95) -> Share:
    """Clopper & Pearson's exact interval (1934) where marks are 0 or 1, else a percentile bootstrap over items."""
    n, value, tail = len(marks), float(marks.mean()), (1 - confidence) / 2
    if binary(marks):
        return Share(value, exact_lower(value, n, tail), 1 - exact_lower(1 - value, n, tail), n)
    low, high = bootstrap_interval(marks[:, None], _mean(n), confidence)
    return Share(value, low, high, n)


def difference(a: np.ndarray, b: np.ndarray, confidence: float = 0.95) -> Difference:
    """Paired bootstrap interval; p of the exact McNemar test for marks of 0 and 1, else of the paired t-test."""
    value, low, high = paired_difference(a[:, None], b[:, None], _mean(len(a)), confidence)
    if binary(a) and binary(b):
        return Difference(value, low, high, mcnemar(a, b), "McNemar", len(a))
    p = float(ttest_rel(a, b).pvalue) if (a != b).any() else 1.0
    return Difference(value, low, high, p, "paired t", len(a))


def holm(ps: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm 1979), in the order given."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    corrected, most = [0.0] * len(ps), 0.0
    for rank, i in enumerate(order):
        most = max(most, min(1.0, (len(ps) - rank) * ps[i]))
        corrected[i] = most
    return corrected


def binary(marks: np.ndarray) -> bool:
    return bool(np.isin(marks, (0.0, 1.0)).all())


def number(value: float) -> str:
    """.512, 1.000"""
    return f"{value:.3f}".removeprefix("0")


def probability(p: float) -> str:
    """p for a table: three digits, or its order of magnitude."""
    return f"{p:.3f}".removeprefix("0") if p >= 0.0005 else f"{p:.0e}"


def _mean(n: int) -> Combine:
    """The mean of n items from their summed marks [..., 1]; resamples have n items too."""
    return lambda sums: sums[..., 0] / n
