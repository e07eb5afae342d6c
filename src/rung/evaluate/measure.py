"""An adaptation over examples: ask what the ledger does not know yet, write it down, and judge all of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rung.evaluate.statistics import bootstrap_interval, bootstrap_lower, exact_lower, wilson
from rung.ledger import Ledger
from rung.programs import Answer
from rung.task.metrics import METRICS, parts, reason_for_none, scores
from rung.types import Example, Prediction, Result, Task


@dataclass(frozen=True)
class Marked:
    """Predictions on some examples of a task, and their marks, all in the order of ``examples``."""

    task: Task
    examples: tuple[Example, ...]
    predictions: tuple[Prediction, ...]

    @property
    def outputs(self) -> list[str]:
        return [p.output for p in self.predictions]

    @property
    def targets(self) -> list[str]:
        return [e.target for e in self.examples]

    def parts(self) -> np.ndarray:
        """Additive counts [n, k] of the task's metric."""
        made = parts(self.task.metric, self.outputs, self.targets, self.task)
        assert made is not None, "nothing was measured"
        return made

    def scores(self) -> np.ndarray:
        """One score per example [n] for racing; exact match where the metric has none of its own (macro F1)."""
        each = scores(self.task.metric, self.outputs, self.targets, self.task)
        if each is None:
            each = np.array([float(o == t) for o, t in zip(self.outputs, self.targets, strict=True)])
        return each

    @property
    def proportion(self) -> bool:
        """True where the metric is a share of hits: Wilson's interval and McNemar's test then apply."""
        return METRICS[self.task.metric].mean and bool(np.isin(self.scores(), (0.0, 1.0)).all())

    def result(self, confidence: float = 0.95) -> Result:
        """The metric with its two-sided interval."""
        metric, n = self.task.metric, len(self.examples)
        if n == 0:
            return Result(metric, None, None, None, 0, confidence, reason_for_none(metric, []))
        counts, combine = self.parts(), METRICS[metric].combine
        value = float(combine(counts.sum(0)))
        if np.isnan(value):
            return Result(metric, None, None, None, n, confidence, reason_for_none(metric, self.targets))
        if self.proportion:
            low, high = wilson(self.scores().sum(), n, confidence)
        else:
            low, high = bootstrap_interval(counts, combine, confidence)
        return Result(metric, value, low, high, n, confidence)

    def lower(self, alpha: float) -> float | None:
        """The one-sided lower bound of the metric at error level ``alpha``."""
        value = self.result().value
        if value is None:
            return None
        if self.proportion:
            return exact_lower(value, len(self.examples), alpha)
        return bootstrap_lower(self.parts(), METRICS[self.task.metric].combine, alpha)


def measure(
    answer: Callable[[], Answer],
    hash: str,
    task: Task,
    examples: Sequence[Example],
    ledger: Ledger,
    *,
    block: int = 64,
    check: Callable[[], None] = lambda: None,
    done: Callable[[int, int], None] = lambda done, total: None,
) -> Marked:
    """Predictions for ``examples`` by the adaptation with ``hash``; only unknown ones are asked for, block by block.

    ``answer()`` opens the program, and is called only if something is unknown. ``check`` runs before each block and
    may raise BudgetSpent; whatever was finished is in the ledger by then.
    """
    known = ledger.known(hash, (e.id for e in examples))
    todo = [e for e in examples if e.id not in known]
    program = answer() if todo else None
    for start in range(0, len(todo), block):
        check()
        part = todo[start : start + block]
        assert program is not None
        predictions = program(part)
        each = Marked(task, tuple(part), tuple(predictions)).scores()
        rows = [(p, float(s)) for p, s in zip(predictions, each, strict=True)]
        ledger.keep_predictions(hash, rows)
        known.update({p.example_id: (p, s) for p, s in rows})
        done(len(known), len(examples))
    return Marked(task, tuple(examples), tuple(known[e.id][0] for e in examples))


def latency(answer: Answer, examples: Sequence[Example], most: int = 5) -> float | None:
    """Median seconds of one request alone, over the first few examples; None without any."""
    seconds = []
    for example in examples[:most]:
        started = time.perf_counter()
        answer([example])
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds)) if seconds else None
