"""Verdicts, the cheapest good rung and break-even: figures by hand, and the error level by simulation."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binom

from rung.evaluate import Marked, exact_lower, needed
from rung.ladder.verdict import ALPHA, break_even, cheapest_good, judge, lead, total_cost, worse
from rung.types import Cost, Prediction, Task


def marked(task: Task, hits: np.ndarray) -> Marked:
    """A program that is right exactly where ``hits`` is 1."""
    other = {"left": "right", "right": "left"}
    pairs = zip(task.dev, hits, strict=True)
    return Marked(task, task.dev, tuple(Prediction(e.id, e.target if hit else other[e.target]) for e, hit in pairs))


def first(n: int, right: int) -> np.ndarray:
    return np.arange(n) < right


@pytest.mark.parametrize(
    ("right", "target", "status"),
    [(98, 0.85, "proven"), (87, 0.85, "likely"), (80, 0.85, "missed"), (98, None, "measured")],
)
def test_the_four_verdicts(orders: SimpleNamespace, right: int, target: float | None, status: str) -> None:
    verdict = judge(marked(orders.task(dev=100), first(100, right)), target, 1, 1)
    assert verdict.status == status
    assert verdict.bound == pytest.approx(exact_lower(right / 100, 100, 0.05))
    assert (verdict.more_dev is not None) == (status == "likely")


def test_likely_says_how_many_examples_would_settle_it(orders: SimpleNamespace) -> None:
    verdict = judge(marked(orders.task(dev=100), first(100, 90)), 0.85, 1, 1)
    assert verdict.status == "likely"
    assert verdict.more_dev is not None
    assert exact_lower(0.9, 100 + verdict.more_dev, ALPHA) >= 0.85


def test_examples_of_a_graded_metric_settle_it_sooner(orders: SimpleNamespace) -> None:
    """Scores that lie close together: as many examples as a share of hits would need are far too many."""
    task = orders.task(dev=100, kind="generate", metric="chrf", labels=())
    outputs = [e.target[: len(e.target) - i % 2] for i, e in enumerate(task.dev)]  # the last letter is missing, or not
    found = Marked(task, task.dev, tuple(Prediction(e.id, o) for e, o in zip(task.dev, outputs, strict=True)))
    value = found.result().value
    assert value is not None
    verdict = judge(found, value - 0.004, 10, 10)
    assert verdict.status == "likely" and verdict.more_dev is not None
    enough = needed(value, value - 0.004, ALPHA / 100)
    assert enough is not None
    assert verdict.more_dev == pytest.approx(enough * 100 / found.worth() - 100, abs=1)
    assert verdict.more_dev < enough / 2


def test_a_score_exactly_at_the_target_is_likely_without_a_number(orders: SimpleNamespace) -> None:
    verdict = judge(marked(orders.task(dev=100), first(100, 85)), 0.85, 1, 1)
    assert (verdict.status, verdict.more_dev) == ("likely", None)


def test_the_level_is_shared_among_rungs_and_looks(orders: SimpleNamespace) -> None:
    found = marked(orders.task(dev=100), first(100, 93))
    assert judge(found, 0.85, 1, 1).status == "proven"
    assert judge(found, 0.85, 10, 1).status == "likely"
    assert judge(found, 0.85, 1, 10).bound == judge(found, 0.85, 10, 1).bound


@pytest.mark.parametrize("truth", [0.1, 0.5, 0.85])
def test_a_false_target_is_claimed_in_at_most_five_climbs_of_a_hundred(orders: SimpleNamespace, truth: float) -> None:
    """2,000 climbs of 5 rungs with 20 equal candidates each, all a hair below the target, on 100 dev examples.

    ``judge`` decides from the number of hits alone, so it is asked once for each number that occurs.
    """
    task = orders.task(dev=100, target=truth)
    draws = np.random.default_rng(5).binomial(100, truth - 1e-6, size=(2000, 5, 20)).max(axis=2)
    claims = {
        k: judge(marked(task, first(100, k)), truth, 5, 20).status == "proven" for k in set(draws.ravel().tolist())
    }
    false = np.mean([any(claims[k] for k in climb) for climb in draws.tolist()])
    assert false <= 0.05
    # Without the correction the same climbs would claim it nearly always: the simulation can fail.
    alone = {k: judge(marked(task, first(100, k)), truth, 1, 1).status == "proven" for k in claims}
    assert np.mean([any(alone[k] for k in climb) for climb in draws.tolist()]) > 0.5


def test_a_true_target_is_found() -> None:
    # 100 % - 5 points at n = 300 with 200 looks: power is what is left of an honest level.
    least = next(k for k in range(301) if exact_lower(k / 300, 300, ALPHA / 200) >= 0.85)
    assert binom.sf(least - 1, 300, 0.95) > 0.9


def test_worse_needs_significance(orders: SimpleNamespace) -> None:
    task = orders.task(dev=100)
    best = marked(task, first(100, 90))
    assert worse(marked(task, first(100, 80)), best)  # 10 against 0 discordant: p = 2 / 2^10
    assert not worse(marked(task, first(100, 86)), best)  # 4 against 0: p = 2 / 2^4
    assert not worse(best, marked(task, first(100, 80)))


def test_worse_by_the_bootstrap_where_the_metric_is_no_share_of_hits(orders: SimpleNamespace) -> None:
    task = orders.task(dev=100, metric="macro-f1")
    assert worse(marked(task, first(100, 70)), marked(task, first(100, 95)))
    assert not worse(marked(task, first(100, 94)), marked(task, first(100, 95)))


def test_two_that_give_other_fields_are_compared(orders: SimpleNamespace) -> None:
    """The counts of field F1 have a column for each field that was wanted or given, and one of the two gave one more."""
    task = replace(orders.task(dev=30, metric="field-f1"), kind="extract", labels=())
    examples = tuple(replace(e, target='{"a":"1"}') for e in task.dev)
    good, bad = '{"a":"1"}', '{"a":"2","b":"3"}'
    one, two = (
        Marked(task, examples, tuple(Prediction(e.id, bad if i % of == 0 else good) for i, e in enumerate(examples)))
        for of in (15, 2)
    )
    right = Marked(task, examples, tuple(Prediction(e.id, good) for e in examples))
    assert worse(two, right) and worse(two, one) and not worse(right, two)
    assert lead(right, two).low > 0


def test_how_far_the_best_is_ahead(orders: SimpleNamespace) -> None:
    task = orders.task(dev=100)
    found = lead(marked(task, first(100, 90)), marked(task, first(100, 80)))
    assert (found.value, found.n) == (pytest.approx(0.1), 100)
    assert (
        0.03 < found.low < 0.06 and 0.14 < found.high < 0.18
    )  # ten of 100 discordant, one way: 1.96 sqrt(.1 * .9 / 100) on each side
    assert lead(marked(task, first(100, 90)), marked(task, first(100, 90))).value == 0


@pytest.mark.parametrize(("n", "best", "other"), [(1, 1, 0), (100, 90, 85), (100, 90, 84), (60, 60, 55), (2, 2, 0)])
def test_the_interval_of_who_is_ahead_agrees_with_the_test_that_chose(
    orders: SimpleNamespace, n: int, best: int, other: int
) -> None:
    """Five of 100 the same way are p = 2 / 2^5 to McNemar, and a bootstrap alone would leave 0 out."""
    task = orders.task(dev=n)
    one, two = marked(task, first(n, best)), marked(task, first(n, other))
    found = lead(one, two)
    assert (found.low > 0) is worse(two, one)
    assert found.low <= found.value <= found.high


def test_the_cheapest_that_is_not_significantly_worse(orders: SimpleNamespace) -> None:
    task = orders.task(dev=100)
    rows = [
        ("cheap and bad", marked(task, first(100, 60)), Cost(flops_per_request=1.0)),
        ("cheap and good", marked(task, first(100, 87)), Cost(flops_per_request=10.0)),
        ("best", marked(task, first(100, 90)), Cost(flops_per_request=100.0)),
        ("trained", marked(task, first(100, 89)), Cost(build_flops=1e6, flops_per_request=1.0)),
    ]
    assert cheapest_good(rows, 1000) == ("cheap and good", "best")
    assert cheapest_good(rows, 1_000_000) == ("trained", "best")  # the training has paid for itself
    assert cheapest_good(rows[:1], 1) == ("cheap and bad", "cheap and bad")


def test_costs_and_break_even_by_hand() -> None:
    prompted, trained = Cost(build_flops=100, flops_per_request=50), Cost(build_flops=1100, flops_per_request=10)
    assert total_cost(trained, 3) == 1130
    assert break_even(prompted, trained) == 25  # 1000 more to build, 40 saved each
    assert break_even(prompted, Cost(build_flops=1101, flops_per_request=10)) == 26  # rounded up
    assert break_even(trained, prompted) is None  # dearer to run: never
    assert break_even(prompted, Cost(build_flops=50, flops_per_request=10)) is None  # cheaper in both: at once
    at = break_even(prompted, trained)
    assert total_cost(trained, at) <= total_cost(prompted, at)
    assert total_cost(trained, at - 1) > total_cost(prompted, at - 1)
