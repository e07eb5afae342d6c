"""What a metric is: additive counts for each example, and the way from summed counts to the value.

Every metric here is a function of a *sum over examples* of a few counts: accuracy of (hits, examples), entity F1
of (tp, fp, fn), macro F1 of those per class, chrF and BLEU of their n-gram counts. Hence a bootstrap draws rows,
sums counts and combines, and never scores an answer twice. All values lie in 0..1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rung.types import Kind, Task

Floats = NDArray[np.float64]
Combine = Callable[[Floats], Floats]  # sums of counts [..., k] -> values [...]


@dataclass(frozen=True)
class Metric:
    """A named metric.

    ``parts(outputs, targets, task)`` gives counts [n, k]; ``combine`` turns sums of them, of any shape [..., k], into
    values [...], NaN where there is nothing to measure. ``mean`` says that the value is the plain mean of the examples'
    own scores (then McNemar or a normal interval applies); ``hits`` that these are 0 or 1 by their nature, so that it is a
    share of right answers; ``alone`` is False where one example has no score of its own (macro F1).
    """

    name: str
    kinds: tuple[Kind, ...]
    what: str
    what_zh: str
    parts: Callable[[Sequence[str], Sequence[str], Task], Floats]
    combine: Combine
    mean: bool = False
    hits: bool = False
    alone: bool = True

    def ends(self, whole: Floats) -> tuple[Combine, Combine] | None:
        """``combine`` for the low and for the high end of an interval, where a resample may lack what ``whole`` [k], the summed
        counts of all examples, has; None where it cannot.

        A resample without a rare label says nothing of that label's F1. Left out of the mean it would shift it (a label that was
        never got right is gone, and the rest is 1); so it counts as 0 at the low end and as 1 at the high one.
        """
        if self.combine is not macro_f1:
            return None
        found = ~np.isnan(f1(whole.reshape(-1, 3)))
        return partial(_macro_f1_of, found=found, absent=0.0), partial(_macro_f1_of, found=found, absent=1.0)


def ratio(over: Floats, under: Floats) -> Floats:
    """``over / under``, NaN where ``under`` is 0."""
    return np.divide(over, under, out=np.full(np.shape(under), np.nan), where=np.asarray(under) != 0)


def share(sums: Floats) -> Floats:
    """[..., 2] sums of (score, 1) -> their mean."""
    return ratio(sums[..., 0], sums[..., 1])


def f1(sums: Floats) -> Floats:
    """[..., 3] counts of (tp, fp, fn) -> F1 = 2 tp / (2 tp + fp + fn), NaN where all are 0 (van Rijsbergen 1979)."""
    double = 2 * sums[..., 0]
    return ratio(double, double + sums[..., 1] + sums[..., 2])


def macro_f1(sums: Floats) -> Floats:
    """[..., 3 c] counts, three for each class -> the mean F1 over the classes that were wanted or given at all (as torchmetrics;
    scikit-learn, given labels, counts the others as 0)."""
    each = f1(sums.reshape(*sums.shape[:-1], -1, 3))
    found = ~np.isnan(each)
    return ratio(np.where(found, each, 0.0).sum(-1), found.sum(-1).astype(float))


def _macro_f1_of(sums: Floats, found: NDArray[np.bool_], absent: float) -> Floats:
    """The mean F1 over the classes ``found`` [c]; one that has no counts in ``sums`` has the F1 ``absent``."""
    each = f1(sums.reshape(*sums.shape[:-1], -1, 3))[..., found]
    return np.nan_to_num(each, nan=absent).mean(-1)


def scored(scores: Sequence[float]) -> Floats:
    """Scores [n] as parts [n, 2] for :func:`share`."""
    column = np.asarray(scores, dtype=float)
    return np.stack([column, np.ones_like(column)], axis=1)
