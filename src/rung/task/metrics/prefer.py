"""The metric of preference pairs: how often the chosen answer wins."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rung.task.metrics.base import Floats, Metric, scored, share
from rung.types import Task


def preference_parts(outputs: Sequence[str], targets: Sequence[str], task: Task) -> Floats:
    """[n, 2]: 1 where the output is the chosen answer's text, and 1; a target is JSON {"chosen", "rejected"}."""
    pairs = zip(outputs, targets, strict=True)
    return scored([float(output == json.loads(target)["chosen"]) for output, target in pairs])


PREFERENCE = Metric(
    "preference-accuracy", ("prefer",), "share of pairs whose chosen answer wins", "选中回答胜出的比例",
    preference_parts, share, mean=True, hits=True,
)  # fmt: skip
