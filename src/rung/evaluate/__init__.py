"""An adaptation over examples gives a result: marks, intervals, paired tests; and what training made a model forget."""

from rung.evaluate.forgetting import Forgetting, Rise, forgetting
from rung.evaluate.general_text import General, read_general, shipped_general
from rung.evaluate.measure import Marked, arriving, bare_task, in_order, latency, measure
from rung.evaluate.statistics import exact_lower, mcnemar, needed, paired_difference, wilson

__all__ = [
    "Forgetting", "General", "Marked", "Rise", "arriving", "bare_task", "exact_lower", "forgetting", "in_order", "latency", "mcnemar", "measure", "needed",
    "paired_difference", "read_general", "shipped_general", "wilson",
]  # fmt: skip
