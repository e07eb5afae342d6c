"""What was understood of the data: everything that ``rung data`` shows, and that goes into its JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from rung.task.columns import Columns
from rung.task.notes import BadRow, Note
from rung.task.split import Leak, Split
from rung.types import Kind, Language, Task

Count = Callable[[Sequence[str]], Sequence[int]]  # texts -> tokens of each


@dataclass(frozen=True)
class Lengths:
    """Of the inputs or the targets: smallest, median, 95th percentile, largest."""

    low: int
    median: int
    p95: int
    high: int

    @classmethod
    def of(cls, sizes: Sequence[int]) -> Lengths:
        """Percentiles are lengths that occur (method "higher"), not means of two."""
        low, median, p95, high = np.percentile(sizes, (0, 50, 95, 100), method="higher")
        return cls(int(low), int(median), int(p95), int(high))


@dataclass(frozen=True)
class Near:
    """A row and the most similar row of an earlier split."""

    later: str  # "test.csv:9"
    earlier: str
    splits: tuple[Split, Split]
    similarity: float
    text: str
    earlier_text: str


@dataclass(frozen=True)
class Inspection:
    """A task and all that was found on the way to it. ``rows`` = ``used`` + len(``bad``)."""

    task: Task
    files: Mapping[Split, str]
    rows: int
    used: int
    bad: tuple[BadRow, ...]
    kind: Kind
    why: Note
    columns: Columns
    language: Language
    labels: Mapping[str, Mapping[str, float]]  # label -> n, share, train, dev, test; {} unless classify
    characters: Mapping[str, Lengths]  # "input", "target"
    tokens: Mapping[str, Lengths] | None  # None: no tokenizer was given
    splits: Mapping[Split, int]
    split_rule: Note
    leaks: tuple[Leak, ...]
    near_duplicates: tuple[Near, ...]
    detectable_gap: float | None  # on dev, of a share of right answers
    notes: tuple[Note, ...] = ()  # what was decided on the user's behalf
    warnings: tuple[Note, ...] = ()  # what may spoil the result

    def as_json(self) -> dict[str, Any]:
        """All of it but the examples, JSON-able."""
        task = self.task
        head = {name: getattr(task, name) for name in ("name", "metric", "target", "description", "fingerprint")}
        return head | {part.name: plain(getattr(self, part.name)) for part in fields(self) if part.name != "task"}


def plain(value: Any) -> Any:
    """Dataclasses, mappings and tuples as what JSON knows; a note as its words."""
    if isinstance(value, Note):
        return {"en": value.text("en"), "zh": value.text("zh")}
    if is_dataclass(value):
        return {part.name: plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value
