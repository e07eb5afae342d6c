"""An adaptation over examples gives a result: marks, intervals, paired tests."""

from rung.evaluate.measure import Marked, latency, measure
from rung.evaluate.statistics import mcnemar, needed, paired_difference, wilson, wilson_lower

__all__ = ["Marked", "latency", "mcnemar", "measure", "needed", "paired_difference", "wilson", "wilson_lower"]
