"""Metrics of labels: accuracy and macro F1. An output that is no label of the task is simply wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rung.task.metrics.base import Floats, Metric, macro_f1, scored, share
from rung.types import Task


def accuracy_parts(outputs: Sequence[str], targets: Sequence[str], task: Task) -> Floats:
    """[n, 2]: hit or not, and 1."""
    return scored([float(output == target) for output, target in zip(outputs, targets, strict=True)])


def class_parts(outputs: Sequence[str], targets: Sequence[str], task: Task) -> Floats:
    """[n, 3 c]: (tp, fp, fn) of each class, in the order of ``task.labels``.

    A target that is not among ``task.labels`` is our own mistake and fails; an *output* that is not is a miss of the
    target's class and a false alarm of none, as in scikit-learn's ``f1_score(labels=task.labels)``.
    """
    place = {label: 3 * i for i, label in enumerate(task.labels)}
    parts = np.zeros((len(targets), 3 * len(place)))
    for row, (output, target) in enumerate(zip(outputs, targets, strict=True)):
        if output == target:
            parts[row, place[target]] = 1
            continue
        parts[row, place[target] + 2] = 1
        if output in place:
            parts[row, place[output] + 1] = 1
    return parts


ACCURACY = Metric(
    "accuracy",
    ("classify",),
    "share of answers that are right",
    "答对的比例",
    accuracy_parts,
    share,
    mean=True,
    hits=True,
)
MACRO_F1 = Metric(
    "macro-f1", ("classify",), "mean F1 of the classes", "各类别 F1 的平均", class_parts, macro_f1, alone=False
)
