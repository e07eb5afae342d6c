"""An adaptation over examples gives a result: marks, intervals, paired tests."""

from rung.evaluate.measure import Marked, latency, measure
from rung.evaluate.statistics import exact_lower, mcnemar, needed, paired_difference, wilson

__all__ = ["Marked", "exact_lower", "latency", "mcnemar", "measure", "needed", "paired_difference", "wilson"]
