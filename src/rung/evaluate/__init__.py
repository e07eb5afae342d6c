"""An adaptation over examples gives a result: marks, intervals, paired tests; what training made a model forget;
and a model as judge of two answers, with how far it agrees with people (agreement.py)."""

from rung.evaluate.forgetting import Forgetting, GeneralReader, Rise, forgetting
from rung.evaluate.general_text import General, read_general, shipped_general
from rung.evaluate.judge import Choice, Contest, Judged, Order, ask, asked_of, check_judge, judge
from rung.evaluate.measure import Marked, arriving, bare_task, in_order, latency, measure, paired
from rung.evaluate.statistics import exact_lower, mcnemar, mcnemar_interval, needed, paired_difference, wilson

__all__ = [
    "Choice", "Contest", "Forgetting", "General", "GeneralReader", "Judged", "Marked", "Order", "Rise", "arriving", "ask", "asked_of", "bare_task", "check_judge",
    "exact_lower", "forgetting", "in_order", "judge", "latency", "mcnemar", "mcnemar_interval", "measure", "needed", "paired",
    "paired_difference", "read_general", "shipped_general", "wilson",
]  # fmt: skip
