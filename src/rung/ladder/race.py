"""Candidates of one wave race over dev: blocks of the same examples, and whoever is clearly behind stops.

A paired race (Maron & Moore 1994; PEERS: at z = 2 it finds as good a prompt as the full grid at 0.4 of the
evaluations). What was measured stays in the ledger, for those that stopped as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rung.evaluate import Marked, paired
from rung.evaluate.statistics import bootstrap
from rung.task.metrics import METRICS
from rung.types import Adaptation, Example, ModelError

FIRST = 64  # examples before anybody may be stopped
Z = 2.0  # how many standard errors behind the leader is clearly behind
DRAWS = 500  # for a standard error that no formula gives


@dataclass(frozen=True)
class Runner:
    """A candidate with what is known of it."""

    adaptation: Adaptation
    hash: str
    marked: Marked
    finished: bool  # False: it was clearly behind and stopped


def race(
    candidates: Sequence[tuple[Adaptation, str]],
    examples: Sequence[Example],
    ask: Callable[[Adaptation, str, Sequence[Example]], Marked],
    *,
    drop: bool = True,
    failed: Callable[[Adaptation, ModelError], None] = lambda adaptation, error: None,
) -> list[Runner]:
    """Every candidate with its marks, in the order given. ``drop`` False: all run to the end.

    A candidate that cannot be asked (an input that does not fit its prompt) is told to ``failed`` and left out.
    """
    alive = list(range(len(candidates)))
    marks: dict[int, Marked] = {}
    for stop in stages(len(examples)) if drop and len(candidates) > 1 else [len(examples)]:
        for i in list(alive):
            try:
                marks[i] = ask(*candidates[i], examples[:stop])
            except ModelError as error:
                failed(candidates[i][0], error)
                alive.remove(i)
                marks.pop(i, None)
        if alive and stop < len(examples):
            alive = keep({i: marks[i] for i in alive})
    return [Runner(a, h, marks[i], i in alive) for i, (a, h) in enumerate(candidates) if i in marks]


def stages(n: int) -> list[int]:
    """64, 128, 256 ... and the whole."""
    ends = []
    end = FIRST
    while end < n:
        ends.append(end)
        end *= 2
    return [*ends, n]


def keep(marks: dict[int, Marked]) -> list[int]:
    """Those not clearly behind the leader on the examples that all of them have answered."""
    leader = max(marks, key=lambda i: (rank(marks[i]), -i))
    return [i for i, own in marks.items() if not trails(own, marks[leader])]


def rank(marked: Marked) -> float:
    """What a leader leads by: the mean of its examples' own scores; the metric itself where it marks no single example."""
    metric = METRICS[marked.task.metric]
    return float(marked.scores().mean() if metric.alone else np.nan_to_num(metric.combine(marked.parts().sum(0))))


def trails(own: Marked, leader: Marked) -> bool:
    """Whether it is clearly behind the leader, on the same examples.

    Macro F1 marks no single example, and exact match would stop who finds the rare labels and misses some of the frequent one:
    there it is the difference of the metric, and the standard error of a paired bootstrap.
    """
    metric = METRICS[own.task.metric]
    if metric.alone:
        return behind(own.scores(), leader.scores())
    both = np.stack(paired(own, leader), axis=1)  # [n, 2, k]

    def difference(sums: np.ndarray) -> np.ndarray:
        return metric.combine(sums[..., 0, :]) - metric.combine(sums[..., 1, :])

    return float(difference(both.sum(0))) < -Z * float(np.nanstd(bootstrap(both, difference, draws=DRAWS)))


def behind(own: np.ndarray, leader: np.ndarray) -> bool:
    """Paired: mean difference more than Z standard errors below 0."""
    difference = own - leader
    error = float(difference.std(ddof=1)) / math.sqrt(len(difference)) if len(difference) > 1 else math.inf
    return float(difference.mean()) < -Z * error


__all__ = ["Runner", "race"]
