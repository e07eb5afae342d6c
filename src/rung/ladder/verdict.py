"""Has a rung met the target? And which adaptation to take when none has?

*Proven* needs a one-sided lower bound at or above the target, on dev. The error level (5 %) is shared among all the
rungs of the plan, and for a rung among all the looks at dev until then: going up only after a rung failed gives every
rung a chance to pass by luck, the best of many candidates looks better than it is, and a rung that builds on what an
earlier one has found on dev inherits its luck. By the union bound that would be 5 % for the whole climb, were the
candidates chosen beforehand; as they are not, it may be more (``bench/claims.py``). *Confirmed* is a claim that holds at
5 %, whatever was done on dev: the bound of the one adaptation that the sealed test is opened for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rung.evaluate import Forgetting, Marked, mcnemar, mcnemar_interval, needed, paired, paired_difference
from rung.task.metrics import METRICS
from rung.types import Cost, Result

Status = Literal["proven", "likely", "missed", "measured"]
Unit = Literal["flops", "money", "tokens"]  # in which rungs are called cheaper
ALPHA = 0.05


@dataclass(frozen=True)
class Verdict:
    """``bound``: the corrected lower bound; ``more_dev``: further dev examples that would settle a *likely*."""

    status: Status
    bound: float | None
    more_dev: int | None = None


def judge(marked: Marked, target: float | None, rungs: int, looks: int) -> Verdict:
    """The verdict on a rung's best candidate after ``looks`` at dev so far, in a plan of ``rungs`` rungs."""
    alpha = ALPHA / (max(1, rungs) * max(1, looks))
    value, bound = marked.result().value, marked.lower(alpha)
    if target is None or value is None or bound is None:
        return Verdict("measured", bound)
    if bound >= target:
        return Verdict("proven", bound)
    if value < target:
        return Verdict("missed", bound)
    if (enough := needed(value, target, alpha)) is None:
        return Verdict("likely", bound)
    n = len(marked.examples)
    return Verdict("likely", bound, max(1, math.ceil(enough * n / marked.worth()) - n))


def confirmation(marked: Marked, target: float | None) -> dict[str, Any]:
    """``bound``: one-sided, at 5 %, of what alone was asked on the sealed test; ``confirmed``: whether it reaches ``target``."""
    bound = marked.lower(ALPHA)
    return {"bound": bound, "confirmed": None if target is None or bound is None else bound >= target}


def barred(forgotten: Forgetting | None, most: float | None) -> dict[str, str] | None:
    """Why a rung that has forgotten more than ``most`` nats per token cannot be chosen; None: it can."""
    if forgotten is None or most is None or forgotten.worst <= most:
        return None
    at = max(forgotten.languages, key=lambda language: forgotten.languages[language].nats)
    rise = forgotten.languages[at].nats
    return {
        "en": f"it cannot be chosen: {at} general text costs {rise:.3f} nats per token more than before, above --max-forgetting {most:g}",
        "zh": f"不能选用：{'中文' if at == 'zh' else '英文'}通用文本的每词元损失比原来高 {rise:.3f} nats，超过 --max-forgetting {most:g}",
    }


def worse(a: Marked, b: Marked, alpha: float = ALPHA) -> bool:
    """Is ``a`` significantly worse than ``b`` on the same examples? Exact McNemar on hits, else a paired bootstrap."""
    if a.proportion and b.proportion:
        return float(a.scores().mean()) < float(b.scores().mean()) and mcnemar(a.scores(), b.scores()) < alpha
    combine = METRICS[a.task.metric].combine
    return paired_difference(*paired(a, b), combine, 1 - alpha)[2] < 0


def lead(a: Marked, b: Marked) -> Result:
    """How far ``a`` is ahead of ``b`` on the same examples: the difference of the metric, with a paired bootstrap's interval.

    Of hits it is widened to that of the test by which :func:`worse` decides: what is not significant is not shown as if it were.
    """
    metric = a.task.metric
    value, low, high = paired_difference(*paired(a, b), METRICS[metric].combine, 1 - ALPHA)
    if a.proportion and b.proportion:
        exact = mcnemar_interval(a.scores(), b.scores(), ALPHA)
        low, high = min(low, exact[0]), max(high, exact[1])
    return Result(metric, value, low, high, len(a.examples))


def to_build(cost: Cost, unit: Unit) -> float:
    """What building took, in ``unit``; 0 where it took nothing of that kind."""
    return {"flops": cost.build_flops, "money": cost.build_money, "tokens": cost.build_tokens}[unit] or 0.0


def to_ask(cost: Cost, unit: Unit) -> float:
    """What a request takes, in ``unit``."""
    each = {"flops": cost.flops_per_request, "money": cost.money_per_request, "tokens": cost.tokens_per_request}
    return each[unit] or 0.0


def total_cost(cost: Cost, volume: int, unit: Unit = "flops") -> float:
    """The one scale on which rungs are called cheaper: what it takes to build and to answer ``volume`` requests.

    Operations and not seconds, so that the same climb chooses the same adaptation on a busy machine. Nobody knows those of an
    endpoint: there it is money, or tokens where nothing is paid.
    """
    return to_build(cost, unit) + volume * to_ask(cost, unit)


def break_even(build: Cost, run: Cost, unit: Unit = "flops") -> int | None:
    """Requests after which ``run`` (dearer to build, cheaper to ask) has paid for itself against ``build``."""
    saved = to_ask(build, unit) - to_ask(run, unit)
    dearer = to_build(run, unit) - to_build(build, unit)
    return None if saved <= 0 or dearer <= 0 else int(-(-dearer // saved))


def cheapest_good(measured: Sequence[tuple[str, Marked, Cost]], volume: int, unit: Unit = "flops") -> tuple[str, str]:
    """(name of the choice, name of the best): the cheapest that is not significantly worse than the best."""
    best = max(measured, key=lambda m: (m[1].result().value or 0.0, -total_cost(m[2], volume, unit)))
    for name, marked, _ in sorted(measured, key=lambda m: total_cost(m[2], volume, unit)):
        if name == best[0] or not worse(marked, best[1]):
            return name, best[0]
    raise AssertionError("the best is never worse than itself")
