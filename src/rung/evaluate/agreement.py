"""How far a judge of pairs can be trusted: whether its place in the prompt decides, and how often it agrees with the metric
and with people. Pure functions; no figure without n and an interval, and None with a reason where there is nothing to count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rung.evaluate.judge import Choice, Judged
from rung.evaluate.statistics import TINY, bootstrap, wilson
from rung.task.notes import Note
from rung.types import digest

CHOICES: tuple[Choice, ...] = ("a", "b", "tie")
Choices = Mapping[str, Choice]  # example id -> whom
FOLDS = 5
LEAST = 20  # pairs that people have rated, for a threshold to be chosen
CANDIDATES = 100  # thresholds that are tried, at most

NOTHING_READ = Note("no pair was judged", "没有评过任何一对")
NO_SIDES = Note("no pair on which both say something and the other chose a side", "没有双方都评过、且对方分出高下的对")
NONE_IN_COMMON = Note("no pair that both have judged", "没有双方都评过的对")
ONE_CHOICE = Note("one of the two always chose the same, so that chance cannot be told from agreement",
                  "其中一方的选择始终相同，无法把一致与巧合区分开")  # fmt: skip
NO_SCORES = Note("the judge gives no scores", "该评审不给分数")


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval over ``n`` pairs; ``value`` None: nothing to count, and ``why`` says so."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    why: Note | None = None


@dataclass(frozen=True)
class Calibrated:
    """A tie threshold, in nats, chosen by agreement with people. ``choices`` are out of fold: each pair is decided by the
    threshold that was chosen without its fold (``by_fold``); ``threshold`` is that of all pairs, for further ones.
    """

    threshold: float
    choices: Choices
    by_fold: Mapping[int, float]


def share(hits: float, n: int, nothing: Note = NOTHING_READ) -> Figure:
    """A share of ``n`` pairs with Wilson's interval."""
    return Figure(hits / n, *wilson(hits, n), n) if n else Figure(None, None, None, 0, nothing)


def consistency(judged: Sequence[Judged]) -> Figure:
    """The share of pairs on which both orders name the same answer: 1/2 for a coin, 0 where the place alone decides."""
    sides = [j.sides for j in judged if j.sides is not None]
    return share(sum(one == two for one, two in sides), len(sides))


def first_share(judged: Sequence[Judged]) -> Figure:
    """How often the answer in the first place is named, over both orders of each pair: 1/2 if the place does not matter."""
    said = [(j.a_first.said, j.b_first.said) for j in judged if j.sides is not None]
    return share(sum(pair.count("1") for pair in said) / 2, len(said))


def by_position(judged: Sequence[Judged]) -> bool:
    """Whether the place decides more often than not, beyond doubt: the interval of :func:`consistency` ends below 1/2."""
    high = consistency(judged).high
    return high is not None and high < 0.5


def choices(judged: Sequence[Judged], threshold: float = 0.0) -> dict[str, Choice]:
    """Whom the judge prefers, on each pair that could be read."""
    return {j.example: choice for j in judged if (choice := j.choose(threshold)) is not None}


def leanings(judged: Sequence[Judged]) -> dict[str, Choice]:
    """The signs of the margins: whom the scores prefer when the place is taken out."""
    return {j.example: leaning for j in judged if (leaning := j.leaning) is not None}


def win_rate(said: Choices) -> Figure:
    """How often ``a`` is preferred; a tie is half a win."""
    won = list(said.values())
    return share(won.count("a") + won.count("tie") / 2, len(won))


def better(a: Mapping[str, float | None], b: Mapping[str, float | None]) -> dict[str, Choice]:
    """Whom a metric prefers on each example that it marks for both."""
    found: dict[str, Choice] = {}
    for example in a.keys() & b.keys():
        one, two = a[example], b[example]
        if one is not None and two is not None:
            found[example] = "tie" if one == two else "a" if one > two else "b"
    return found


def agreement(said: Choices, reference: Choices) -> Figure:
    """Of the pairs on which the ``reference`` (a metric, people) chose a side: the share on which the judge names it too.

    A tie of the judge is half an agreement, so that 1/2 is chance, whatever the judge's share of ties.
    """
    sides = [(said[i], side) for i, side in reference.items() if side != "tie" and i in said]
    return share(sum(0.5 if one == "tie" else float(one == two) for one, two in sides), len(sides), NO_SIDES)


def no_better_than_chance(found: Figure) -> bool:
    """Whether the interval of an :func:`agreement` holds 1/2, or lies below it."""
    return found.low is not None and found.low <= 0.5


def kappa(said: Choices, reference: Choices, seed: int = 0) -> Figure:
    """Cohen's kappa (1960) over a, b and tie: (p_o - p_e) / (1 - p_e), with a bootstrap interval over examples.

    Where no resample differs, the interval is that of the observed agreement (Wilson), at the same p_e.
    """
    both = [i for i in said if i in reference]
    if not both:
        return Figure(None, None, None, 0, NONE_IN_COMMON)
    parts = np.zeros((len(both), len(CHOICES) ** 2))  # each example's cell of the table of both, additive
    for row, i in enumerate(both):
        parts[row, CHOICES.index(said[i]) * len(CHOICES) + CHOICES.index(reference[i])] = 1
    if any(len({of[i] for i in both}) == 1 for of in (said, reference)):
        return Figure(None, None, None, len(both), ONE_CHOICE)
    value = float(_kappa(parts.sum(0)))
    draws = bootstrap(parts, _kappa, seed)
    draws = draws[~np.isnan(draws)]
    if np.ptp(draws) < TINY:
        observed, expected = _agreements(parts.sum(0))
        low, high = ((edge - expected) / (1 - expected) for edge in wilson(float(observed) * len(both), len(both)))
        return Figure(value, float(low), float(high), len(both))
    low, high = np.quantile(draws, [0.025, 0.975])
    return Figure(value, float(low), float(high), len(both))


def _agreements(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Observed and expected agreement of tables [..., 9] of counts."""
    table = sums.reshape(*sums.shape[:-1], len(CHOICES), len(CHOICES))
    table = table / table.sum((-2, -1), keepdims=True)
    return np.trace(table, axis1=-2, axis2=-1), (table.sum(-1) * table.sum(-2)).sum(-1)


def _kappa(sums: np.ndarray) -> np.ndarray:
    observed, expected = _agreements(sums)
    with np.errstate(invalid="ignore", divide="ignore"):  # both always say the same one thing: NaN
        return np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)


def calibrate(judged: Sequence[Judged], people: Choices, folds: int = FOLDS) -> Calibrated | Note:
    """The threshold on ``|margin|`` below which a choice becomes a tie, by cross-validation; else why there is none.

    For each fold the threshold with most agreement over {a, b, tie} on the *other* folds is taken, the smallest of equals.
    An example's fold is a hash of it, so that it never changes.
    """
    rated = [j for j in judged if j.example in people and j.choice is not None]
    if len(rated) < LEAST:
        return Note(f"{LEAST} pairs rated by people are needed, there are {len(rated)}",
                    f"需要至少 {LEAST} 对由人评过的，目前有 {len(rated)} 对")  # fmt: skip
    if any(j.margin is None for j in rated):
        return NO_SCORES
    by_fold: dict[int, float] = {}
    found: dict[str, Choice] = {}
    for fold in range(folds):
        held = [j for j in rated if fold_of(j.example, folds) == fold]
        rest = [j for j in rated if fold_of(j.example, folds) != fold]
        if held and rest:
            by_fold[fold] = _best_threshold(rest, people)
            found |= choices(held, by_fold[fold])
    return Calibrated(_best_threshold(rated, people), found, by_fold)


def fold_of(example: str, folds: int = FOLDS) -> int:
    return int(digest("fold", example), 16) % folds


def _best_threshold(judged: Sequence[Judged], people: Choices) -> float:
    margins = np.array([abs(j.margin or 0.0) for j in judged])
    said = np.array([CHOICES.index(j.choice or "tie") for j in judged])
    wanted = np.array([CHOICES.index(people[j.example]) for j in judged])
    edges = np.unique(margins)
    between = (edges[1:] + edges[:-1]) / 2
    tried = np.concatenate([[0.0], between[:: max(1, len(between) // CANDIDATES + 1)]])
    hits = [(np.where(margins < t, CHOICES.index("tie"), said) == wanted).sum() for t in tried]
    return float(tried[int(np.argmax(hits))])
