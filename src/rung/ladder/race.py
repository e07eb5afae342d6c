"""Candidates of one wave race over dev: blocks of the same examples, and whoever is clearly behind stops.

A paired race (Maron & Moore 1994; PEERS: at z = 2 it finds as good a prompt as the full grid at 0.4 of the
evaluations). What was measured stays in the ledger, for those that stopped as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rung.evaluate import Marked
from rung.types import Adaptation, Example, ModelError

FIRST = 64  # examples before anybody may be stopped
Z = 2.0  # how many standard errors behind the leader is clearly behind


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
            alive = keep({i: marks[i].scores() for i in alive})
    return [Runner(a, h, marks[i], i in alive) for i, (a, h) in enumerate(candidates) if i in marks]


def stages(n: int) -> list[int]:
    """64, 128, 256 ... and the whole."""
    ends = []
    end = FIRST
    while end < n:
        ends.append(end)
        end *= 2
    return [*ends, n]


def keep(scores: dict[int, np.ndarray]) -> list[int]:
    """Those not clearly behind the leader on the examples that all of them have answered."""
    leader = max(scores, key=lambda i: (float(scores[i].mean()), -i))
    return [i for i, own in scores.items() if not behind(own, scores[leader])]


def behind(own: np.ndarray, leader: np.ndarray) -> bool:
    """Paired: mean difference more than Z standard errors below 0."""
    difference = own - leader
    error = float(difference.std(ddof=1)) / math.sqrt(len(difference)) if len(difference) > 1 else math.inf
    return float(difference.mean()) < -Z * error


__all__ = ["Runner", "race"]
