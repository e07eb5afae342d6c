"""An adaptation over examples: ask what the ledger does not know yet, write it down, and judge all of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

from rung.evaluate.statistics import bootstrap_interval, bootstrap_lower, exact_lower, wilson, worth
from rung.ledger import Ledger
from rung.programs import Answer
from rung.task.metrics import METRICS, parts, reason_for_none, scores
from rung.types import Adaptation, BudgetSpent, Example, Prediction, Result, Sealed, Task, UserError, digest


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
        """One score per example [n], as the ledger keeps it; exact match where the metric has none of its own (macro F1)."""
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
            low, high = bootstrap_interval(counts, combine, confidence, ends=METRICS[metric].ends(counts.sum(0)))
        return Result(metric, value, low, high, n, confidence)

    def lower(self, alpha: float) -> float | None:
        """The one-sided lower bound of the metric at error level ``alpha``."""
        value = self.result().value
        if value is None:
            return None
        if self.proportion:
            return exact_lower(value, len(self.examples), alpha)
        counts, metric = self.parts(), METRICS[self.task.metric]
        return bootstrap_lower(counts, metric.combine, alpha, ends=metric.ends(counts.sum(0)))

    def worth(self) -> float:
        """How many hits or misses would tell as much as these examples: their number, where the metric is a share of hits."""
        if self.proportion:
            return len(self.examples)
        return worth(self.parts(), METRICS[self.task.metric].combine)


def paired(a: Marked, b: Marked) -> tuple[np.ndarray, np.ndarray]:
    """Additive counts [n, k] of two on the same examples, in the same columns: of field F1 those are the fields that either gave."""
    both = parts(a.task.metric, [*a.outputs, *b.outputs], [*a.targets, *b.targets], a.task)
    assert both is not None, "nothing was measured"
    return both[: len(a.examples)], both[len(a.examples) :]


def bare_task(made: Adaptation, metric: str) -> Task:
    """What a metric needs to know of the task that an adaptation was made for; it has no examples."""
    nothing = Sealed(())
    return Task(
        made.name, made.kind, metric, made.language, (), (), nothing, made.labels, made.schema, fingerprint=digest(made.name)
    )  # fmt: skip


def measure(
    answer: Callable[[], Answer],
    hash: str,
    task: Task,
    examples: Sequence[Example],
    ledger: Ledger,
    *,
    block: int = 64,
    workers: int = 1,
    check: Callable[[], None] = lambda: None,
    done: Callable[[int, int], None] = lambda done, total: None,
) -> Marked:
    """Predictions for ``examples`` by the adaptation with ``hash``; only unknown ones are asked for, block by block.

    ``answer()`` opens the program, and is called only if something is unknown. ``check`` runs before each block and
    may raise BudgetSpent; whatever was finished is in the ledger by then. With several ``workers`` examples are asked side by
    side, one by one, and each answer is written when it arrives.
    """
    known = ledger.known(hash, (e.id for e in examples))
    todo = [e for e in examples if e.id not in known]

    def keep(part: Sequence[Example], predictions: Sequence[Prediction]) -> None:
        each = Marked(task, tuple(part), tuple(predictions)).scores()
        rows = [(p, float(s)) for p, s in zip(predictions, each, strict=True)]
        ledger.keep_predictions(hash, rows)
        known.update({p.example_id: (p, s) for p, s in rows})
        done(len(known), len(examples))

    program = answer() if todo else None
    if program is not None and workers > 1:
        for at, prediction in arriving(program, todo, workers, check):
            keep([todo[at]], [prediction])
        todo = []
    for start in range(0, len(todo), block):
        check()
        part = todo[start : start + block]
        assert program is not None
        keep(part, program(part))
    return Marked(task, tuple(examples), tuple(known[e.id][0] for e in examples))


def arriving(
    program: Answer, examples: Sequence[Example], workers: int, check: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, Prediction]]:
    """The number of each example with its prediction, as they arrive; ``workers`` of them are under way at once.

    The first error ends it, and so does one of ``check``, which runs before each example: what is under way then is waited for,
    as it may have been paid, and the error is raised behind it.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="answer")
    waiting: dict[Future[list[Prediction]], int] = {}
    coming = iter(range(len(examples)))
    ended: BaseException | None = None
    try:
        while True:
            while ended is None and len(waiting) < workers and (at := next(coming, None)) is not None:
                try:
                    check()
                except UserError as error:
                    ended = error
                else:
                    waiting[pool.submit(program, [examples[at]])] = at
            if not waiting:
                break
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                at = waiting.pop(future)
                failed = future.exception()
                if failed is None:
                    yield at, future.result()[0]
                elif ended is None or isinstance(ended, BudgetSpent):  # another error says more than a spent budget
                    ended = failed
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if ended is not None:
        raise ended


def in_order(program: Answer, examples: Sequence[Example], workers: int) -> Iterator[Prediction]:
    """Predictions in the order of ``examples``: each as soon as all before it are there, or all of one batch."""
    if workers == 1:
        yield from program(examples) if examples else []
        return
    early: dict[int, Prediction] = {}
    turn = 0
    for at, prediction in arriving(program, examples, workers):
        early[at] = prediction
        while turn in early:
            yield early.pop(turn)
            turn += 1


def latency(answer: Answer, examples: Sequence[Example], most: int = 5) -> float | None:
    """Median seconds of one request alone, over the first few examples; None without any."""
    seconds = []
    for example in examples[:most]:
        started = time.perf_counter()
        answer([example])
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds)) if seconds else None
