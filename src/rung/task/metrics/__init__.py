"""The metrics, by name, and the three questions that one asks them.

    value(metric, outputs, targets, task)   the figure, or None (and reason_for_none says why)
    parts(metric, outputs, targets, task)   additive counts per example [n, k]: sum rows, then METRICS[m].combine(sums)
    scores(metric, outputs, targets, task)  each example's own score [n], for racing and for the list of mistakes

A new metric is one function from answers to counts, one from summed counts to the value, and a line in ``METRICS``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from rung.task.metrics.base import Floats, Metric
from rung.task.metrics.classify import ACCURACY, MACRO_F1
from rung.task.metrics.extract import ENTITY_F1, FIELD_F1, by_field
from rung.task.metrics.generate import BLEU, CHRF, EXACT_MATCH, ROUGE_L
from rung.task.metrics.prefer import PREFERENCE
from rung.types import DataError, Kind, Language, Task

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (ACCURACY, MACRO_F1, ENTITY_F1, FIELD_F1, EXACT_MATCH, CHRF, ROUGE_L, BLEU, PREFERENCE)
}
DEFAULTS: dict[Kind, str] = {
    "classify": "accuracy",
    "extract": "entity-f1",
    "generate": "chrf",
    "prefer": "preference-accuracy",
}


def find_metric(name: str | None, kind: Kind) -> Metric:
    """The metric of that name, or the kind's default for None; DataError for an unknown or unfit one."""
    if name is None:
        return METRICS[DEFAULTS[kind]]
    fit = [metric.name for metric in METRICS.values() if kind in metric.kinds]
    if name in fit:
        return METRICS[name]
    listed = ", ".join(fit)
    if name in METRICS:
        raise DataError(
            f"the metric {name!r} is for {' and '.join(METRICS[name].kinds)} tasks and this one is {kind!r}: "
            f"take one of {listed}",
            zh=f"指标 {name!r} 用于 {'、'.join(METRICS[name].kinds)} 任务，而本任务是 {kind!r}：可用的有 {listed}",
        )
    near = get_close_matches(name.lower().replace("_", "-"), fit, 1, 0.5) or get_close_matches(name, METRICS, 1, 0.5)
    hint, hint_zh = (f"; did you mean {near[0]!r}?", f"；是不是 {near[0]!r}？") if near else (".", "。")
    raise DataError(
        f"there is no metric {name!r}{hint} For {kind} there are {listed}",
        zh=f"没有名为 {name!r} 的指标{hint_zh}{kind} 任务可用：{listed}",
    )


def parts(metric: str, outputs: Sequence[str], targets: Sequence[str], task: Task) -> Floats | None:
    """Additive counts [n, k] of each example, or None where there are no examples.

    Raises ValueError where outputs and targets differ in number: an answer must never be left out.
    """
    if len(outputs) != len(targets):
        raise ValueError(f"{len(outputs)} outputs for {len(targets)} targets: an invalid answer counts, as ''")
    return METRICS[metric].parts(outputs, targets, task) if len(targets) else None


def value(metric: str, outputs: Sequence[str], targets: Sequence[str], task: Task) -> float | None:
    """The metric over all examples, 0..1, or None where there is nothing to measure."""
    counts = parts(metric, outputs, targets, task)
    if counts is None:
        return None
    figure = float(METRICS[metric].combine(counts.sum(0)))
    return None if math.isnan(figure) else figure


def reason_for_none(metric: str, targets: Sequence[str], language: Language = "en") -> str:
    """Why :func:`value` gave None."""
    if language == "zh":
        return "没有样本" if not len(targets) else f"{metric}：标准答案与回答中都没有可计数的内容"
    return "no examples" if not len(targets) else f"{metric}: no target and no answer holds anything to count"


def scores(metric: str, outputs: Sequence[str], targets: Sequence[str], task: Task) -> Floats | None:
    """Each example's score alone [n], or None where the metric has none (macro F1) or there are no examples.

    Their mean is the value only where ``METRICS[metric].mean``. An example with nothing to find and nothing said is
    right: 1.
    """
    counts = parts(metric, outputs, targets, task)
    if counts is None or not METRICS[metric].alone:
        return None
    return np.nan_to_num(METRICS[metric].combine(counts), nan=1.0)


__all__ = ["DEFAULTS", "METRICS", "Metric", "by_field", "find_metric", "parts", "reason_for_none", "scores", "value"]
