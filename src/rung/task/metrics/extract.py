"""Metrics of extracted structures: JSON objects compared value by value.

An object is a bag of (field, value) pairs: a list gives one pair for each element, a nested object is walked into
("buyer.name"), null, "" and [] give none. Text is compared after NFC, with outer blanks removed. Values are counted
with multiplicity, so that saying one name five times is four false alarms.

An answer that is no JSON object counts as one false value (shared evenly over the fields for ``field-f1``) besides
missing all that was wanted: otherwise gibberish would be right wherever nothing is to be found.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rung.task.metrics.base import Floats, Metric, f1, macro_f1
from rung.types import Task

Pair = tuple[str, str]


def read_object(text: str) -> dict[str, Any] | None:
    """The JSON object that ``text`` is, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def pairs(value: Any, field: str = "") -> Iterator[Pair]:
    """The (field, value) pairs of an answer."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from pairs(part, f"{field}.{key}" if field else str(key))
    elif isinstance(value, list):
        for part in value:
            # An object inside a list is one value: its fields belong together.
            yield from (
                pairs(json.dumps(part, ensure_ascii=False, sort_keys=True), field)
                if isinstance(part, Mapping)
                else pairs(part, field)
            )
    elif isinstance(value, str):
        if text := unicodedata.normalize("NFC", value).strip():
            yield field, text
    elif value is not None:
        yield field, json.dumps(value)


def field_counts(output: str, target: str) -> tuple[dict[str, list[int]], bool]:
    """{field: [tp, fp, fn]} of one answer, and whether the answer was a JSON object."""
    found = read_object(output)
    wanted = read_object(target)
    assert wanted is not None, f"a target of an extract task is a JSON object, not {target!r}"
    have, want = Counter(pairs(found or {})), Counter(pairs(wanted))
    counts: dict[str, list[int]] = {}
    for pair in have | want:
        count = counts.setdefault(pair[0], [0, 0, 0])
        hits = min(have[pair], want[pair])
        count[0] += hits
        count[1] += have[pair] - hits
        count[2] += want[pair] - hits
    return counts, found is not None


def entity_parts(outputs: Sequence[str], targets: Sequence[str], task: Task) -> Floats:
    """[n, 3]: (tp, fp, fn) over all (field, value) pairs."""
    parts = np.zeros((len(targets), 3))
    for row, (output, target) in enumerate(zip(outputs, targets, strict=True)):
        counts, valid = field_counts(output, target)
        parts[row] = np.sum([*counts.values(), [0, 0 if valid else 1, 0]], axis=0)
    return parts


def fields(outputs: Sequence[str], targets: Sequence[str]) -> list[str]:
    """Every field that was wanted or given, sorted: the order of the columns of ``field_parts``."""
    names = {name for text in (*outputs, *targets) for name, _ in pairs(read_object(text) or {})}
    return sorted(names)


def field_parts(outputs: Sequence[str], targets: Sequence[str], task: Task) -> Floats:
    """[n, 3 f]: (tp, fp, fn) of each field, in the order of :func:`fields`."""
    names = fields(outputs, targets)
    place = {name: i for i, name in enumerate(names)}
    parts = np.zeros((len(targets), len(names), 3))
    for row, (output, target) in enumerate(zip(outputs, targets, strict=True)):
        counts, valid = field_counts(output, target)
        for name, count in counts.items():
            parts[row, place[name]] = count
        if not valid and names:
            parts[row, :, 1] += 1 / len(names)
    return parts.reshape(len(targets), -1)


def by_field(outputs: Sequence[str], targets: Sequence[str], task: Task) -> dict[str, dict[str, float]]:
    """{field: {"f1", "precision", "recall", "wanted"}} for the report; a figure that does not exist is NaN."""
    sums = field_parts(outputs, targets, task).sum(0).reshape(-1, 3)
    return {
        name: {
            "f1": float(f1(counts)),
            "precision": counts[0] / given if (given := counts[0] + counts[1]) else float("nan"),
            "recall": counts[0] / wanted if (wanted := counts[0] + counts[2]) else float("nan"),
            "wanted": float(wanted),
        }
        for name, counts in zip(fields(outputs, targets), sums, strict=True)
    }


ENTITY_F1 = Metric(
    "entity-f1", ("extract",), "F1 over all (field, value) pairs", "全部（字段，值）对的 F1", entity_parts, f1
)
FIELD_F1 = Metric(
    "field-f1", ("extract",), "mean over the fields of each field's F1", "各字段 F1 的平均", field_parts, macro_f1
)
