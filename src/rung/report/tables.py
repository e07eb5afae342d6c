"""The tables of the page as plain rows: confusions, scores of labels and of fields, mistakes.

They count the chosen adaptation's answers on one split and know nothing of HTML or of a language.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.report.run import Answer
from rung.task.metrics import by_field
from rung.types import Sealed, Task

WIDE = 15  # labels beyond which a matrix is no longer read, but a list of the commonest confusions is
LISTED = 500  # mistakes that a page lists; it says how many there are beside them
UNREADABLE = ""  # the column of answers that are no label; a label is never empty


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1 of one label or one field; None where there was nothing to divide by."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    wanted: int


@dataclass(frozen=True)
class Confusion:
    """``counts[wanted][got]``; ``columns`` are the labels and, where an answer was none of them, ``UNREADABLE``."""

    labels: tuple[str, ...]
    columns: tuple[str, ...]
    counts: dict[str, Counter[str]]
    commonest: tuple[tuple[str, str, int], ...]  # (wanted, got, how often), the commonest first, hits left out

    @property
    def as_matrix(self) -> bool:
        """Whether it is small enough to be read as a matrix."""
        return len(self.labels) <= WIDE


@dataclass(frozen=True)
class Part:
    """What is known of the chosen adaptation's answers on one split."""

    split: str
    answers: tuple[Answer, ...]
    mistakes: tuple[Answer, ...]
    confusion: Confusion | None  # classify
    label_scores: tuple[Scores, ...]  # classify
    field_scores: tuple[Scores, ...]  # extract

    @property
    def answered(self) -> int:
        """All answers."""
        return len(self.answers)

    @property
    def wrong(self) -> int:
        """Those without full marks."""
        return len(self.mistakes)

    @property
    def listed(self) -> int:
        """How many mistakes the page lists."""
        return min(LISTED, len(self.mistakes))

    @property
    def unreadable(self) -> int:
        """Answers that could not be read as one."""
        return sum(not answer.prediction.valid for answer in self.answers)


def part_of(split: str, answers: Sequence[Answer], task: Mapping[str, Any]) -> Part | None:
    """Everything that the page says of one split, or None where nothing was answered there."""
    if not answers:
        return None
    table = confusion(answers, task["labels"]) if task["kind"] == "classify" else None
    labels = label_scores(table) if table else []
    fields = field_scores(answers, task) if task["kind"] == "extract" else []
    return Part(split, tuple(answers), tuple(mistakes(answers)), table, tuple(labels), tuple(fields))


def confusion(answers: Sequence[Answer], labels: Sequence[str]) -> Confusion:
    """What was wanted against what was given; an invalid answer counts as unreadable even if its text is a label."""
    counts: dict[str, Counter[str]] = {label: Counter() for label in labels}
    for answer in answers:
        output = answer.prediction.output
        counts[answer.example.target][output if answer.prediction.valid and output in counts else UNREADABLE] += 1
    unreadable = any(row[UNREADABLE] for row in counts.values())
    columns = (*labels, UNREADABLE) if unreadable else tuple(labels)
    wrong = [(w, g, n) for w, row in counts.items() for g, n in row.items() if g != w and n]
    wrong.sort(key=lambda c: (-c[2], c[0], c[1]))
    return Confusion(tuple(labels), columns, counts, tuple(wrong[:WIDE]))


def label_scores(table: Confusion) -> list[Scores]:
    """Precision, recall and F1 of each label."""
    rows = []
    for label in table.labels:
        hits, wanted = table.counts[label][label], sum(table.counts[label].values())
        given = sum(row[label] for row in table.counts.values())
        rows.append(Scores(label, _ratio(hits, given), _ratio(hits, wanted), _ratio(2 * hits, given + wanted), wanted))
    return rows


def field_scores(answers: Sequence[Answer], task: Mapping[str, Any]) -> list[Scores]:
    """Precision, recall and F1 of each field of an ``extract`` task; ``task`` as in ``result.json``."""
    judge = Task(task["name"], task["kind"], task["metric"], task["language"], (), (), Sealed(()))
    outputs = [a.prediction.output if a.prediction.valid else "" for a in answers]
    fields = by_field(outputs, [a.example.target for a in answers], judge)
    return [
        Scores(name, _known(row["precision"]), _known(row["recall"]), _known(row["f1"]), round(row["wanted"]))
        for name, row in fields.items()
    ]


def mistakes(answers: Sequence[Answer]) -> list[Answer]:
    """The answers without full marks, the worst first where the metric marks single answers."""
    wrong = [answer for answer in answers if not answer.right]
    return sorted(wrong, key=lambda a: 0.0 if a.score is None else a.score)


def _ratio(over: float, under: float) -> float | None:
    return over / under if under else None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
